"""The command line as plain values, read from the parsers: for completion scripts and the man page."""

from __future__ import annotations

import argparse
from importlib import import_module

from pkibuild.commands.options import parser_for
from pkibuild.views.usage import Argument, Command, Option


def commands(registry: tuple[tuple[str, str], ...]) -> list[Command]:
    """Every command of the registry (name, summary), with its options and arguments."""
    return [_command(name, summary) for name, summary in registry]


def _command(name: str, summary: str) -> Command:
    parser = parser_for(name, summary)
    import_module(f"pkibuild.commands.{name}").register(parser)
    # argparse has no public way to list what was declared; `_actions` has been the same since Python 2.7.
    actions = [one for one in parser._actions if one.help != argparse.SUPPRESS]
    return Command(
        name,
        summary,
        tuple(_option(one) for one in actions if one.option_strings),
        tuple(_argument(one) for one in actions if not one.option_strings),
        parser.epilog or "",
    )


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    value = str(action.metavar or action.dest.upper()) if takes else ""
    return Option(
        tuple(action.option_strings), value, _choices(action), action.help or "", optional=action.nargs == "?"
    )  # fmt: skip


def _argument(action: argparse.Action) -> Argument:
    name = str(action.metavar or action.dest.upper())
    return Argument(name, _choices(action), action.help or "", optional=action.nargs == "?")


def _choices(action: argparse.Action) -> tuple[str, ...]:
    return tuple(str(one) for one in action.choices or ())
