"""`pkibuild schema`: the JSON Schemas, for editors and programs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.data import package_file
from pkibuild.world import World

FILES = {"manifest": "schemas/pki.schema.json", "plan": "schemas/plan.schema.json"}


def register(parser: ArgumentParser) -> None:
    parser.add_argument("of", nargs="?", choices=tuple(FILES), default="manifest", help="of what (default: manifest)")
    options.common(parser, ("json",))
    options.examples(
        parser,
        ("pkibuild schema > pki.schema.json", "for an editor: `# yaml-language-server: $schema=pki.schema.json`"),
        ("pkibuild schema plan", "of what `pkibuild plan --format json` prints"),
    )


def run(arguments: Namespace, world: World) -> int:
    world.out(package_file(FILES[arguments.of]))
    return 0
