"""Journals: one for each authority, append-only, each line chained to the one before it."""
