"""The command line: finds the command, imports it and nothing else, and turns errors into messages and exit codes.

The only boundary for exceptions. Exit codes are those of the manual: 0 done, 1 problems or failure, 2 changes or
something due (where asked), 3 another run, 4 something waits, 5 stopped on purpose, 64 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

from pkibuild.commands.registry import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be imported for this alone
    from argparse import Namespace
    from collections.abc import Sequence

    from pkibuild.core.diagnostics import UserError
    from pkibuild.world import World

USAGE = 64
INTERRUPTED = 130


REPORT = "this is a bug in pkibuild: please report it with the lines above and `pkibuild version`"


def entry() -> None:
    """The `pkibuild` program."""
    import gc

    # A run is short and its values live to its end: looking for garbage among them costs a third of it. For good: to
    # begin again would look through all that the run has made, once more before it ends.
    gc.disable()
    _mend_streams()
    status = main(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(status)  # Python tells of it
    # All is said and done. To take apart what the run has made would take a sixth of a small one, and frees nothing
    # that the system does not free.
    os._exit(status)


def _mend_streams() -> None:
    """What was closed leads nowhere, and a character that standard output's encoding lacks is shown as its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # left so, the next file that is opened would take its number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # typeshed has any text stream here


def _quick(argv: Sequence[str]) -> int | None:
    """The exit code of a run that the cache alone could answer; None sends it the long way."""
    try:
        from pkibuild.cache import answer as quick  # type: ignore[attr-defined,unused-ignore]  # it stands beside this module, or not
    except ImportError:
        return None
    answer: int | None = quick.answer(argv)
    return answer


def main(argv: Sequence[str], world: World | None = None) -> int:
    """Run one command, in the real world unless another is given; its exit code. Raises nothing."""
    try:
        try:
            status = _quick(argv) if world is None else None
            if status is None:
                status = _dispatch(argv, world)
        finally:
            sys.stdout.flush()
    except SystemExit as stop:  # argparse, after help or wrong usage
        return stop.code if isinstance(stop.code, int) else USAGE
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: what was finished is recorded, the next run goes on\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has left
        _leave_output()
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # files are named, and told by `world`
            _leave_output()
            sys.stderr.write(f"pkibuild: error: cannot write standard output: {(error.strerror or '').lower()}\n")
            return 1
        import traceback

        traceback.print_exc(limit=-30)  # the last thirty calls: endless recursion would fill the screen
        sys.stderr.write(f"{REPORT}\n")
        return 1
    return status


def _leave_output() -> None:
    """What could not be written is dropped: Python would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(argv: Sequence[str], world: World | None) -> int:
    first = argv[0] if argv else ""
    if first in ("", "-h", "--help", "help"):
        return _help(argv[1:] if first == "help" else ())
    if first in ("-V", "--version"):
        from pkibuild import __version__

        sys.stdout.write(f"pkibuild {__version__}\n")
        return 0
    if first not in dict(COMMANDS):
        return _unknown(first)
    return _run(first, argv[1:], world)


def _help(names: Sequence[str]) -> int:
    if names:
        return _dispatch([names[0], "--help"], None)
    width = max(len(name) for name, _ in COMMANDS)
    lines = [f"  {name:{width}}  {summary}" for name, summary in COMMANDS]
    sys.stdout.write(
        "usage: pkibuild COMMAND [MANIFEST] [options]\n\n"
        "A build system for a private PKI: one YAML manifest into keys, certificates, CRLs and TLS configs.\n"
        "The manifest is pki.yaml in this folder unless named.\n\ncommands:\n"
    )
    sys.stdout.write("\n".join([*lines, "", "`pkibuild COMMAND --help` tells more, with examples.", ""]))
    return 0


def _unknown(word: str) -> int:
    from pkibuild.core.diagnostics import nearest

    if word.startswith("-"):
        told = f"`{word}` is no option here: options come after the command"
    else:
        close = nearest(word, (name for name, _ in COMMANDS))
        told = f"there is no command `{word}`" + (f"; did you mean `{close}`?" if close else "")
    names = " ".join(name for name, _ in COMMANDS)
    sys.stderr.write(f"usage: pkibuild COMMAND [MANIFEST] [options]\npkibuild: error: {told}\n  commands: {names}\n")
    return USAGE


_ending: list[World] = []
"""The world of the process's one run, for `World.hold`."""


def _run(name: str, argv: Sequence[str], world: World | None) -> int:
    from importlib import import_module

    from pkibuild.commands.options import parser_for
    from pkibuild.core.diagnostics import UserError
    from pkibuild.world import World as RealWorld

    command = import_module(f"pkibuild.commands.{name}")
    parser = parser_for(name, dict(COMMANDS)[name])
    command.register(parser)
    arguments = parser.parse_args(argv)
    if world is None:
        world = RealWorld()
        _ending.append(world)
    try:
        status: int = command.run(arguments, world)
    except UserError as error:
        return _tell(error, arguments, world)
    return status


def _tell(error: UserError, arguments: Namespace, world: World) -> int:
    """Show what was wrong, in the format that was asked for."""
    from pkibuild.commands.output import report

    report(error.diagnostics, arguments, world)
    return error.status
