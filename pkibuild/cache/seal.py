"""Whether a file of `.cache/` is believed: it was written here, by this user, and nobody else may write it.

Imports next to nothing, as `stamps`.
"""

from __future__ import annotations

import os
from stat import S_IMODE, S_ISDIR

from pkibuild import __version__
from pkibuild.cache.stamps import stamp

FOLDER = ".cache"
RUN_LOCK = ".cache/run.lock"
"""Made when something is first built in a folder, and never again."""

_OTHERS_WRITE = 0o022


def seal(root: str, *what: object) -> bytes | None:
    """How a file in `.cache/` of an output folder begins; None where nothing was built yet.

    It tells the inode and times of the folder's run lock, which cannot be foreseen: what a repository brings along,
    written by somebody else to say what is not so, is not even decoded.
    """
    home = stamp(f"{root}/{RUN_LOCK}")
    return None if home is None else repr((__version__, what, home)).encode("utf-8", "surrogatepass") + b"\n"


def content(data: bytes, seal: bytes | None) -> bytes:
    """What follows the seal. Raises ValueError for another seal."""
    if seal is None or not data.startswith(seal):
        raise ValueError("written by another version, or in another folder or on another machine")
    return data[len(seal) :]


def is_trusted(root: str) -> bool:
    """Whether the output folder and its `.cache` belong to the user who runs, and nobody else may write to the latter.

    Raises OSError.
    """
    cache = os.lstat(f"{root}/{FOLDER}")
    own = os.geteuid()
    return (
        S_ISDIR(cache.st_mode)
        and not S_IMODE(cache.st_mode) & _OTHERS_WRITE
        and cache.st_uid == own == os.stat(root).st_uid
    )


def is_trusted_file(descriptor: int) -> bool:
    """Whether an open file belongs to the user who runs, and nobody else may write it."""
    found = os.fstat(descriptor)
    return found.st_uid == os.geteuid() and not S_IMODE(found.st_mode) & _OTHERS_WRITE
