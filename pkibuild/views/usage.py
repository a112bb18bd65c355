"""The command line as values, and what is generated from them: completion scripts and the man page."""

from __future__ import annotations

from pkibuild.core.values import Record


class Option(Record):
    flags: tuple[str, ...]
    value: str
    """What it takes (`DIR`); empty for a switch."""
    choices: tuple[str, ...]
    help: str
    optional: bool = False
    """Its value may be left out, and is written with `=`."""


class Argument(Record):
    name: str
    choices: tuple[str, ...]
    help: str
    optional: bool = False


class Command(Record):
    name: str
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    epilog: str = ""
