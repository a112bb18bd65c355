"""The one way to read and write what a run keeps in `.cache/` of the output folder for the next one.

Uncommitted, mode 0600, in MessagePack, and believed only where it was written (`seal`). `PKIBUILD_CACHE=off` turns all
of it off.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import MsgspecError, msgpack

from pkibuild.cache.seal import RUN_LOCK, content, is_trusted, seal
from pkibuild.core.diagnostics import UserError
from pkibuild.world.tree import Tree

T = TypeVar("T")


def load(tree: Tree, path: str, version: int, kind: type[T]) -> T | None:
    """What was kept; None when there is nothing, or it is another version's, folder's or machine's, or damaged."""
    if not tree.caches:
        return None
    try:
        data = tree.read(path) if is_trusted(tree.root) else None
        return None if data is None else msgpack.decode(content(data, seal(tree.root, path, version)), type=kind)
    except (MsgspecError, ValueError, OSError, UserError, RecursionError):
        return None


def save(tree: Tree, path: str, version: int, value: object) -> bool:
    """Keep a value; whether that was done: not before something was built. Raises UserError."""
    first = seal(tree.root, path, version) if tree.caches else None
    if first is None:
        return False
    try:
        data = msgpack.encode(value)
    except (ValueError, OverflowError, RecursionError):  # a number of more than 64 bits in a manifest, and the like
        return False
    tree.write(path, first + data, 0o600)
    return True


def save_answer(tree: Tree, path: str, data: bytes) -> None:
    """Keep the answer of an unchanged tree (`answer.pack`). Raises UserError."""
    if tree.caches:
        tree.write(path, data, 0o600)


def prepare(tree: Tree) -> None:
    """Make what caches are sealed with, where `.cache/` was deleted. Raises UserError, OSError."""
    if tree.caches and tree.stat(RUN_LOCK) is None:
        tree.create(RUN_LOCK, b"", 0o600, durable=False)
