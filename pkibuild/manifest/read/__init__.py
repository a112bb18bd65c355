"""The manifest as written: its files, includes, name patterns and schema."""
