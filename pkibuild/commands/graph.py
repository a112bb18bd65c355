"""`pkibuild graph`: the dependency graph."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.output import located, style
from pkibuild.commands.planning import load
from pkibuild.model.manifest import Manifest
from pkibuild.views import graph as view
from pkibuild.world import World

TOLD = ("tree", "text", "json")
"""Formats in which an answer to `--why` is told."""


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    parser.add_argument("--ids", action="store_true", help="print the ids of all artifacts, one a line")
    parser.add_argument("--why", metavar="ARTIFACT", help="why one is there, and what follows from its changes")
    options.common(parser, view.FORMATS)
    options.examples(
        parser,
        ("pkibuild graph", "a tree of who issues whom, and what every artifact needs"),
        ("pkibuild graph --why host/myhost/certificate", "the lines that ask for it, and what hangs on it"),
        ("pkibuild graph --format svg > pki.svg", "drawn, for a browser"),
        ("pkibuild graph -v --format dot | dot -Tpdf > pki.pdf", "with Graphviz; -v draws equal hosts one by one"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    manifest = load(arguments, world)
    if arguments.why is not None:
        return _why(manifest, arguments, world)
    with located(manifest):
        nodes = pipeline.graph(manifest)
    if arguments.ids:
        world.out("".join(f"{node.id}\n" for node in nodes))
        return 0
    world.out(view.text(nodes, arguments.format, everything=arguments.verbose))
    return 0


def _why(manifest: Manifest, arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline
    from pkibuild.views.graph import why

    if arguments.format not in TOLD:
        options.wrong_usage(f"--why is told as {' or '.join(TOLD)}, not as {arguments.format}")
    with located(manifest):
        found = pipeline.why(manifest, arguments.why)
    if arguments.format == "json":
        world.out(why.json_text(found))
    else:
        world.out(why.text(found, style(arguments, world), everything=arguments.verbose))
    return 0
