"""`pkibuild bundle`: one host's files as a tar stream with owners and modes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.output import located
from pkibuild.commands.planning import load
from pkibuild.core.diagnostics import fail
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    parser.add_argument("host", metavar="HOST", help="the host's name in the manifest")
    options.manifest(parser)
    options.common(parser, ("text",))
    options.examples(
        parser,
        ("pkibuild bundle myhost | ssh root@www.abc.com tar -xpC /", "put the files in place on the host"),
        ("pkibuild bundle myhost | tar -tv", "look at what would go there"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    if world.out_is_terminal():
        raise fail("tar-to-terminal", "a tar stream is not written to a terminal", hint="send it into a pipe or a file")
    manifest = load(arguments, world)
    with located(manifest):
        world.out_bytes(pipeline.bundle(manifest, world, arguments.host))
    return 0
