"""`plan --out FILE` and `apply --plan FILE`: a plan is saved, reviewed, and carried out as it was reviewed."""

from __future__ import annotations

import posixpath
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from pkibuild import __version__
from pkibuild.commands.options import manifest_path, wrong_usage
from pkibuild.commands.options import path as path_of
from pkibuild.core.diagnostics import UserError, fail
from pkibuild.model.plan import Plan
from pkibuild.world import World
from pkibuild.world.disk import explain, stat_of
from pkibuild.world.files import read_file, write_file

if TYPE_CHECKING:
    from pkibuild.plan.saved import Saved

CHOOSING = ("only", "due", "prune", "accept_lost_history", "take_over")
"""Options that a saved plan has settled."""


def add_out(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=path_of, metavar="FILE", help="save the plan, for `pkibuild apply --plan FILE`")


def add_plan(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--plan",
        type=path_of,
        metavar="FILE",
        help="do exactly what this saved plan says, or stop with 5 where it no longer holds",
    )


def check_out(arguments: Namespace) -> None:
    """Refuse to save what cannot be applied, or in place of what is no saved plan. Raises UserError."""
    path = getattr(arguments, "out", None)
    if path is None:
        return
    if arguments.at is not None:
        wrong_usage("--out and --at: what is due at another time cannot be applied now")
    if stat_of(path) is None:
        return
    try:
        if data := _read(path):  # an empty one is `mktemp`'s
            _parse(data, path)
    except UserError as error:
        if error.diagnostics[0].code != "plan-version":
            raise fail(
                "not-ours", f"`{path}` is there already, and is no saved plan", hint="name another file for `--out`"
            ) from None


def save(plan: Plan, arguments: Namespace, world: World) -> None:
    """Write the plan where `--out` asks for it. Raises UserError."""
    path = getattr(arguments, "out", None)
    if path is None:
        return
    from pkibuild.views import plan_saved

    text = plan_saved.text(plan, __version__, arguments.only, arguments.due, arguments.prune)
    write_file(path, text.encode("utf-8"))
    if not arguments.quiet:
        world.err(f"saved; `pkibuild apply --plan {path}` does exactly this\n")


def given(arguments: Namespace) -> Saved | None:
    """The saved plan that `--plan` names. Ends the run on options that it has settled. Raises UserError."""
    path = getattr(arguments, "plan", None)
    if path is None:
        return None
    for name in CHOOSING:
        if getattr(arguments, name, None) not in (None, False, []):
            wrong_usage(f"--plan and --{name.replace('_', '-')}: what is done was settled when the plan was saved")
    saved = _parse(_read(path), path)
    name = manifest_path(arguments)
    if posixpath.basename(saved.manifest) != posixpath.basename(name):
        raise fail(
            "other-plan",
            f"`{path}` is the plan of the manifest `{saved.manifest}`, and this is `{name}`",
            hint="name its manifest: `pkibuild apply MANIFEST --plan FILE`",
        )
    return saved


def _read(path: str) -> bytes:
    from pkibuild.plan.saved import LIMIT

    try:
        return read_file(path, LIMIT)
    except OSError as error:
        raise fail("read-failed", f"cannot read the saved plan `{path}`: {explain(error)}") from None


def _parse(data: bytes, path: str) -> Saved:
    from pkibuild.plan.saved import parse

    return parse(data, path)
