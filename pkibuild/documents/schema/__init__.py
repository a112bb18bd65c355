"""JSON Schema: validation, its diagnostics, and which values are secret."""
