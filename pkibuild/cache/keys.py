"""What need not be looked into again: what keys are, and which files of OpenSSL are as they were left.

Local memory (`local`). It holds public digests only.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import astuple

from pkibuild.cache.store import keep, recall
from pkibuild.state.openssl.index import Written
from pkibuild.world.tree import Tree

KEYS = ".cache/keys"
KEYS_FORMAT = 2
WRITTEN = ".cache/openssl"
WRITTEN_FORMAT = 1

KeyMemo = dict[str, tuple[int, int, int, int, str, str]]
"""Output path of a key in clear, or of the public half of another → (mtime, ctime, size, inode, algorithm, public
digest)."""


class Cache(Struct):
    keys: KeyMemo = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    """By authority."""
    _kept: tuple[KeyMemo, dict[str, Written]] = field(default_factory=lambda: ({}, {}))
    """As they are in the files."""


def read(tree: Tree) -> Cache:
    """What is remembered; nothing when there is none, or it is of another version or damaged."""
    keys = {path: one for path, one in _tuples(tree, KEYS, KEYS_FORMAT) if len(one) == 6}
    written = {name: Written(*one) for name, one in _tuples(tree, WRITTEN, WRITTEN_FORMAT) if len(one) == 5}
    return Cache(keys, written, (dict(keys), dict(written)))


def _tuples(tree: Tree, path: str, version: int) -> list[tuple[str, Any]]:
    found = recall(tree, path, version)
    return [(name, one) for name, one in found.items() if isinstance(one, tuple)] if isinstance(found, dict) else []


def write(tree: Tree, cache: Cache) -> None:
    """Remember it, as far as it is another than was read."""
    keys, written = cache._kept
    if cache.keys != keys and keep(tree, KEYS, KEYS_FORMAT, cache.keys):
        keys = dict(cache.keys)
    left = {name: astuple(one) for name, one in cache.written.items()}
    if cache.written != written and keep(tree, WRITTEN, WRITTEN_FORMAT, left):
        written = dict(cache.written)
    cache._kept = (keys, written)
