"""What a run keeps in `.cache/` of the output folder for the next one. All of it may be deleted at any time."""
