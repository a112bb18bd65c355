"""`pkibuild validate`: all problems of the manifest at once."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace

from pkibuild.commands import options
from pkibuild.commands.output import report, spanned
from pkibuild.diagnostics import Diagnostic, UserError
from pkibuild.model import Manifest
from pkibuild.views import diagnostics as view
from pkibuild.world import World


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
        pipeline.check(manifest)
        return manifest, spanned(manifest.warnings, manifest)
    except UserError as error:
        return None, spanned(error.diagnostics, manifest)


def counts(manifest: Manifest) -> str:
    """`2 authorities, 3 hosts, 4 services`; kinds of which there is none are left out."""
    kinds = (
        ("authority", manifest.authorities),
        ("host", manifest.hosts),
        ("service", manifest.services),
        ("certificate", manifest.certificates),
    )
    return ", ".join(view.plural(len(found), noun) for noun, found in kinds if found)
