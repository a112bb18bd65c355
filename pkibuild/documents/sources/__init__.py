"""Where the bytes of a document come from, if not from the disk: a revision of a git repository."""
