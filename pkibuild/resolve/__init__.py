"""From a manifest and its packs to the units: which artifacts each host, certificate and authority is to have."""
