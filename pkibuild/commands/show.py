"""`pkibuild show`: the manifest with every inherited and built-in value filled in."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from pkibuild.commands import options
from pkibuild.commands.planning import load
from pkibuild.core.diagnostics import fail, nearest
from pkibuild.model.manifest import Manifest
from pkibuild.views import effective
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="one declaration: `host/myhost`, `service/web`, or its bare name"
    )
    parser.add_argument("--ids", action="store_true", help="print the ids of all declarations, one a line")
    options.manifest(parser, positional=False)
    options.common(parser)
    options.examples(
        parser,
        ("pkibuild show", "all declarations"),
        ("pkibuild show host/myhost -f lab.yaml", "one host of another manifest"),
    )


def run(arguments: Namespace, world: World) -> int:
    manifest = load(arguments, world)
    if arguments.ids:
        world.out("".join(f"{one}\n" for one in effective.ids(manifest)))
        return 0
    world.out(_written(_chosen(manifest, arguments.id), arguments.format))
    return 0


def _chosen(manifest: Manifest, name: str | None) -> dict[str, Any]:
    if name is None:
        return effective.manifest(manifest)
    found = effective.find(manifest, name)
    if found is None:
        known = effective.ids(manifest)
        close = nearest(name, [*known, *(one.partition("/")[2] for one in known)])
        hint = f"did you mean `{close}`?" if close else "`pkibuild show --ids` prints what is declared"
        raise fail("unknown-id", f"`{name}` is not declared, or more than one thing is called so", hint=hint)
    return found


def _written(shown: dict[str, Any], form: str) -> str:
    if form == "json":
        from pkibuild.views.plan_json import dump

        return dump(shown)
    import yaml

    text: str = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120)
    return text
