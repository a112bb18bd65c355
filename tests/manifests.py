"""Loading a manifest from a text, for tests of what it says."""

from __future__ import annotations

from pathlib import Path

from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.manifest import load
from pkibuild.model.manifest import Manifest
from pkibuild.views.diagnostics import text as view
from pkibuild.world import World

NOW = "2026-11-24T00:00:00Z"
WORLD_NOW = 1795478400

HEAD = """\
version: 1
authorities:
  ca:
    subject: {common_name: Test CA}
"""


def write(folder: Path, text: str, **others: str) -> Path:
    """The manifest `pki.yaml` in `folder`, and beside it other files: `hosts__a` is written to `hosts/a.yaml`."""
    for name, content in others.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    path = folder / "pki.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, **others: str) -> Manifest:
    """The manifest; it must be without an error."""
    return load(str(write(folder, text, **others)), World({"PKIBUILD_NOW": NOW}))


def refused(folder: Path, text: str, **others: str) -> tuple[Diagnostic, ...]:
    """What is said of a manifest that must be refused."""
    try:
        loaded(folder, text, **others)
    except UserError as error:
        return error.diagnostics
    raise AssertionError("the manifest was accepted")


def codes(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str, int, int]]:
    """Code, file, line and column of each."""
    found = []
    for one in diagnostics:
        assert one.span is not None, one
        found.append((one.code, Path(one.span.file).name, one.span.line, one.span.column))
    return found


def said(folder: Path, text: str, **others: str) -> str:
    """The errors of a manifest as people read them, without the folder."""
    return view(refused(folder, text, **others)).replace(f"{folder}/", "")
