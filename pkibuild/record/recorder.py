"""What a run remembers at its end: receipts, OpenSSL's files, the lock and the cache, in step with what is there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from pkibuild.cache.keys import KeyMemo
from pkibuild.model.desired import KeyArtifact, Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Done, unit_of
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.files import Files
from pkibuild.plan.folder import Folder
from pkibuild.record import records
from pkibuild.record.made import Built
from pkibuild.resolve.units import Units
from pkibuild.state.journal.histories import Histories


def record_units(folder: Folder, histories: Histories, units: Iterable[Unit], done: Done) -> Built:
    """Write the receipts of units after a run, or a part of it; what lock and cache are to say."""
    memo = folder.memo.keys
    source = _after(folder, done, histories)
    found: set[str] = set()
    lines: dict[str, bytes] = {}
    keys: KeyMemo = {}
    for unit in units:
        found.add(unit.id)
        lines.update(records.record(unit, source, folder.texts))
        for key in unit.of(KeyArtifact):
            for path in (key.path, key.public_path):
                if path in memo:
                    keys[path] = memo[path]
    return Built(done.ids, found, lines, keys, done.subjects)


def _after(folder: Folder, done: Done, histories: Histories) -> AfterRun:
    assert folder.draft is not None
    planned = folder.draft.actions
    return AfterRun(folder.tree, folder.lock, folder.now, folder.memo, done, histories, planned)


def record(
    manifest: Manifest,
    units: Units,
    folder: Folder,
    done: Done,
    others: Built,
    histories: Histories,
    gone: Sequence[str],
) -> None:
    """Record what this process has done, and what `others` have built and recorded; `gone` are removed nodes."""
    source = _after(folder, done, histories)
    own = record_units(folder, histories, _touched(units, folder, source, done, others.units), done)
    folder.memo.keys.update(others.keys)
    records.drop_receipts(folder.tree, manifest, source)
    validities = records.validities(manifest)
    subjects = {**others.subjects, **own.subjects}
    for name, authority in manifest.authorities.items():
        records.write_openssl(
            folder.tree, authority, validities[name], source, folder.now, folder.memo.written, subjects
        )
    _write_lock(folder, source, {**others.lines, **own.lines}, [*gone, *_forgotten(folder, units)])


def _touched(units: Units, folder: Folder, source: AfterRun, done: Done, recorded: set[str]) -> Iterator[Unit]:
    """Units of which something was done, or is not recorded as it is."""
    draft = folder.draft
    assert draft is not None
    ids = set(done.ids)
    for unit in units.made.values():
        if unit.id in recorded:
            continue
        own = {f"{unit.id}/import", *(artifact.id for artifact in unit.artifacts)}
        untouched = ids.isdisjoint(own) and draft.kept.keys().isdisjoint(own)
        if not (untouched and records.is_current(unit, source.receipt_at(unit.receipt_path))):
            yield unit


def _forgotten(folder: Folder, units: Units) -> Iterator[str]:
    """Nodes that nothing declares and that are not there any more; authorities are never forgotten."""
    assert folder.draft is not None
    passed = folder.passing.passed if folder.passing is not None else {}
    nodes = (node for node in folder.lock.undeclared(folder.draft.seen) if unit_of(node) not in passed)
    undeclared = [node for node in nodes if not node.startswith("authority/")]
    paths = set(units.paths()) if undeclared else set()
    for node in undeclared:
        entry = folder.lock.entry(node)
        if entry is None or entry.path in paths or folder.tree.stat(entry.path) is None:
            yield node


def _write_lock(folder: Folder, source: Files, changed: Mapping[str, bytes], gone: Sequence[str]) -> None:
    lock = folder.lock.with_changes(changed, gone, records.marks(source))
    # It may have been garbled, or be another manifest's that was renamed.
    lock = replace(lock, manifest=posixpath.basename(folder.manifest.path), output=folder.manifest.output)
    folder.write_lock(lock)
