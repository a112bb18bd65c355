"""The lock as git has it: what is wrong with it where there is no output folder to make it again from."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.state.lock.lock import Lock
from pkibuild.world.disk import explain
from pkibuild.world.files import read_file


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
