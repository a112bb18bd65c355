"""YAML: read strictly, with positions that are looked up when they are shown."""
