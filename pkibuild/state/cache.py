"""Local memory that may be deleted at any time: what keys are, so that they need not be parsed again.

Kept in `.cache/` of the output folder, mode 0600, never committed. It holds public digests only.
"""

from __future__ import annotations

import marshal

from pkibuild.values import dataclass, field
from pkibuild.world.files import Tree

PATH = ".cache/keys"
FORMAT = 1

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
        version, keys = marshal.loads(data)  # noqa: S302 - our own file in a folder of ours; it is checked below
    except (ValueError, EOFError, TypeError):
        return Cache()
    if version != FORMAT or not isinstance(keys, dict):
        return Cache()
    kept = {path: one for path, one in keys.items() if isinstance(one, tuple) and len(one) == 6}
    return Cache(kept, dict(kept))


def write(tree: Tree, cache: Cache) -> None:
    """Remember it, if it is more than was read."""
    if cache.keys != cache._read:
        tree.write(PATH, marshal.dumps((FORMAT, cache.keys)), 0o600)
        cache._read = dict(cache.keys)
