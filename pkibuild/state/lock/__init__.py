"""The committed lock: one line for each artifact."""
