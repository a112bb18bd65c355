"""`pkibuild validate`: all problems of the manifest at once, and of the lock beside it."""

from __future__ import annotations

import posixpath
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pkibuild.commands import options
from pkibuild.commands.output import report
from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.core.times import plural
from pkibuild.model.desired import ConfigArtifact, Unit
from pkibuild.model.manifest import Manifest
from pkibuild.views import diagnostics as view
from pkibuild.world import World

if TYPE_CHECKING:
    from pkibuild.state.lock.lock import Lock


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    parser.add_argument("--lock", action="store_true", help="check the lock alone, whatever the manifest says")
    options.strict(parser)
    options.common(parser)
    options.examples(
        parser,
        ("pkibuild validate", "check pki.yaml in this folder, and pki.lock if there is one"),
        ("pkibuild validate --strict --format json lab.yaml", "for a pipeline: warnings are errors"),
    )


def run(arguments: Namespace, world: World) -> int:
    path = options.manifest_path(arguments)
    manifest, found = (None, _absent(path)) if arguments.lock else _load(path, arguments, world)
    found = (*found, *_lock_problems(path, arguments))
    if arguments.strict:
        found = tuple(replace(one, severity="error") for one in found)
    if arguments.format == "json":
        from pkibuild.views.plan_json import dump

        world.out(dump({"format_version": 1, "manifest": path, "diagnostics": view.values(found)}))
    else:
        report(found, arguments, world)
        if manifest and not arguments.quiet:
            world.out(f"{path}: {counts(manifest)}: {view.counted(found)}\n")
        elif not arguments.quiet:
            subject = _lock_of(path, arguments) if arguments.lock else path
            (world.err if found else world.out)(f"{subject}: {view.counted(found)}\n")
    return 1 if any(one.severity == "error" for one in found) else 0


def _load(path: str, arguments: Namespace, world: World) -> tuple[Manifest | None, tuple[Diagnostic, ...]]:
    from pkibuild import pipeline
    from pkibuild.manifest import load
    from pkibuild.plan.missing import output_changed

    try:
        manifest = load(path, world, output=arguments.output)
    except UserError as error:
        return None, error.diagnostics
    lock = _lock(manifest)
    units, problems = pipeline.examine(manifest)
    problems.extend(_unsayable(units, lock))
    moved = output_changed(manifest, lock) if lock else []
    told = tuple(map(manifest.located, (*manifest.warnings, *moved, *problems.found)))
    return None if problems.errors else manifest, told


def _unsayable(units: list[Unit], lock: Lock | None) -> list[Diagnostic]:
    """What is wrong with templates, and with values that a config cannot say: only rendering tells.

    What the lock knows to be rendered from the same was good then, and is not rendered again.
    """
    from pkibuild.artifacts.texts import Texts

    texts = Texts()
    found: list[Diagnostic] = []
    for config in (config for unit in units for config in unit.of(ConfigArtifact)):
        try:
            entry = lock.entry(config.id) if lock else None
            if entry is None or entry.inputs != texts.inputs(config, public=True):
                texts.render(config)
        except UserError as error:
            found += (one for one in error.diagnostics if one not in found)
    return found


def _lock(manifest: Manifest) -> Lock | None:
    """The lock, if it is there and can be read; what is wrong with it is told by itself (`_lock_problems`)."""
    from pkibuild.observe.workspace import lock_path
    from pkibuild.state.lock.committed import read_lock
    from pkibuild.state.lock.lock import Lock

    path = lock_path(manifest)
    try:
        data = read_lock(path, path)
        return Lock.parse(data, path) if data is not None else None
    except UserError:
        return None


def _absent(path: str) -> tuple[Diagnostic, ...]:
    """Told of a misspelt manifest: a check of the lock beside it would find nothing wrong, for ever."""
    from pkibuild.world.files import exists

    return () if exists(path) else (Diagnostic("no-manifest", f"there is no manifest `{path}`"),)


def _lock_problems(path: str, arguments: Namespace) -> list[Diagnostic]:
    from pkibuild.state.lock.committed import check

    return list(check(_lock_of(path, arguments), posixpath.basename(path)))


def _lock_of(path: str, arguments: Namespace) -> str:
    from pkibuild.observe.workspace import lock_in

    return lock_in(posixpath.dirname(path) if arguments.output is None else arguments.output, path)


def counts(manifest: Manifest) -> str:
    """`2 authorities, 3 hosts, 4 services`; kinds of which there is none are left out."""
    kinds = (
        ("authority", manifest.authorities),
        ("host", manifest.hosts),
        ("service", manifest.services),
        ("certificate", manifest.certificates),
    )
    return ", ".join(plural(len(found), noun) for noun, found in kinds if found)
