"""The output folder of a manifest with its lock: whose it is, where they lie, and how they are looked at."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pkibuild.artifacts.draft import Draft
from pkibuild.artifacts.texts import Texts
from pkibuild.cache import keys as cache
from pkibuild.cache.answer import RUN_LOCK, TICK, Signature, changed_at, signature
from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.core.times import END_OF_TIME
from pkibuild.model.desired import Unit
from pkibuild.model.facts import CrlFacts, sha
from pkibuild.model.manifest import Manifest
from pkibuild.observe.clone import keys_elsewhere
from pkibuild.observe.files import Files
from pkibuild.observe.lock_only import Remembered
from pkibuild.plan.settled import Passing
from pkibuild.state import marker as output
from pkibuild.state.journal.entries import Draft as Line
from pkibuild.state.journal.histories import journal_of
from pkibuild.state.journal.journal import Journal, Writer, draft
from pkibuild.state.lock.committed import flaws, read_lock
from pkibuild.state.lock.lock import Lock
from pkibuild.world import World
from pkibuild.world.files import write_file
from pkibuild.world.forks import Forks
from pkibuild.world.tree import Tree


class Folder:
    """Everything that a run looks at on the disk. `tree` is the one way to it."""

    def __init__(
        self, manifest: Manifest, world: World, now: int, tree: Tree, lock_only: bool = False, take_over: bool = False
    ) -> None:
        self.manifest = manifest
        self.world = world
        self.now = now
        self.tree = tree
        self.lock_only = lock_only
        """The lock alone is believed."""
        self._take_over = take_over
        self.lock_path = lock_path(manifest)
        self.warnings: list[Diagnostic] = []
        self.notes: list[str] = []
        """Said above the plan."""
        self.lock_digest = ""
        """SHA-256 in hex of the lock's bytes; empty where there is none."""
        self._lock_data = b""
        self._lock_seen: Signature | None = None
        self._parsed: Lock | None = None
        self.memo = cache.Cache() if lock_only else cache.read(tree)
        self.draft: Draft | None = None
        self.texts = Texts()
        self.passing: Passing | None = None
        self.refresh()

    @classmethod
    def open(
        cls, manifest: Manifest, world: World, now: int, *, take_over: bool = False, lock_only: bool = False
    ) -> Folder:
        """Look at the folder. Raises UserError when it belongs to another manifest or another user."""
        tree = world.tree(output_root(manifest))
        if not lock_only:
            _check_owner(tree, world)
        return cls(manifest, world, now, tree, lock_only, take_over)

    def refresh(self) -> None:
        """Look again: nothing that was read before is believed. Raises UserError where it is another manifest's."""
        if not (self.lock_only or self._take_over):
            _check_marker(self.tree, self.manifest)
        self.warnings.clear()
        self.tree.forget()
        self.lock = self._read_lock()
        self.source = Files(self.tree, self.lock, self.now, self.memo)

    @property
    def observed(self) -> Files | Remembered:
        """Where the planner looks things up."""
        return Remembered(self.lock, self.tree, self.now) if self.lock_only else self.source

    def _read_lock(self) -> Lock:
        name, own = shown(self.lock_path, self.manifest), posixpath.basename(self.manifest.path)
        if self._lock_seen is None or signature(self.lock_path) != self._lock_seen:
            data = read_lock(self.lock_path, name)
            seen = None if data is None else signature(self.lock_path)
            old = seen is not None and changed_at(seen) < self.world.started * 1e9 - TICK
            self._lock_seen = seen if old else None  # else it may change again unseen
            if data is None:
                self._take_lock(b"", None)
            elif data != self._lock_data or self._parsed is None:
                self._take_lock(data, Lock.parse(data, name))
        lock = self._parsed
        if lock is None:
            return Lock(own, self.manifest.output)
        if self.lock_only and (found := list(flaws(lock, name, own))):
            raise UserError(*found)
        if lock.damaged is not None:
            self.warnings.append(lock.damaged)
        return lock

    def _take_lock(self, data: bytes, parsed: Lock | None) -> None:
        self._lock_data, self._parsed = data, parsed
        self.lock_digest = sha(data) if data else ""

    def write_lock(self, lock: Lock) -> None:
        """Write the lock, unless it says the same already. Raises UserError."""
        data = lock.serialise()
        if len(lock) and data != self._lock_data:
            write_file(self.lock_path, data)
            self._take_lock(data, lock)

    def make_passing(self, forks: Forks) -> Passing | None:
        """What passes over units that hold, while a plan is made of the files."""
        if self.lock_only:
            return None
        self.passing = Passing(
            self.manifest,
            self.tree,
            self.lock_digest,
            self._journals(),
            self.now,
            self.world.started,
            self.memo.keys,
            forks,
        )
        return self.passing

    def _journals(self) -> list[tuple[str, Signature | None]]:
        paths = self.source.histories.paths()
        return [(path, signature(f"{self.tree.root}/{path}")) for path in paths]

    def remember(self) -> None:
        """Keep what holds for the next run. A folder that may only be read is planned as well, only not as fast."""
        if self.lock_only or self.draft is None or self.tree.stat_root() is None:
            return
        try:
            if self.tree.stat(RUN_LOCK) is None and self.source.histories.paths():  # `.cache/` was deleted
                self.tree.create(RUN_LOCK, b"", 0o600, durable=False)  # what is remembered is sealed with it
            cache.write(self.tree, self.memo)
            if self.passing is not None:
                self.passing.close(self.lock_digest, self._journals())
        except (OSError, UserError):
            return

    def notice_clone(self, units: Iterable[Unit], what: str = "planned") -> None:
        """Where no key is, believe the lock alone; say so, as where that was asked for. `what` is done with it."""
        asked = self.lock_only
        if not asked and len(self.lock) and keys_elsewhere(units, self.source):
            self.lock_only = True
            self.refresh()
        if self.lock_only:
            self.notes.append(_told(asked, bool(len(self.lock)), what))

    def refuse_clone(self, units: Iterable[Unit]) -> None:
        """Raises UserError where something was built and no key is here: this is no place to build."""
        if keys_elsewhere(units, self.source):
            raise fail(
                "keys-elsewhere",
                f"no key of this PKI is in `{shown(self.tree.root, self.manifest)}`: this is a clone",
                hint="run `pkibuild apply` where the keys are; here `pkibuild plan` answers from the lock. If they are "
                "lost, bring them back from a backup; only to start over, move the output folder and the lock away",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out. Raises UserError with exit status 3 when one is in."""
        fresh = self.tree.stat_root() is None
        with self.tree.locked(RUN_LOCK):
            try:
                yield
            except BaseException:
                if fresh:  # a mistake in the manifest leaves no folder behind
                    self.tree.remove_bare(RUN_LOCK)
                raise

    def accept_gaps(self, names: Iterable[str]) -> None:
        """Record that an authority's journal lost its end, as its administrator says."""
        for name in names:
            path = journal_of(name)
            mark = self.lock.journals.get(path)
            journal = self.source.histories.at(path)
            if mark is None or journal.contains(mark.length, mark.head):
                raise fail(
                    "no-lost-history",
                    f"the journal of `{name}` lacks nothing that the lock knows",
                    hint="`--accept-lost-history` is for an authority named by `error[journal-behind]`",
                )
            writer = Writer(journal)
            detail = {"length": mark.length, "head": mark.head}
            writer.add(draft("gap", self.now, f"authority/{name}/certificate", detail=detail))
            for entry in _lost_revocations(self.lock, name, journal, self.now):
                writer.add(entry)
            if journal.torn_at is not None:
                self.tree.truncate(path, journal.torn_at)
            self.tree.append(path, writer.taken())
            marks = {one: found for one, found in self.lock.journals.items() if one != path}
            self.lock = self.lock.with_journals(marks)
            self.source = Files(self.tree, self.lock, self.now, self.memo)


def _lost_revocations(lock: Lock, authority: str, journal: Journal, now: int) -> Iterator[Line]:
    """What the lock's lists revoke and the journal has lost: no loss makes a certificate valid again.

    Nothing else is known of such a certificate, so it stays in the lists for good.
    """
    known = {one.serial for one in journal.revocations()}
    crl = f"authority/{authority}/crl"
    for node in lock.ids():
        entry = lock.entry(node) if node == crl or node.startswith(f"{crl}@") else None
        for one in entry.facts.revoked if entry and isinstance(entry.facts, CrlFacts) else ():
            if one.serial in known:
                continue
            known.add(one.serial)
            id = f"openssl/{authority}/{one.serial}"
            assert entry is not None
            if not journal.has_serial(one.serial):
                detail = {"issuer_generation": entry.generation} if (entry.generation or 1) != 1 else None
                yield draft("issue", now, id, serial=one.serial, not_after=END_OF_TIME, detail=detail)
            yield draft("revoke", now, id, serial=one.serial, detail={"on": one.on, "reason": one.reason})


def _told(asked: bool, lock: bool, what: str) -> str:
    if not lock:
        return "there is no lock: all is planned as new"
    why = "" if asked else "no key of this PKI is here, so this is a clone: "
    return f"{why}{what} from the lock alone, so what happened to the files since is not seen"


def output_root(manifest: Manifest) -> str:
    """Absolute path of the output folder."""
    return posixpath.normpath(posixpath.join(manifest.folder, manifest.output))


def lock_path(manifest: Manifest) -> str:
    """`pki.yaml` → `pki.lock` beside it; inside the output folder when that was given on the command line."""
    where = output_root(manifest) if posixpath.isabs(manifest.output) else manifest.folder
    return lock_in(where, manifest.path)


def lock_in(folder: str, manifest: str) -> str:
    """The lock of the manifest at a path, in that folder."""
    stem = posixpath.splitext(posixpath.basename(manifest))[0]
    return posixpath.join(folder, f"{stem}.lock")


def shown(path: str, manifest: Manifest) -> str:
    """A path beside the manifest as the user would write it."""
    folder = posixpath.dirname(manifest.path)
    return posixpath.join(folder, posixpath.relpath(path, manifest.folder))


def marker_of(manifest: Manifest) -> str:
    """The manifest's path relative to the output folder."""
    whole = posixpath.join(manifest.folder, posixpath.basename(manifest.path))
    return posixpath.relpath(whole, output_root(manifest))


def _check_marker(tree: Tree, manifest: Manifest) -> None:
    data = tree.read(output.MARKER)
    if data is None:
        return
    theirs = output.parse(data, f"{tree.root}/{output.MARKER}").manifest
    if theirs != marker_of(manifest):
        raise fail(
            "output-taken",
            f"the output folder `{tree.root}` belongs to another manifest, `{theirs}`",
            ("output",) if manifest.locate(("output",)) else None,
            "give this manifest its own `output:`; after a rename of the manifest, run `pkibuild apply --take-over`",
        )


def _check_owner(tree: Tree, world: World) -> None:
    found = tree.stat_root()
    if found is not None and found.owner != world.user():
        raise fail(
            "foreign-owner",
            f"the output folder `{tree.root}` belongs to `{world.user_name(found.owner)}`, and you are "
            f"`{world.user_name(world.user())}`",
            hint=f"run pkibuild as `{world.user_name(found.owner)}`, or choose another `output:`",
        )
