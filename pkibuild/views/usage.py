"""The command line as values, and what is generated from them: completion scripts and the man page."""

from __future__ import annotations

from pkibuild.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    flags: tuple[str, ...]
    value: str
    """What it takes (`DIR`); empty for a switch."""
    choices: tuple[str, ...]
    help: str
    optional: bool = False
    """Its value may be left out, and is written with `=`."""


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    choices: tuple[str, ...]
    help: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    epilog: str = ""
