"""What need not be looked into again: what keys are, and which files of OpenSSL are as they were left.

Local memory (`local`). It holds public digests only.
"""

from __future__ import annotations

from msgspec import Struct, field

from pkibuild.cache.store import load, save
from pkibuild.state.openssl.index import Written
from pkibuild.world.tree import Tree

KEYS = ".cache/keys"
KEYS_FORMAT = 3
WRITTEN = ".cache/openssl"
WRITTEN_FORMAT = 2

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
    keys = load(tree, KEYS, KEYS_FORMAT, KeyMemo) or {}
    written = load(tree, WRITTEN, WRITTEN_FORMAT, dict[str, Written]) or {}
    return Cache(keys, written, (dict(keys), dict(written)))


def write(tree: Tree, cache: Cache) -> None:
    """Remember it, as far as it is another than was read."""
    keys, written = cache._kept
    if cache.keys != keys and save(tree, KEYS, KEYS_FORMAT, cache.keys):
        keys = dict(cache.keys)
    if cache.written != written and save(tree, WRITTEN, WRITTEN_FORMAT, cache.written):
        written = dict(cache.written)
    cache._kept = (keys, written)
