"""The plan from one manifest to another, without an output folder."""
