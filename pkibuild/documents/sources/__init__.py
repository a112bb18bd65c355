"""Where the bytes of a document come from: the disk, or a git revision."""
