"""What a run leaves behind besides the artifacts: receipts, the lock, and OpenSSL's files."""
