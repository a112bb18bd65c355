"""What a run remembers: journals, lock, receipts, OpenSSL's files. Pure functions between bytes and values."""
