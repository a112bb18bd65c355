"""What `plan`, `apply` and `diff` share: what is built, saved plans, `--fail-on`, and showing a plan."""

from __future__ import annotations

import posixpath
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from pkibuild.commands import options
from pkibuild.commands.output import style
from pkibuild.core.diagnostics import UserError
from pkibuild.core.times import parse_moment
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Plan
from pkibuild.world import World

if TYPE_CHECKING:
    from pkibuild.documents import ParsedDocuments
    from pkibuild.pipeline import Options
from argparse import _ActionsContainer

from pkibuild import __version__
from pkibuild.commands.options import manifest_path, wrong_usage
from pkibuild.commands.options import path as path_of
from pkibuild.commands.output import report
from pkibuild.core.diagnostics import Diagnostic, fail, nearest
from pkibuild.world.disk import explain, stat_of
from pkibuild.world.files import read_file, write_file

if TYPE_CHECKING:
    from pkibuild.plan.saved import Saved


def load(arguments: Namespace, world: World, memory: ParsedDocuments | None = None) -> Manifest:
    """The manifest that the arguments name, with the help of `memory`. Raises UserError with all of its problems."""
    from pkibuild import manifest

    path = options.manifest_path(arguments)
    loaded: Manifest = manifest.load(path, world, output=arguments.output, memory=memory)
    return loaded


def recall(arguments: Namespace, world: World) -> ParsedDocuments:
    """Large documents as the last run read them."""
    from pkibuild.cache import documents as memory
    from pkibuild.cache.answer import output_of
    from pkibuild.documents import ParsedDocuments

    if arguments.output is not None:
        return ParsedDocuments()
    try:
        root = output_of(options.manifest_path(arguments))
        return ParsedDocuments() if root is None else memory.read(world.tree(posixpath.join(world.folder(), root)))
    except (OSError, ValueError, UserError):  # there is none, or the long way tells what is wrong
        return ParsedDocuments()


def keep(documents: ParsedDocuments, manifest: Manifest, world: World) -> None:
    """Keep them for the next run, unless it cannot know where they lie."""
    from pkibuild.cache import documents as memory
    from pkibuild.observe.workspace import output_root

    if posixpath.isabs(manifest.output):
        return
    try:
        memory.write(world.tree(output_root(manifest)), documents)
    except UserError:  # as in `remember`
        return


def add_selection(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what is built")
    group.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="only what matches, and what it depends on; may be repeated",
    )
    group.add_argument(
        "--due", action="store_true", help="only what time asks for, never what an edit asks for: for cron"
    )
    group.add_argument(
        "--prune", nargs="?", const="", metavar="GLOB", help="remove what is no longer declared (write --prune=GLOB)"
    )
    add_fail_on(group)
    group.add_argument(
        "--max-reissue",
        type=options.count,
        metavar="N",
        help="stop with 5 where more certificates would be issued again",
    )


def chosen(arguments: Namespace, world: World) -> Options:
    """What the arguments ask for; of a saved plan the choice that it was made with. Raises UserError."""
    from pkibuild.pipeline import Options

    at = getattr(arguments, "at", None)
    saved = given(arguments)
    choice = arguments if saved is None else saved
    return Options(
        at=None if at is None else options.parsed(lambda: parse_moment(at, world.now())),
        only=tuple(choice.only),
        due=choice.due,
        prune=choice.prune,
        jobs=getattr(arguments, "jobs", None),
        fail_on=fail_on(arguments),
        max_reissue=arguments.max_reissue,
        accept_lost_history=tuple(getattr(arguments, "accept_lost_history", ())),
        take_over=getattr(arguments, "take_over", False),
        lock_only=getattr(arguments, "lock_only", False),
        strict=arguments.strict,
        saved=saved,
    )


def show_plan(plan: Plan, arguments: Namespace, world: World, word: str = "Plan") -> None:
    """The plan on standard output, in the format that was asked for; with `-q` only how it ends."""
    if arguments.format == "json":
        from pkibuild.views import plan_json

        world.out(plan_json.text(plan))
    elif arguments.format == "markdown":
        from pkibuild.views import plan_markdown

        world.out(plan_markdown.text(plan, verbose=arguments.verbose, word=word))
    else:
        from pkibuild.views import plan_text

        paint = style(arguments, world)
        if arguments.quiet:
            world.out(plan_text.closing(plan, paint, word) + "\n")
        else:
            world.out(plan_text.text(plan, paint, verbose=arguments.verbose, word=word))


def remember(plan: Plan, arguments: Namespace, world: World) -> None:
    """Keep what was told of an unchanged tree, so that the next run can tell it at once (`quick`)."""
    watch = plan.watch
    plain = arguments.format == "text" and arguments.color == "auto" and not (arguments.quiet or arguments.verbose)
    if watch is None or not plain or arguments.output is not None or "PKIBUILD_NOW" in world.env:
        return
    from pkibuild.cache import answer as quick
    from pkibuild.cache.store import save_answer
    from pkibuild.views import diagnostics, plan_text
    from pkibuild.views.terminal import Style

    out = [plan_text.text(plan, Style(coloured)) for coloured in (False, True)]
    err = [diagnostics.text(plan.warnings, Style(coloured)) if plan.warnings else "" for coloured in (False, True)]
    texts = dict.fromkeys(("plan", "apply"), (out[0], out[1], err[0], err[1]))
    name = options.manifest_path(arguments)
    data = quick.pack(watch.root, name, world.user(), texts, watch.started, watch.until, watch.watched)
    if data is not None:
        try:
            save_answer(world.tree(watch.root), quick.ANSWER, data)
        except UserError:  # a folder that may only be read is planned as well, only not as fast
            return


def add_fail_on(parser: _ActionsContainer) -> None:
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="CODE",
        help="exit with 5 on a risk of that code (several with commas), or on any with `risk`",
    )


def fail_on(arguments: Namespace) -> tuple[str, ...]:
    """The codes asked for. Ends the run where one is unknown."""
    codes = tuple(code.strip() for codes in arguments.fail_on for code in codes.split(",") if code.strip())
    if not codes:
        return ()
    from pkibuild.review.risks import ANY, RISKS

    for code in codes:
        if code != ANY and code not in RISKS:
            near = nearest(code, (ANY, *RISKS))
            known = f"did you mean `{near}`?" if near else f"known are {', '.join((ANY, *RISKS))}"
            wrong_usage(f"--fail-on: there is no risk `{code}`; {known}")
    return codes


def stopped(plan: Plan, codes: tuple[str, ...], arguments: Namespace, world: World) -> int:
    """Tell the risks on which a plan was to stop; the exit code for that, 0 where there is none."""
    if not codes:
        return 0
    from pkibuild.plan.selection import STOPPED, stopping

    found: list[Diagnostic] = stopping(plan, codes)
    report(found, arguments, world)
    return STOPPED if found else 0


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
