"""`pkibuild plan`: what `apply` would do, as a diff; changes nothing."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.output import located, warned
from pkibuild.commands.planning import (
    add_out,
    add_selection,
    check_out,
    chosen,
    keep,
    load,
    recall,
    remember,
    save,
    show_plan,
    stopped,
)
from pkibuild.world import World

CHANGES = 2
"""Exit code of `--detailed-exitcode` where something would be done."""


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    add_selection(parser)
    options.moment(parser, "what apply would do")
    parser.add_argument(
        "--lock-only", action="store_true", help="from the manifest and the lock alone, where no artifacts are"
    )
    add_out(parser)
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 where there are changes")
    options.strict(parser)
    options.common(parser, ("text", "json", "markdown"))
    options.examples(
        parser,
        ("pkibuild plan", "what apply would do now"),
        ("pkibuild plan --lock-only", "what a change does, told on a machine that has manifest and lock alone"),
        ("pkibuild plan --at 60d", "what will be due in sixty days"),
        ("pkibuild plan --format markdown > comment.md", "for a comment on a pull request"),
        ("pkibuild plan --out plan.json", "save it; once reviewed, `pkibuild apply --plan plan.json`"),
        ("pkibuild plan --fail-on risk", "exit with 5 on anything that a reviewer must not miss"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    check_out(arguments)
    wanted = chosen(arguments, world)
    documents = recall(arguments, world)
    manifest = load(arguments, world, documents)
    with located(manifest):
        plan = pipeline.plan(manifest, world, wanted)
    warned(plan.warnings, arguments, world)
    show_plan(plan, arguments, world)
    keep(documents, manifest, world)
    remember(plan, arguments, world)
    if status := stopped(plan, wanted.fail_on, arguments, world):
        return status
    save(plan, arguments, world)
    return CHANGES if arguments.detailed_exitcode and not plan.is_empty else 0
