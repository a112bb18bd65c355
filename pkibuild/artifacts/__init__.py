"""What each kind of artifact is to be, which facets it offers and needs, and how its bytes are made."""
