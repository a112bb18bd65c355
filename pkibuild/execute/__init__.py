"""Carrying a plan out: the only writer. It decides nothing; what it needs to know is in the recipes."""
