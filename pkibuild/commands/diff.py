"""`pkibuild diff OLD NEW`: what changes between two manifests; needs neither artifacts nor keys."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.output import warned
from pkibuild.commands.plan import CHANGES
from pkibuild.commands.planning import add_fail_on, fail_on, show_plan, stopped
from pkibuild.core.diagnostics import UserError
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    where = "the path of a manifest, or REV:PATH of the git repository (:PATH is what is to be committed)"
    parser.add_argument("old", metavar="OLD", help=f"{where}; /dev/null for none")
    parser.add_argument("new", metavar="NEW", help=where)
    add_fail_on(parser)
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 where there are changes")
    options.strict(parser)
    options.common(parser, ("text", "json", "markdown"))
    options.examples(
        parser,
        ("pkibuild diff origin/main:pki.yaml pki.yaml", "what this branch changes, before it is committed"),
        ("pkibuild diff HEAD:pki.yaml :pki.yaml", "what is about to be committed"),
        ("pkibuild diff v1.0:pki.yaml HEAD:pki.yaml", "between two revisions; a path there begins at the root"),
        ("pkibuild diff --format markdown main:pki.yaml pki.yaml > comment.md", "for a comment on a pull request"),
        ("pkibuild diff --fail-on risk main:pki.yaml pki.yaml", "exit with 5 on what a reviewer must not miss"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    codes = fail_on(arguments)
    plan = pipeline.diff(arguments.old, arguments.new, world)
    if arguments.strict and plan.warnings:
        raise UserError(*plan.warnings)
    warned(plan.warnings, arguments, world)
    show_plan(plan, arguments, world, "Diff")
    if status := stopped(plan, codes, arguments, world):
        return status
    changes = bool(plan.actions or plan.orphans)
    return CHANGES if arguments.detailed_exitcode and changes else 0
