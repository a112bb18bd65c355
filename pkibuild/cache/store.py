"""What a run keeps in `.cache/` of the output folder for the next one: it may be deleted at any time.

Uncommitted, mode 0600, and believed only where it was written (`quick.seal`).
"""

from __future__ import annotations

from typing import Any

from pkibuild.cache.answer import seal, sealed, unseal
from pkibuild.world.tree import Tree


def recall(tree: Tree, path: str, version: int) -> Any:
    """What was kept; None when there is nothing, or it is of another version, folder or machine, or damaged."""
    data = tree.read(path)
    try:
        return None if data is None else unseal(data, seal(tree.root, path, version))
    except (ValueError, EOFError, TypeError):
        return None


def keep(tree: Tree, path: str, version: int, value: Any) -> bool:
    """Keep a value such as `marshal` takes; whether that was done: not before something was built. Raises UserError."""
    first = seal(tree.root, path, version)
    if first is not None:
        tree.write(path, sealed(value, first), 0o600)
    return first is not None
