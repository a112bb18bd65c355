"""Arguments that commands share, and the parser that they are declared on."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from pkibuild.core.diagnostics import nearest

MANIFEST = "pki.yaml"
"""The manifest where none is named."""

USAGE = 64

Value = TypeVar("Value")


class Parser(argparse.ArgumentParser):
    """Wrong usage ends with status 64 and, for a misspelt option, the nearest one."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # overloaded in typeshed
        """A bare `--prune` takes nothing from what follows it: its value is always written with `=`."""
        argv = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(["--prune=" if one == "--prune" else one for one in argv], namespace)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}{self._nearest(message)}\n")

    def _nearest(self, message: str) -> str:
        found = re.match(r"unrecognized arguments: (--?[^\s=]+)", message)
        close = nearest(found[1], self._option_string_actions) if found else ""
        return f" (did you mean {close}?)" if close else ""


def parser_for(name: str, summary: str) -> Parser:
    """The parser of a command, still without its arguments."""
    return Parser(
        prog=f"pkibuild {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def examples(parser: argparse.ArgumentParser, *pairs: tuple[str, str]) -> None:
    """Command lines, each with what it does, for the end of the help."""
    lines = [f"  {command}\n      {what}" for command, what in pairs]
    parser.epilog = "\n".join(["examples:", *lines])


def manifest(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """The manifest, also as `-f`; and `--output`."""
    if positional:
        parser.add_argument(
            "manifest", nargs="?", type=path, metavar="MANIFEST", help=f"the manifest (default: {MANIFEST})"
        )
    parser.add_argument("-f", "--file", type=path, metavar="MANIFEST", help="the manifest, as an option")
    parser.add_argument(
        "--output", type=path, metavar="DIR", help="output folder, in place of the manifest's; the lock goes there"
    )


def manifest_path(arguments: argparse.Namespace) -> str:
    """The manifest that was named, or the default. Ends the run where two were named."""
    named: str | None = getattr(arguments, "manifest", None)
    option: str | None = arguments.file
    if named and option and named != option:
        wrong_usage(f"two manifests: {named} and -f {option}")
    return named or option or MANIFEST


def wrong_usage(message: str) -> NoReturn:
    """End the run with status 64."""
    sys.stderr.write(f"pkibuild: error: {message}\n")
    raise SystemExit(USAGE)


def common(parser: argparse.ArgumentParser, formats: Sequence[str] = ("text", "json")) -> None:
    """How the command tells what it tells."""
    group = parser.add_argument_group("output options")
    group.add_argument(
        "--format", choices=formats, default=formats[0], help=f"form of the output (default: {formats[0]})"
    )
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours (default: auto, on a terminal without NO_COLOR)",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="tell only what needs attention")
    group.add_argument("-v", "--verbose", action="store_true", help="tell everything, equal units of a fleet too")


def strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="take warnings as errors")


def moment(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument(
        "--at", metavar="TIME", help=f"{what} at that time: ISO 8601, or a duration from now such as 30d"
    )


def path(text: str) -> str:
    """A file or folder, for `type=`; an empty word is most likely a shell variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("an empty word names no file or folder")
    return text


def number(text: str) -> int:
    """A whole number from 1 on, for `type=`."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 on, for `type=`."""
    return 0 if text == "0" else number(text)


def parsed(parse: Callable[[], Value]) -> Value:
    """The value of a parser of `units`; what it refuses is wrong usage."""
    try:
        return parse()
    except ValueError as error:
        wrong_usage(str(error))
