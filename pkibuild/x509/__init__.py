"""X.509: names, certificates, certificate requests and revocation lists, written and read.

`attributes` and `contents` import no cryptography, so that planning without signing stays cheap;
`names`, `issue` and `inspect` do.
"""
