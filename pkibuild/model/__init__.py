"""Records that rooms hand to each other, and where artifacts lie. No behaviour, no input or output."""
