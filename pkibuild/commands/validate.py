"""`pkibuild validate`: all problems of the manifest at once."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from pkibuild.artifacts.wants import Unit
from pkibuild.commands import options
from pkibuild.commands.output import report, spanned
from pkibuild.diagnostics import Diagnostic, UserError
from pkibuild.model import Manifest
from pkibuild.views import diagnostics as view
from pkibuild.world import World

if TYPE_CHECKING:
    from pkibuild.state.lock import Lock


def register(parser: ArgumentParser) -> None:
    options.manifest(parser)
    options.strict(parser)
    options.common(parser)
    options.examples(
        parser,
        ("pkibuild validate", "check pki.yaml in this folder"),
        ("pkibuild validate --strict --format json lab.yaml", "for a pipeline: warnings are errors"),
    )


def run(arguments: Namespace, world: World) -> int:
    path = options.manifest_path(arguments)
    manifest, found = _load(path, arguments, world)
    if arguments.strict:
        found = tuple(replace(one, severity="error") for one in found)
    if arguments.format == "json":
        from pkibuild.views.plan_json import dump

        world.out(dump({"format_version": 1, "manifest": path, "diagnostics": view.values(found)}))
    else:
        report(found, arguments, world)
        if manifest and not arguments.quiet:
            world.out(f"{path}: {counts(manifest)}: {view.counted(found)}\n")
        elif found and not arguments.quiet:
            world.err(f"{path}: {view.counted(found)}\n")
    return 1 if any(one.severity == "error" for one in found) else 0


def _load(path: str, arguments: Namespace, world: World) -> tuple[Manifest | None, tuple[Diagnostic, ...]]:
    from pkibuild import pipeline
    from pkibuild.manifest import load

    try:
        manifest = load(path, world, output=arguments.output)
    except UserError as error:
        return None, error.diagnostics
    try:
        found = _unsayable(pipeline.check(manifest), manifest)
    except UserError as error:
        return None, spanned(error.diagnostics, manifest)
    return None if found else manifest, spanned((*manifest.warnings, *found), manifest)


def _unsayable(units: list[Unit], manifest: Manifest) -> list[Diagnostic]:
    """What is wrong with templates, and with values that a config cannot say: only rendering tells.

    What the lock knows to be rendered from the same was good then, and is not rendered again.
    """
    from pkibuild.artifacts.configs import Texts

    texts = Texts()
    lock = _lock(manifest)
    found: list[Diagnostic] = []
    for config in (config for unit in units for config in unit.configs):
        try:
            entry = lock.entry(config.id) if lock else None
            if entry is None or entry.inputs != texts.inputs(config, public=True):
                texts.render(config)
        except UserError as error:
            found += (one for one in error.diagnostics if one not in found)
    return found


def _lock(manifest: Manifest) -> Lock | None:
    """The lock, if it is there and can be read; what is wrong with it is no problem of the manifest."""
    from pkibuild.plan.folder import lock_path
    from pkibuild.state.lock import Lock
    from pkibuild.world.files import read_file

    path = lock_path(manifest)
    try:
        return Lock.parse(read_file(path), path)
    except (OSError, UserError):
        return None


def counts(manifest: Manifest) -> str:
    """`2 authorities, 3 hosts, 4 services`; kinds of which there is none are left out."""
    kinds = (
        ("authority", manifest.authorities),
        ("host", manifest.hosts),
        ("service", manifest.services),
        ("certificate", manifest.certificates),
    )
    return ", ".join(view.plural(len(found), noun) for noun, found in kinds if found)
