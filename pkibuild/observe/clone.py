"""Telling a clone from the place where the keys are (artifacts.md, "Keys")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pkibuild.model.desired import KeyArtifact, Unit
from pkibuild.model.layout import STAGED
from pkibuild.observe.files import Files
from pkibuild.state.lock.lock import Lock


def keys_elsewhere(units: Iterable[Unit], source: Files) -> bool:
    """Whether this is a clone: journals tell that something was built, and not one of its keys is here.

    Where there are no journals either, nothing was built, or the whole folder is missing: that is told of the
    authorities by name (`check_missing`).
    """
    if not source.histories.paths():
        return False
    if any(_is_there(source, key.path) for unit in units for key in unit.of(KeyArtifact)):
        return False
    return not any(_is_there(source, path) for path in _remembered(source.lock))


def _is_there(source: Files, path: str) -> bool:
    return source.tree.stat(path) is not None or source.tree.stat(path + STAGED) is not None


def _remembered(lock: Lock) -> Iterator[str]:
    """Where the keys in the lock lie, those no longer declared too."""
    for node in lock.ids():
        if node.endswith("/key"):
            entry = lock.entry(node)
            if entry is not None and entry.path:
                yield entry.path
