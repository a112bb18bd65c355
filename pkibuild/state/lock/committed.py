"""The lock's file: reading and writing it, and what is wrong with it where there is nothing to make it again from."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.core.values import Record
from pkibuild.model.facts import sha
from pkibuild.state.lock.lock import Lock
from pkibuild.world.disk import explain
from pkibuild.world.files import read_file, write_file


class LockFile(Record):
    """A lock, and the bytes from which it was read or as which it was written."""

    path: str
    lock: Lock
    data: bytes = b""
    """Empty where there is no such file."""
    digest: str = ""
    """SHA-256 of the data in hex; empty where there are none."""


def load_lock(path: str, name: str, empty: Lock, before: LockFile | None = None) -> LockFile:
    """The lock at `path`, called `name` in messages; `empty` where there is none. Raises UserError.

    Where the bytes are those that were read `before`, they are not parsed again.
    """
    data = read_lock(path, name)
    if data is None:
        return LockFile(path, empty)
    if before is not None and before.digest and before.data == data:
        return before
    return LockFile(path, Lock.parse(data, name), data, sha(data) if data else "")


def store_lock(before: LockFile, lock: Lock) -> LockFile:
    """Write a lock in place of another, unless it says the same or nothing. Raises UserError."""
    data = lock.serialise()
    if not len(lock) or data == before.data:
        return before
    write_file(before.path, data)
    return LockFile(before.path, lock, data, sha(data))


def read_lock(path: str, name: str) -> bytes | None:
    """The bytes of the lock at `path`, called `name` in messages; None where there is none. Raises UserError."""
    try:
        return read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fail("read-failed", f"cannot read the lock `{name}`: {explain(error)}") from None


def flaws(lock: Lock, name: str, manifest: str) -> Iterator[Diagnostic]:
    """What makes a lock worthless for a review: damage, and the file name of another manifest."""
    if lock.damaged is not None:
        yield replace(lock.damaged, severity="error", hint="bring the lock back from git")
    elif lock.manifest not in ("", manifest):
        yield Diagnostic(
            "lock-foreign",
            f"the lock `{name}` belongs to another manifest, `{lock.manifest}`",
            hint="bring the lock of this one back from git; after a rename of the manifest, `pkibuild apply "
            "--take-over` where the output folder is writes the new name into it",
        )


def check(path: str, manifest: str) -> Iterator[Diagnostic]:
    """Everything that is wrong with the lock at `path`, every line read; nothing where there is none."""
    try:
        data = read_lock(path, path)
        lock = Lock.parse(data, path) if data is not None else None
    except UserError as error:
        yield from error.diagnostics
        return
    if lock is None:
        return
    yield from flaws(lock, path, manifest)
    for node in lock.ids():
        try:
            lock.entry(node)
        except UserError as error:
            yield from error.diagnostics
