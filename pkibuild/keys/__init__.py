"""Private keys: made, written, opened; and where their passphrases come from.

`errors` and `passphrase` import no cryptography; `backend` does.
"""
