"""`pkibuild status`: every certificate and CRL, its expiry, renewal and state."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.output import located, style
from pkibuild.commands.planning import load
from pkibuild.core.times import parse_duration, parse_moment
from pkibuild.views import status as view
from pkibuild.world import World

ATTENTION = 2
"""Exit code where something is due, expired, missing or wrong."""


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    options.moment(parser, "tell the state")
    parser.add_argument(
        "--within", metavar="DURATION", help="tell only what is due, expired or wrong, now or in so long: 30d"
    )
    options.common(parser, ("text", *view.FORMATS))
    options.examples(
        parser,
        ("pkibuild status", "exits with 2 where something is due, expired or wrong"),
        ("pkibuild status --within 30d", "what falls due in the next thirty days"),
        ("pkibuild status --at 30d --format json", "the state in thirty days, for a program"),
        ("pkibuild status --format prometheus > pki.prom", "for the textfile collector of Prometheus"),
        ("pkibuild status --format ics > pki.ics", "every expiry as a calendar"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    manifest = load(arguments, world)
    now = world.now()
    when = now if arguments.at is None else options.parsed(lambda: parse_moment(arguments.at, now))
    span = arguments.within
    within = None if span is None else options.parsed(lambda: parse_duration(span))
    with located(manifest):
        found = pipeline.status(manifest, world, when, within)
    rows = found.rows
    if not arguments.quiet:
        for note in found.notes:
            world.err(f"note: {note}\n")
    if arguments.format in view.FORMATS:
        world.out(view.FORMATS[arguments.format](rows, when))
    elif not rows and span is not None:
        world.out("" if arguments.quiet else f"Nothing is or falls due within {span}.\n")
    else:
        shown = [row for row in rows if not row.is_fine] if arguments.quiet and span is None else rows
        if shown or not arguments.quiet:
            world.out(view.text(shown, when, style(arguments, world), verbose=arguments.verbose))
    fine = view.is_fine(rows) if span is None else not rows
    return 0 if fine else ATTENTION
