"""Certificate revocation lists."""
