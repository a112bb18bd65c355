"""From values to streams: colours, diagnostics, results. Results go to standard output, all else to standard error."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.model.manifest import Manifest
from pkibuild.views.terminal import Style
from pkibuild.world import World


def style(arguments: Namespace, world: World, *, error: bool = False) -> Style:
    """Colours for standard output (or error), as `--color`, `NO_COLOR` and the terminal want it."""
    if arguments.color != "auto":
        return Style(arguments.color == "always")
    terminal = world.err_is_terminal() if error else world.out_is_terminal()
    return Style(terminal and not world.env.get("NO_COLOR") and world.env.get("TERM") != "dumb")


def report(diagnostics: Sequence[Diagnostic], arguments: Namespace, world: World) -> None:
    """Diagnostics on standard error: as text, or as a JSON document where JSON was asked for."""
    if not diagnostics:
        return
    from pkibuild.views import diagnostics as view

    if getattr(arguments, "format", "text") == "json":
        from pkibuild.views.plan_json import dump

        world.err(dump({"format_version": 1, "diagnostics": view.values(diagnostics)}))
    else:
        world.err(view.text(diagnostics, style(arguments, world, error=True)))


def warned(diagnostics: Sequence[Diagnostic], arguments: Namespace, world: World) -> None:
    """Show a plan's warnings; in JSON and Markdown the plan carries them itself."""
    if arguments.format == "text":
        report(diagnostics, arguments, world)


@contextmanager
def located(manifest: Manifest) -> Iterator[None]:
    """Whatever is wrong within is told with its line in the manifest."""
    try:
        yield
    except UserError as error:
        raise UserError(*map(manifest.located, error.diagnostics), status=error.status) from error
