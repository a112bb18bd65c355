"""`pkibuild schema`: the JSON Schemas, for editors and programs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.data import package_file
from pkibuild.world import World

FILES = {"manifest": "schemas/pki.schema.json", "plan": "schemas/plan.schema.json"}


def register(parser: ArgumentParser) -> None:
    parser.add_argument("of", nargs="?", choices=tuple(FILES), default="manifest", help="of what (default: manifest)")
    parser.add_argument("-f", "--file", metavar="MANIFEST", help="with the service types of this manifest's own packs")
    options.common(parser, ("json",))
    options.examples(
        parser,
        ("pkibuild schema > pki.schema.json", "for an editor: `# yaml-language-server: $schema=pki.schema.json`"),
        ("pkibuild schema plan", "of what `pkibuild plan --format json` prints"),
    )


def run(arguments: Namespace, world: World) -> int:
    world.out(package_file(FILES[arguments.of]) if arguments.file is None else _composed(arguments, world))
    return 0


def _composed(arguments: Namespace, world: World) -> str:
    from pkibuild.manifest import load
    from pkibuild.manifest.read.compose import schema_text

    if arguments.of != "manifest":
        options.wrong_usage("only the schema of a manifest depends on one")
    return schema_text(load(arguments.file, world).packs)
