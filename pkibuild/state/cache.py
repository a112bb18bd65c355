"""Local memory that may be deleted at any time: what keys are, so that they need not be parsed again.

Kept in `.cache/` of the output folder, mode 0600, never committed. It holds public digests only.
"""

from __future__ import annotations

from pkibuild.quick import seal, sealed, unseal
from pkibuild.values import dataclass, field
from pkibuild.world.files import Tree

PATH = ".cache/keys"
FORMAT = 2

KeyMemo = dict[str, tuple[int, int, int, int, str, str]]
"""Output path → (mtime, ctime, size, inode, algorithm, public digest)."""


@dataclass(slots=True)
class Cache:
    keys: KeyMemo = field(default_factory=dict)
    _read: KeyMemo = field(default_factory=dict)
    """As it is in the file."""


def read(tree: Tree) -> Cache:
    """What is remembered; nothing when there is none, or it is of another version or damaged."""
    data = tree.read(PATH)
    if data is None:
        return Cache()
    try:
        keys = unseal(data, seal(tree.root, PATH, FORMAT))
    except (ValueError, EOFError, TypeError):
        return Cache()
    if not isinstance(keys, dict):
        return Cache()
    kept = {path: one for path, one in keys.items() if isinstance(one, tuple) and len(one) == 6}
    return Cache(kept, dict(kept))


def write(tree: Tree, cache: Cache) -> None:
    """Remember it, if it is more than was read."""
    first = seal(tree.root, PATH, FORMAT)
    if first is not None and cache.keys != cache._read:
        tree.write(PATH, sealed(cache.keys, first), 0o600)
        cache._read = dict(cache.keys)
