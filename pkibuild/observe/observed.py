"""What a plan is made from besides the manifest: the files and the lock, or where no keys are the lock alone."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.core.values import Record
from pkibuild.model.desired import KeyArtifact, Unit
from pkibuild.model.layout import STAGED
from pkibuild.observe.files import Files
from pkibuild.observe.lock_only import Remembered
from pkibuild.observe.memos import Cache
from pkibuild.observe.workspace import Workspace, shown
from pkibuild.state.lock.committed import LockFile, flaws, load_lock
from pkibuild.state.lock.lock import Lock


class Observed(Record):
    """What was found at one time."""

    source: Files | Remembered
    """Where the planner looks things up."""
    lock_file: LockFile
    notes: tuple[str, ...] = ()
    """Shown above the plan."""

    @property
    def lock(self) -> Lock:
        return self.lock_file.lock

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return () if self.lock.damaged is None else (self.lock.damaged,)


def observe(workspace: Workspace, units: Iterable[Unit], now: int, memory: Cache, what: str = "planned") -> Observed:
    """From the files; in a clone from the lock alone, with a note that says `what` is done so. Raises UserError."""
    lock_file = _load(workspace)
    files = Files(workspace.tree, lock_file.lock, now, memory)
    if len(lock_file.lock) and keys_elsewhere(units, files):
        return _from_lock(workspace, lock_file, now, "no key of this PKI is here, so this is a clone: ", what)
    return Observed(files, lock_file)


def observe_lock(workspace: Workspace, now: int) -> Observed:
    """From the lock alone, as was asked for. Raises UserError where it is damaged or another manifest's."""
    return _from_lock(workspace, _load(workspace), now, "", "planned")


def observe_files(
    workspace: Workspace, now: int, memory: Cache, before: LockFile | None = None
) -> tuple[Files, LockFile]:
    """From the files, wherever the keys are. `before` is the lock as it was read earlier. Raises UserError."""
    lock_file = _load(workspace, before)
    return Files(workspace.tree, lock_file.lock, now, memory), lock_file


def refuse_clone(workspace: Workspace, units: Iterable[Unit], files: Files) -> None:
    """Raises UserError where something was built and no key is here: this is no place to build."""
    if keys_elsewhere(units, files):
        raise fail(
            "keys-elsewhere",
            f"no key of this PKI is in `{shown(workspace.tree.root, workspace.manifest)}`: this is a clone",
            hint="run `pkibuild apply` where the keys are; here `pkibuild plan` answers from the lock. If they are "
            "lost, bring them back from a backup; only to start over, move the output folder and the lock away",
        )


def _load(workspace: Workspace, before: LockFile | None = None) -> LockFile:
    manifest = workspace.manifest
    empty = Lock(posixpath.basename(manifest.path), manifest.output)
    return load_lock(workspace.lock_path, workspace.lock_name, empty, before)


def _from_lock(workspace: Workspace, lock_file: LockFile, now: int, why: str, what: str) -> Observed:
    lock = lock_file.lock
    wrong = tuple(flaws(lock, workspace.lock_name, posixpath.basename(workspace.manifest.path)))
    if wrong:
        raise UserError(*wrong)
    note = (
        f"{why}{what} from the lock alone, so what happened to the files since is not seen"
        if len(lock)
        else "there is no lock: all is planned as new"
    )
    return Observed(Remembered(lock, workspace.tree, now), lock_file, (note,))


def keys_elsewhere(units: Iterable[Unit], source: Files) -> bool:
    """Whether this is a clone: journals tell that something was built, and not one of its keys is here.

    Where there are no journals either, nothing was built, or the whole folder is missing: that is told of the
    authorities by name (`check_missing`).
    """
    if not source.histories.paths():
        return False
    if any(_is_there(source, key.path) for unit in units for key in unit.of(KeyArtifact)):
        return False
    return not any(_is_there(source, path) for path in _remembered(source.lock))


def _is_there(source: Files, path: str) -> bool:
    return source.tree.stat(path) is not None or source.tree.stat(path + STAGED) is not None


def _remembered(lock: Lock) -> Iterator[str]:
    """Where the keys in the lock lie, those no longer declared too."""
    for node in lock.ids():
        if node.endswith("/key"):
            entry = lock.entry(node)
            if entry is not None and entry.path:
                yield entry.path
