"""The commands, in the order of the help. Imports nothing: the command line reads it at every start."""

from __future__ import annotations

COMMANDS: tuple[tuple[str, str], ...] = (
    ("init", "write a commented starter manifest"),
    ("validate", "tell all problems of the manifest at once, and of its lock"),
    ("show", "print the manifest with every inherited and built-in value filled in"),
    ("plan", "show what apply would do, and change nothing"),
    ("apply", "build what the plan says"),
    ("diff", "show what changes between two manifests, no artifacts needed"),
    ("status", "tell every certificate's and CRL's expiry, renewal and state"),
    ("graph", "show the dependency graph"),
    ("bundle", "write one host's files as a tar stream"),
    ("schema", "print the JSON Schema of the manifest or of a plan"),
    ("completion", "print a completion script for a shell"),
    ("version", "print the versions of pkibuild and of what it stands on"),
)
"""Name and summary of every command, in the order of the help; each is the module `pkibuild.commands.NAME`."""
