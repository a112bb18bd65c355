"""The files of plain OpenSSL's `ca` in an authority's folder."""
