"""What a run records at its end: receipts, OpenSSL's files and the lock, in step with what is there."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Iterator, Sequence

from msgspec.structs import replace

from pkibuild.artifacts.draft import Draft
from pkibuild.artifacts.texts import Texts
from pkibuild.cache.keys import Cache, KeyMemo
from pkibuild.core.values import Record
from pkibuild.model.desired import KeyArtifact, Unit
from pkibuild.model.plan import Built, Done, unit_of
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.workspace import Workspace
from pkibuild.record import records
from pkibuild.resolve.units import Units
from pkibuild.state.journal.histories import Histories
from pkibuild.state.lock.committed import LockFile, store_lock


class Recorder(Record):
    """Records one run in one workspace."""

    workspace: Workspace
    units: Units
    lock_file: LockFile
    """As it was before the run."""
    now: int
    texts: Texts
    """What the plan's configs are rendered from."""
    draft: Draft
    """All that was planned, `--only` or not."""
    skipped: Container[str]
    """Units (ids) that are as they were and were not planned."""
    memory: Cache

    def record_units(self, histories: Histories, units: Iterable[Unit], done: Done) -> Built:
        """Write the receipts of units after a run, or a part of it; what lock and cache are to say of them."""
        memo = self.memory.keys
        source = self._after(done, histories)
        recorded: set[str] = set()
        lines: dict[str, bytes] = {}
        keys: KeyMemo = {}
        for unit in units:
            recorded.add(unit.id)
            lines.update(records.record(unit, source, self.texts))
            for key in unit.of(KeyArtifact):
                for path in (key.path, key.public_path):
                    if path in memo:
                        keys[path] = memo[path]
        return Built(done.ids, recorded, lines, keys, done.subjects)

    def record(self, histories: Histories, done: Done, others: Built, removed: Sequence[str]) -> LockFile:
        """Record what this process has done, and what `others` have built and recorded; the lock as it is then.

        `removed` are nodes whose files were removed.
        """
        manifest, tree = self.workspace.manifest, self.workspace.tree
        source = self._after(done, histories)
        own = self.record_units(histories, self._touched(source, done, others.units), done)
        self.memory.keys.update(others.keys)
        records.drop_receipts(tree, manifest, source)
        validities = records.validities(manifest)
        subjects = {**others.subjects, **own.subjects}
        for name, authority in manifest.authorities.items():
            records.write_openssl(tree, authority, validities[name], source, self.now, self.memory.written, subjects)
        changed = {**others.lines, **own.lines}
        lock = self.lock_file.lock.with_changes(changed, [*removed, *self._forgotten()], records.marks(source))
        # It may have been garbled, or be another manifest's that was renamed.
        lock = replace(lock, manifest=posixpath.basename(manifest.path), output=manifest.output)
        return store_lock(self.lock_file, lock)

    def _after(self, done: Done, histories: Histories) -> AfterRun:
        tree, lock = self.workspace.tree, self.lock_file.lock
        return AfterRun(tree, lock, self.now, self.memory, done, histories, self.draft.actions)

    def _touched(self, source: AfterRun, done: Done, recorded: Container[str]) -> Iterator[Unit]:
        """Units of which something was done, or is not recorded as it is."""
        ids = set(done.ids)
        for unit in self.units.made.values():
            if unit.id in recorded:
                continue
            own = {f"{unit.id}/import", *(artifact.id for artifact in unit.artifacts)}
            untouched = ids.isdisjoint(own) and self.draft.kept.keys().isdisjoint(own)
            if not (untouched and records.is_current(unit, source.receipt_at(unit.receipt_path))):
                yield unit

    def _forgotten(self) -> Iterator[str]:
        """Nodes that nothing declares and that are not there any more; authorities are never forgotten."""
        lock = self.lock_file.lock
        nodes = (node for node in lock.undeclared(self.draft.seen) if unit_of(node) not in self.skipped)
        undeclared = [node for node in nodes if not node.startswith("authority/")]
        paths = set(self.units.paths()) if undeclared else set()
        for node in undeclared:
            entry = lock.entry(node)
            if entry is None or entry.path in paths or self.workspace.tree.stat(entry.path) is None:
                yield node
