"""`pkibuild apply`: builds what the plan says; a second run does nothing."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from msgspec.structs import replace

from pkibuild.commands import options
from pkibuild.commands.output import located, report, warned
from pkibuild.commands.planning import add_plan, add_selection, chosen, keep, load, recall, remember, show_plan
from pkibuild.views.progress import ProgressLine
from pkibuild.world import World

MANY = 1000
"""Of more actions, the fields of new certificates are shown only where they are asked for."""
WAITING = 4
"""Exit code where all was done that could be, and something waits."""


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    add_selection(parser)
    parser.add_argument(
        "-j", "--jobs", type=options.number, metavar="N", help="workers (default: one for every processor)"
    )
    add_plan(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="the same as `pkibuild plan`; with `--plan`, whether it still holds"
    )
    parser.add_argument(
        "--accept-lost-history",
        action="append",
        default=[],
        metavar="NAME",
        help="go on although an authority's journal lost its end",
    )
    parser.add_argument(
        "--take-over", action="store_true", help="take an output folder that belonged to another manifest"
    )
    options.strict(parser)
    options.common(parser, ("text", "json", "markdown"))
    options.examples(
        parser,
        ("pkibuild apply", "build everything that pki.yaml declares"),
        ("pkibuild apply --due -q", "from cron: renew what is due, tell only what needs attention"),
        ("pkibuild apply --only 'host/web*'", "some hosts and what they depend on"),
        ("pkibuild apply --plan plan.json", "exactly what `pkibuild plan --out plan.json` showed, or nothing"),
        ("pkibuild apply --prune", "also remove what is no longer declared"),
    )


def run(arguments: Namespace, world: World) -> int:
    if arguments.dry_run:
        from pkibuild.commands import plan as plan_command

        arguments.detailed_exitcode = False
        return plan_command.run(arguments, world)
    from pkibuild import pipeline

    wanted = chosen(arguments, world)
    documents = recall(arguments, world)
    manifest = load(arguments, world, documents)
    progress = ProgressLine(world, enabled=world.err_is_terminal() and not arguments.quiet)
    with located(manifest):
        try:
            plan, result = pipeline.apply(manifest, world, wanted, progress)
        finally:
            progress.done()
    warned(plan.warnings, arguments, world)
    done = set(result.done)
    told = replace(plan, actions=tuple(action for action in plan.actions if action.id in done))
    if not arguments.quiet or arguments.format != "text":
        if arguments.verbose or arguments.format != "text" or len(told.actions) <= MANY:
            from pkibuild.plan.annotate import describe_new

            told = describe_new(told, manifest)
        show_plan(told, arguments, world, "Applied")
    keep(documents, manifest, world)
    remember(plan, arguments, world)
    report(result.diagnostics, arguments, world)
    return WAITING if plan.pending or result.pending else 0
