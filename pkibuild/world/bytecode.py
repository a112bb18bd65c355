"""Code that is made at run time, kept as Python keeps that of its modules: in `__pycache__`, for the next run.

It lies in the very folder from which Python loads the module that made it, so nothing is believed that is not believed
anyhow. Whatever keeps it from being read or written, it is made again and nothing is told.
"""

from __future__ import annotations

import marshal
import posixpath
import sys
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType

from pkibuild.world.files import read_file, stat_of

_DIGEST = 32
"""Bytes in which a file begins: the digest of the key and of the rest."""


def stamp(path: str) -> tuple[str, int, int]:
    """What Python tells versions of a module apart by: path, size and modification time (seconds) of its source."""
    found = stat_of(path)
    return (path, found.size, found.mtime_ns // 10**9) if found else (path, 0, 0)


def recall(maker: str, name: str, key: bytes) -> CodeType | None:
    """The code that was kept under a name (of a file, with an extension) and a key, which tells all that it hangs on.

    `maker` is the path of the module that makes it.
    """
    try:
        data = read_file(_path(maker, name))
    except (OSError, NotImplementedError):
        return None
    if not data.startswith(_digest(key, data[_DIGEST:])):
        return None
    code: CodeType = marshal.loads(data[_DIGEST:])  # noqa: S302 - as Python loads the modules beside it
    return code


def keep(maker: str, name: str, key: bytes, code: CodeType) -> None:
    """Keep code for `recall`, where Python keeps its own; with the mode, and at once, as Python does."""
    found = stat_of(maker)
    if sys.dont_write_bytecode or sys.implementation.cache_tag is None or found is None:
        return
    data = marshal.dumps(code)
    SourceFileLoader("", maker).set_data(_path(maker, name), _digest(key, data) + data, _mode=found.mode | 0o200)


def _digest(key: bytes, data: bytes) -> bytes:
    return sha256(b"%b%d %b%b" % (MAGIC_NUMBER, len(key), key, data)).digest()


def _path(maker: str, name: str) -> str:
    """Raises NotImplementedError where Python keeps no bytecode."""
    return cache_from_source(posixpath.join(posixpath.dirname(maker), name))
