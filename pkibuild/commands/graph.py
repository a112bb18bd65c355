"""`pkibuild graph`: the dependency graph."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.building import load
from pkibuild.commands.output import located
from pkibuild.views import graph as view
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    options.common(parser, view.FORMATS)
    options.examples(
        parser,
        ("pkibuild graph", "a tree of who issues whom, and what every artifact needs"),
        ("pkibuild graph --format svg > pki.svg", "drawn, for a browser"),
        ("pkibuild graph -v --format dot | dot -Tpdf > pki.pdf", "with Graphviz; -v draws equal hosts one by one"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild import pipeline

    manifest = load(arguments, world)
    with located(manifest):
        nodes = pipeline.graph(manifest)
    world.out(view.text(nodes, arguments.format, everything=arguments.verbose))
    return 0
