"""Files that the user names: the manifest and what it refers to, the lock, a saved plan."""

from __future__ import annotations

import errno
import os
import stat as stat_module

from pkibuild.world.disk import os_error
from pkibuild.world.tree import TEMPORARY, Tree


def read_file(path: str, limit: int | None = None) -> bytes:
    """The bytes of a file; at most `limit` + 1 of them. Symbolic links are followed. Raises OSError."""
    with open(path, "rb") as file:
        if stat_module.S_ISDIR(os.fstat(file.fileno()).st_mode):
            raise os_error(errno.EISDIR, path)
        return file.read() if limit is None else file.read(limit + 1)


def exists(path: str) -> bool:
    return os.path.lexists(path)


def names_in(folder: str) -> list[str]:
    """The names in a folder, sorted. Raises OSError."""
    return sorted(os.listdir(folder))


def real_path(path: str) -> str:
    """The path with every symbolic link resolved."""
    return os.path.realpath(path)


def write_file(path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, and flush it. Raises UserError."""
    folder, name = os.path.split(path)
    Tree(folder or ".").write(name, data, mode, durable=True)


def remove_leftover(path: str) -> None:
    """Remove the temporary file that an interrupted `write_file` has left. Raises UserError."""
    folder, name = os.path.split(path)
    if exists(os.path.join(folder, TEMPORARY + name)):
        Tree(folder or ".").remove(TEMPORARY + name)
