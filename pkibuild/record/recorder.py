"""What a run records at its end: receipts, OpenSSL's files and the lock, in step with what is there."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.texts import Texts
from pkibuild.core.times import DAY
from pkibuild.core.values import Record
from pkibuild.model import layout
from pkibuild.model.desired import KeyArtifact, Unit
from pkibuild.model.manifest import Authority, Declaration, Manifest
from pkibuild.model.plan import Built, Done, unit_of
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.files import Files
from pkibuild.observe.memos import Cache, KeyMemo
from pkibuild.observe.workspace import Workspace
from pkibuild.packs.pack import Expansion
from pkibuild.resolve.units import Units
from pkibuild.state.journal.histories import Histories
from pkibuild.state.lock.committed import LockFile, store_lock
from pkibuild.state.lock.lock import JournalMark, LockEntry, lines_of
from pkibuild.state.openssl import config as openssl_config
from pkibuild.state.openssl import index as openssl
from pkibuild.state.openssl.index import Written
from pkibuild.state.receipt import NAME, Receipt, ReceiptBuild, ReceiptCommand, ReceiptFile, ReceiptFolder
from pkibuild.world.tree import Tree


class Recorder(Record):
    """Records one run in one workspace."""

    workspace: Workspace
    units: Units
    lock_file: LockFile
    """As it was before the run."""
    now: int
    texts: Texts
    """What the plan's configs are rendered from."""
    draft: PlanDraft
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
            lines.update(record_unit(unit, source, self.texts))
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
        drop_receipts(tree, manifest, source)
        spans = validities(manifest)
        subjects = {**others.subjects, **own.subjects}
        for name, authority in manifest.authorities.items():
            write_openssl(tree, authority, spans[name], source, self.now, self.memory.written, subjects)
        changed = {**others.lines, **own.lines}
        lock = self.lock_file.lock.with_changes(changed, [*removed, *self._forgotten()], marks(source))
        # It may have been garbled, or be another manifest's that was renamed.
        lock = replace(lock, manifest=posixpath.basename(manifest.path), output=manifest.output)
        return store_lock(self.lock_file, lock)

    def _after(self, done: Done, histories: Histories) -> AfterRun:
        tree, lock = self.workspace.tree, self.lock_file.lock
        return AfterRun(tree, lock, self.now, self.memory, done, histories, self.draft.actions)

    def _touched(self, source: AfterRun, done: Done, recorded: Container[str]) -> Iterator[Unit]:
        """Units of which something was done, or is not recorded as it is."""
        ids = set(done.ids)
        for unit in self.units.resolved.values():
            if unit.id in recorded:
                continue
            own = {f"{unit.id}/import", *(artifact.id for artifact in unit.artifacts)}
            untouched = ids.isdisjoint(own) and self.draft.kept.keys().isdisjoint(own)
            if not (untouched and is_current(unit, source.receipt_at(unit.receipt_path))):
                yield unit

    def _forgotten(self) -> Iterator[str]:
        """Nodes that nothing declares and that are not there any more; authorities are never forgotten."""
        lock = self.lock_file.lock
        nodes = (node for node in lock.undeclared(self.draft.planned_ids) if unit_of(node) not in self.skipped)
        undeclared = [node for node in nodes if not node.startswith("authority/")]
        paths = set(self.units.paths()) if undeclared else set()
        for node in undeclared:
            entry = lock.entry(node)
            if entry is None or entry.path in paths or self.workspace.tree.stat(entry.path) is None:
                yield node


def put(tree: Tree, path: str, data: bytes) -> None:
    """Write a record, unless it says the same already."""
    if tree.read(path) != data:
        tree.write(path, data)


def record_unit(unit: Unit, source: AfterRun, texts: Texts) -> dict[str, bytes]:
    """Write a unit's receipt; its lines of the lock, by node.

    Of what could not be brought up to date, the lock says what it did, and the receipt as well (`_left_over`).
    """
    entries: list[LockEntry] = []
    files: dict[str, ReceiptFile] = {}
    start = len(unit.folder) + 1
    for artifact in unit.artifacts:
        recorded = registry.of(artifact).record(artifact, unit, source, texts)
        entries += recorded.entries
        for path, file in recorded.files.items():
            files[path[start:]] = file
    files.update(_left_over(unit, source, files))
    if files:
        put(source.tree, unit.receipt_path, _receipt(unit, files).serialise())
    return lines_of(entries)


# -- the lock --------------------------------------------------------------------------------------------


def marks(source: Files) -> dict[str, JournalMark]:
    """How far every journal has come."""
    found = {}
    for path in source.histories.paths():
        journal = source.histories.at(path)
        number = max((int(entry.detail.get("number", 0)) for entry in journal.crls()), default=0)
        found[path] = JournalMark(journal.length, journal.head, number)
    return found


# -- receipts --------------------------------------------------------------------------------------------


def _receipt(unit: Unit, files: Mapping[str, ReceiptFile]) -> Receipt:
    """A unit's files with their owners, groups and modes on the host, its folders, and what is to be run there."""
    folders = {
        path.removeprefix(unit.folder + "/"): ReceiptFolder(rights.mode, rights.owner, rights.group)
        for path, rights in unit.folders
    }
    asked = tuple([(one.service, one.enable, one.check, one.reload, one.start) for one in unit.expansions])
    return Receipt(files, folders, _builds(unit.expansions), *_commands(asked))


def _builds(expansions: Iterable[Expansion]) -> tuple[ReceiptBuild, ...]:
    found = [(one.service, file) for one in expansions for file in one.builds]
    return tuple([ReceiptBuild(service, file.command, file.source, file.path) for service, file in found])


@lru_cache(maxsize=64)  # hosts with the same services are told to do the same
def _commands(asked: tuple[tuple[Any, ...], ...]) -> tuple[tuple[ReceiptCommand, ...], ...]:
    """What services ask for, each after its name, kind by kind."""
    return tuple(
        tuple(ReceiptCommand(service, argv) for service, *kinds in asked for argv in kinds[kind]) for kind in range(4)
    )


def is_current(unit: Unit, found: Receipt) -> bool:
    """Whether a receipt has the rights and the orders of today, although no file was built since it was written."""
    if found != _receipt(unit, found.files):
        return False
    delivered = (one for artifact in unit.artifacts for one in artifact.delivered)
    noted = ((found.files.get(path.removeprefix(unit.folder + "/")), rights) for path, rights in delivered)
    return bool(found.files) and all(
        file is None or (file.mode, file.owner, file.group) == (rights.mode, rights.owner, rights.group)
        for file, rights in noted
    )


def _left_over(unit: Unit, source: AfterRun, files: Mapping[str, ReceiptFile]) -> dict[str, ReceiptFile]:
    """What was built earlier and is no longer wanted stays in the receipt as long as it stays in the folder.

    What lags behind stays in any case, so that the next plan finds it where this one did.
    """
    before = source.receipt(unit).files
    return {
        path: one
        for path, one in before.items()
        if path not in files
        and (source.is_unfinished(one.node) or source.tree.stat(f"{unit.folder}/{path}") is not None)
    }


def drop_receipts(tree: Tree, manifest: Manifest, source: Files) -> None:
    """Remove the folders of hosts and certificates of which nothing is declared any more, and nothing is left."""
    declared: tuple[tuple[str, Mapping[str, Declaration]], ...]
    declared = (("hosts", manifest.hosts), ("certificates", manifest.certificates))
    for kind, names in declared:
        for entry in tree.list(kind):
            name = entry.rstrip("/")
            if name in names:
                continue
            folder = f"{kind}/{name}"
            path = f"{folder}/{NAME}"
            if tree.stat(path) is None:
                continue
            files = source.receipt_at(path).files  # of one that cannot be read, nothing is known
            if files and all(tree.stat(f"{folder}/{file}") is None for file in files):
                tree.remove(path)
                tree.remove_empty_folders(folder)


# -- plain OpenSSL ---------------------------------------------------------------------------------------


def validities(manifest: Manifest) -> dict[str, int]:
    """By authority, how many seconds what OpenSSL issues lasts: as long as the shortest that is declared below it."""
    found: dict[str, int] = {}
    for one in manifest.declarations():
        span = one.validity.seconds
        if span:
            found[one.issuer] = min(span, found.get(one.issuer, span))
    return {name: found.get(name, 397 * DAY) for name in manifest.authorities}


def write_openssl(
    tree: Tree,
    authority: Authority,
    validity: int,
    source: Files,
    now: int,
    written: dict[str, Written],
    subjects: Mapping[str, str],
) -> None:
    """Keep the authority's folder fit for `openssl ca`, in step with the journal.

    By authority, what is `written`; by serial, the `subjects` of what this run has issued, as OpenSSL writes them.
    """
    folder = f"authorities/{authority.name}"
    journal = source.histories.at(layout.journal_path(authority))
    if not journal.length and tree.stat(layout.output_path(authority, "certificate")) is None:
        return
    own = openssl_config.Folder(
        name=authority.name,
        algorithm=authority.key.algorithm,
        key=f"private/{authority.name}.key",
        certificate=f"{authority.name}.crt",
        crl=f"{authority.name}.crl",
        path_length=authority.path_length,
        crl_url=authority.crl.url if authority.crl else "",
        ca_issuers_url=authority.ca_issuers_url,
        ocsp_url=authority.ocsp_url,
        validity=validity,
        crl_validity=authority.crl.validity if authority.crl else 30 * DAY,
    )
    put(tree, f"{folder}/openssl.cnf", openssl_config.render(own))
    if source.history(authority).imported:  # its own memory is the only one of what OpenSSL did, until that is taken in
        return
    old, number = (tree.read(f"{folder}/{name}") or b"" for name in ("index.txt", "crlnumber"))
    last = written.get(authority.name)
    index, number, written[authority.name] = openssl.step(journal, now, old, number, last, subjects)
    put(tree, f"{folder}/index.txt", index)
    put(tree, f"{folder}/index.txt.attr", openssl.INDEX_ATTRIBUTES)
    put(tree, f"{folder}/serial", openssl.serial(journal))
    put(tree, f"{folder}/crlnumber", number)
    tree.make_folder(f"{folder}/newcerts", 0o755)
