"""`pkibuild status`: every certificate and CRL, its expiry, renewal and state."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.building import load
from pkibuild.commands.output import located, style
from pkibuild.units import parse_moment
from pkibuild.views import status as view
from pkibuild.world import World

ATTENTION = 2
"""Exit code where something is due, expired, missing or wrong."""


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    options.moment(parser, "tell the state")
    options.common(parser, ("text", *view.FORMATS))
    options.examples(
        parser,
        ("pkibuild status", "exits with 2 where something is due, expired or wrong"),
        ("pkibuild status --at 30d --format json", "the state in thirty days, for a program"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    manifest = load(arguments, world)
    now = world.now()
    when = now if arguments.at is None else options.parsed(lambda: parse_moment(arguments.at, now))
    with located(manifest):
        rows = pipeline.status(manifest, world, when)
    if arguments.format in view.FORMATS:
        world.out(view.FORMATS[arguments.format](rows, when))
    else:
        shown = [row for row in rows if row.state not in view.FINE] if arguments.quiet else rows
        if shown or not arguments.quiet:
            world.out(view.text(shown, when, style(arguments, world), verbose=arguments.verbose))
    return 0 if view.is_fine(rows) else ATTENTION
