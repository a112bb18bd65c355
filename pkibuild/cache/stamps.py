"""What tells whether a file or folder has changed: its size, times, inode and mode. The one look at file times.

Imports next to nothing: the answer of an unchanged tree is given before anything else is imported.
"""

from __future__ import annotations

import os
from stat import S_ISLNK

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be imported for this alone
    from collections.abc import Iterable, Iterator

TICK = 50_000_000
"""Nanoseconds. What changed so shortly before a look may change again unseen: file times are no finer than the kernel's
clock tick. Such a file's stamp is not kept."""

Stamp = tuple[int, ...]
Stamped = tuple[str, Stamp | None]
"""A path and its stamp; None where there is nothing."""


def stamp(path: str, folder: int | None = None) -> Stamp | None:
    """The stamp of a file or folder, for a link that of what it leads to as well; None when there is none.

    A relative path is below `folder`, an open one.
    """
    try:
        found = os.lstat(path, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:  # a key in a folder of another user's: nothing is known of it, now as then
        return (0, 0, 0, 0, 0)
    own = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)
    if not S_ISLNK(found.st_mode):
        return own
    try:
        target = os.stat(path, dir_fd=folder)
    except OSError:
        return own
    return (*own, target.st_size, target.st_mtime_ns, target.st_ctime_ns, target.st_ino, target.st_mode)


def changed_at(seen: Stamp) -> int:
    """When it changed last, in nanoseconds."""
    return max(*seen[1::5], *seen[2::5])


def unchanged(root: str, groups: Iterable[Iterable[Stamped]]) -> Iterator[bool]:
    """Of each group of files and folders whether all have their stamps still, those below `root` by relative paths.

    A short path from an open folder is found sooner than a long one. Raises OSError.
    """
    folder = os.open(root, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for group in groups:
            yield all(stamp(path, folder) == (None if seen is None else tuple(seen)) for path, seen in group)
    finally:
        os.close(folder)
