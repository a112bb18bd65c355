"""Single operations on files and folders, none of which follows a symbolic link at the end of a path.

All raise OSError unless they say otherwise; `explain` gives the reason in plain words.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from contextlib import suppress

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record

_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC


class Stat(Record):
    """What the file system says of a path, its symbolic link not followed."""

    kind: str
    """`file`, `folder`, `link`, `other`, or `hidden`: in a folder that this user may not enter."""
    mode: int
    """The permission bits."""
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    owner: int


HIDDEN = Stat("hidden", 0, 0, 0, 0, 0, -1)


def stat_of(path: str) -> Stat | None:
    """None when nothing has this path."""
    try:
        return as_stat(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def as_stat(result: os.stat_result) -> Stat:
    mode = result.st_mode
    if stat_module.S_ISREG(mode):
        kind = "file"
    elif stat_module.S_ISDIR(mode):
        kind = "folder"
    elif stat_module.S_ISLNK(mode):
        kind = "link"
    else:
        kind = "other"
    return Stat(
        kind,
        stat_module.S_IMODE(mode),
        result.st_size,
        result.st_mtime_ns,
        result.st_ctime_ns,
        result.st_ino,
        result.st_uid,
    )


def explain(error: OSError) -> str:
    """An operating system's error in plain words."""
    messages = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.ENOENT: "no such file or folder",
        errno.EISDIR: "it is a folder",
        errno.ENOTDIR: "a part of its path is not a folder",
        errno.ELOOP: "it is a symbolic link",
        errno.ENAMETOOLONG: "the name is too long",
    }
    return messages.get(error.errno or 0, (error.strerror or str(error)).lower())


def os_error(number: int, path: str = "") -> OSError:
    """The error that the operating system raises with this number, of the right subclass."""
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))


def failed(operation: str, path: str, error: OSError) -> UserError:
    """The diagnostic for an operation (`write`, `create`) that the operating system refused."""
    return fail(
        "read-failed" if operation == "read" else "write-failed",
        f"cannot {operation} `{path}`: {explain(error)}",
        hint="the previous content is unchanged; fix the cause and run the command again",
    )


def read_all(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _OPEN)
    try:
        chunks = []
        while chunk := os.read(descriptor, 1 << 16):  # most files here are small: no object of `io` for them
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:  # nearly always once: what is left is copied only where the system took less
        data = data[os.write(descriptor, data) :]


def create(path: str, data: bytes, mode: int, *, durable: bool, replace: bool = False) -> None:
    """Write a new file, which never has a wider mode than `mode`; an incomplete one is removed.

    With `replace` a file that is there is removed first.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN
    try:
        descriptor = os.open(path, flags, mode & 0o700)
    except FileExistsError:
        if not replace:
            raise
        os.unlink(path)
        descriptor = os.open(path, flags, mode & 0o700)
    try:
        try:
            os.fchmod(descriptor, mode)
            _write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        os.unlink(path)
        raise


def append(path: str, data: bytes, mode: int) -> None:
    """Add to the end of a file and flush it; a file that is not there is made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _OPEN, mode)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def truncate(path: str, size: int) -> None:
    """Cut a file to `size` bytes and flush it."""
    descriptor = os.open(path, os.O_WRONLY | _OPEN)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def change_mode(path: str, mode: int, *, folder: bool = False) -> None:
    descriptor = os.open(path, os.O_RDONLY | _OPEN | (os.O_DIRECTORY if folder else os.O_NONBLOCK))
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def make_link(path: str, target: str, temporary: str) -> None:
    """Put a symbolic link at `path` by way of `temporary`."""
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.rename(temporary, path)


def sync_file(path: str) -> None:
    """Flush a file to the disk; one that is gone, closed to this user or a link is passed over."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _OPEN)
    except (FileNotFoundError, PermissionError):
        return
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link is no more than its name
            return
        raise
    _sync(descriptor)


def sync_folder(path: str) -> None:
    """Flush the names in a folder to the disk."""
    _sync(os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
