"""What keys are, so that they need not be parsed again: local memory (`local`). It holds public digests only."""

from __future__ import annotations

from pkibuild.state.local import keep, recall
from pkibuild.values import dataclass, field
from pkibuild.world.files import Tree

PATH = ".cache/keys"
FORMAT = 2

KeyMemo = dict[str, tuple[int, int, int, int, str, str]]
"""Output path of a key in clear, or of the public half of another → (mtime, ctime, size, inode, algorithm, public
digest)."""


@dataclass(slots=True)
class Cache:
    keys: KeyMemo = field(default_factory=dict)
    _read: KeyMemo = field(default_factory=dict)
    """As it is in the file."""


def read(tree: Tree) -> Cache:
    """What is remembered; nothing when there is none, or it is of another version or damaged."""
    keys = recall(tree, PATH, FORMAT)
    if not isinstance(keys, dict):
        return Cache()
    kept = {path: one for path, one in keys.items() if isinstance(one, tuple) and len(one) == 6}
    return Cache(kept, dict(kept))


def write(tree: Tree, cache: Cache) -> None:
    """Remember it, if it is more than was read."""
    if cache.keys != cache._read and keep(tree, PATH, FORMAT, cache.keys):
        cache._read = dict(cache.keys)
