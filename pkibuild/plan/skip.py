"""Which units need not be planned: those that were as they should be, remembered with all that this depends on."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import compress
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild import __version__
from pkibuild.artifacts.draft import PlanDraft, Tally
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.cache.stamps import TICK, Stamp, changed_at, stamp, unchanged
from pkibuild.cache.store import load, save
from pkibuild.manifest.decode.services import files_in
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Declaration, Manifest, Service
from pkibuild.observe.files import Files as FileSource
from pkibuild.observe.memos import KeyMemo
from pkibuild.world.forks import ALONE, Forks
from pkibuild.world.tree import Tree


class SkipPolicy:
    """Skips nothing, unless a subclass knows that a unit is as it should be."""

    def begin(self, issuers: Mapping[str, IssuerView]) -> None:
        """The authorities are decided on."""

    def can_skip(self, declaration: Declaration, draft: PlanDraft) -> bool:  # noqa: ARG002 - subclasses look at them
        """Whether a host or certificate is skipped; if so, its artifacts are counted in the draft."""
        return False

    def decided(self, unit: Unit, draft: PlanDraft, before: Tally) -> None:
        """A unit was decided on; `before` is how far the draft had come."""

    def results(self) -> Any:
        """In a fork: what is to be remembered of the units that were decided on there."""

    def merge(self, results: Any) -> None:
        """Take over the results of a fork."""


PATH = ".cache/units"
FORMAT = 4
FEW = 512
"""The files of so many units one process looks at as fast as two."""
LOOKED_AT = 12
"""The files of so many units are looked at in the time in which one unit is decided on."""

Files = tuple[tuple[str, Stamp | None], ...]
UnitMemory = tuple[str, int, int, int, tuple[str, int] | None, Files]
"""Digest of the declaration, since and until when it holds, number of artifacts, what is renewed next, files."""


class UnitStore(Struct):
    """What is remembered of units by id. All of it holds as long as what they have in common is the same."""

    common: str = ""
    """Digest of what they have in common (`common_digest`)."""
    units: dict[str, UnitMemory] = field(default_factory=dict)
    skipped: dict[str, UnitMemory] = field(default_factory=dict)
    """Those that this run skipped."""
    unchanged: dict[str, UnitMemory] = field(default_factory=dict)
    """Those that this run decided on and that are as they should be."""


def read(tree: Tree) -> UnitStore:
    """What is remembered; nothing when there is none, or it is of another version or damaged."""
    return UnitStore(*(load(tree, PATH, FORMAT, tuple[str, dict[str, UnitMemory]]) or ("", {})))


def write(tree: Tree, stored: UnitStore, common: str) -> None:
    """Remember what was skipped or is unchanged; `common` is the digest of what they have in common now."""
    units = {**stored.skipped, **stored.unchanged}
    if common != stored.common or stored.unchanged or len(units) != len(stored.units):
        save(tree, PATH, FORMAT, (common, units))


def common_digest(manifest: Manifest, views: Mapping[str, IssuerView], lock: str, journals: object) -> str:
    """Digest of what every unit depends on: the authorities as they will be, packs, lock (its digest) and journals."""
    used = [manifest.packs[name] for name in sorted({service.type for service in manifest.services.values()})]
    packs = [(pack.type, pack.version, pack.files_read) for pack in used]
    read_files = sorted({path for _, _, paths in packs for path in paths})
    parts = (
        __version__,
        manifest.path,
        manifest.folder,
        manifest.output,
        repr(sorted(views.items())),
        repr(manifest.defaults),
        repr(packs),
        repr([(path, stamp(path)) for path in read_files]),
        lock,
        repr(journals),
    )
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def signatures(files: FileSource) -> list[tuple[str, Stamp | None]]:
    """Every journal of the folder with its size, times, inode and mode."""
    return [(path, stamp(f"{files.tree.root}/{path}")) for path in files.histories.paths()]


def _with_unchanged_files(units: Mapping[str, UnitMemory], root: str, forks: Forks) -> set[str]:
    """The ids of those whose files all are as they were."""

    def same(share: Sequence[UnitMemory]) -> Iterator[bytes]:
        try:
            yield bytes(unchanged(root, (memory[-1] for memory in share)))
        except OSError:  # reported when they are decided on
            yield bytes(len(share))

    forks = replace(forks, weight=forks.weight * LOOKED_AT) if len(units) > FEW else ALONE
    own, others = forks.divided(list(units.values()), same, bytes)
    return set(compress(units, b"".join((*own, *others))))


class DeclarationDigests:
    """Digests of what a declaration and its services ask for."""

    def __init__(self, manifest: Manifest) -> None:
        self._said = manifest.said
        self._services: dict[str, list[str]] = {}
        for service in manifest.services.values():
            digest = _service(service, manifest)
            for host in service.hosts:
                self._services.setdefault(host, []).append(digest)

    def of(self, declaration: Declaration) -> str:
        services = self._services.get(declaration.name, ()) if declaration.kind == "host" else ()
        said: str = self._said(declaration.place)
        return sha256("\n".join((said, *services)).encode("utf-8", "surrogatepass")).hexdigest()


def _service(service: Service, manifest: Manifest) -> str:
    """All of a service but the hosts that it is on; the user's own templates with their times.

    As JSON: in its representation a service is without its options.
    """
    schema = manifest.packs[service.type].options_schema
    files = sorted(files_in(service.options, schema, schema, manifest.folder))
    own = (service.name, service.place, service.type, dict(service.options))
    return json.dumps((*own, [(path, stamp(path)) for path in files]), sort_keys=True)


class UnchangedUnits(SkipPolicy):
    """Passes over what holds, and remembers what is found right, while one plan is made."""

    def __init__(
        self,
        manifest: Manifest,
        tree: Tree,
        lock: str,
        journals: object,
        now: int,
        started: float,
        keys: KeyMemo,
        forks: Forks = ALONE,
    ) -> None:
        self._manifest = manifest
        self._tree = tree
        self._lock = lock
        self._journals = journals
        self._now = now
        self._newest = int(started * 1e9) - TICK
        self._digests = DeclarationDigests(manifest)
        self._units = read(tree)
        self._views: Mapping[str, IssuerView] = {}
        self._forks = forks
        self._keys = keys
        """What keys are, which is added to while units are decided on."""
        self._known: KeyMemo = {}
        self._same: Container[str] = ()
        """Units whose files are as they were."""

    @property
    def skipped(self) -> Mapping[str, UnitMemory]:
        """The units that were skipped, by id."""
        return self._units.skipped

    def begin(self, views: Mapping[str, IssuerView]) -> None:
        """The authorities are decided on: on another common than before nothing that is remembered holds."""
        self._views = views
        self._known = dict(self._keys)
        if not self._units.units:
            return
        if self._units.common != common_digest(self._manifest, views, self._lock, self._journals):
            self._units = UnitStore()
        self._same = _with_unchanged_files(self._units.units, self._tree.root, self._forks)

    def can_skip(self, declaration: Declaration, draft: PlanDraft) -> bool:
        """Whether a unit can be passed over; if so, what is remembered of it is counted."""
        memory = self._units.units.get(declaration.id)
        if memory is None or not self._holds(memory, declaration):
            return False
        self._units.skipped[declaration.id] = memory
        _, _, until, count, due, _ = memory
        draft.unchanged += count
        draft.until(until, self._now)
        if due is not None:
            draft.due(*due)
        return True

    def _holds(self, memory: UnitMemory, declaration: Declaration) -> bool:
        digest, since, until, _, _, _ = memory
        return declaration.id in self._same and since <= self._now < until and digest == self._digests.of(declaration)

    def decided(self, unit: Unit, draft: PlanDraft, before: Tally) -> None:
        """A unit was decided on: remember it, if nothing is to be done or told of it."""
        if draft.is_unchanged_since(before):
            self._remember(unit, draft.unchanged - before.unchanged, draft)

    def results(self) -> tuple[Mapping[str, UnitMemory], KeyMemo]:
        """What was found right since the authorities were decided on, and what its keys are: for another process."""
        keys = {path: one for path, one in self._keys.items() if self._known.get(path) != one}
        return self._units.unchanged, keys

    def merge(self, results: tuple[Mapping[str, UnitMemory], KeyMemo]) -> None:
        """Remember what another process has found."""
        memories, keys = results
        self._units.unchanged.update(memories)
        self._keys.update(keys)

    def _remember(self, unit: Unit, count: int, draft: PlanDraft) -> None:
        """Unless a file of it changed since this run began, or just before."""
        files: list[tuple[str, Stamp | None]] = []
        for path in unit.paths:
            seen = stamp(f"{self._tree.root}/{path}")
            if seen is not None and changed_at(seen) >= self._newest:
                return
            files.append((path, seen))
        due = draft.next_due
        end = min(draft.horizon, due[1]) if due else draft.horizon
        digest = self._digests.of(unit.declaration)
        self._units.unchanged[unit.declaration.id] = (digest, self._now, end, count, due, tuple(files))

    def forget(self, units: Iterable[str]) -> None:
        """Forget units (ids) of which something is to be told after all: an orphan among their files."""
        for unit in units:
            self._units.unchanged.pop(unit, None)

    def close(self, lock: str, journals: object) -> None:
        """Keep it for the next run, on the common as this run leaves it."""
        if self._units.skipped or self._units.unchanged:
            write(self._tree, self._units, common_digest(self._manifest, self._views, lock, journals))
