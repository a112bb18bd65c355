"""What is there: in the output folder, or as the lock remembers it. Nothing here writes."""
