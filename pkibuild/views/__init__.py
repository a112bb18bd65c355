"""How plans, diagnostics, states and graphs are shown: pure functions from values to text."""
