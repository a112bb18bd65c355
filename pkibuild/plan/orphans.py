"""What was built and is no longer declared: shown, kept, and removed only with `--prune`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Set
from functools import cached_property
from typing import TYPE_CHECKING

from pkibuild.artifacts import registry
from pkibuild.core.diagnostics import fail
from pkibuild.core.times import format_date
from pkibuild.model.facts import CertificateFacts, KeyFacts
from pkibuild.model.layout import RECEIPT, public_path
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, Orphan, Reason
from pkibuild.model.recipes import Remove
from pkibuild.observe.files import Files
from pkibuild.observe.lock_only import Remembered
from pkibuild.plan.selection import matches
from pkibuild.review.changes import name_list
from pkibuild.state.lock.lock import Lock

if TYPE_CHECKING:
    from pkibuild.plan.compare.as_built import AsBuilt

FOLDERS = {"hosts": "host", "certificates": "certificate", "authorities": "authority"}
MOST_HOSTS = 10
"""How many hosts at once `--prune` removes without being told which."""


class Wanted:
    """What is declared: ids, and the paths at which something is to be or from where it is moved."""

    def __init__(self, paths: Iterable[str], ids: Set[str], actions: Iterable[Action]) -> None:
        self.ids = ids
        self._asked = paths
        self._actions = actions

    @cached_property
    def paths(self) -> Set[str]:
        """Found out when it is first asked for: in a folder without anything of ours nobody does."""
        return {*self._asked, *(old for action in self._actions for old, _ in action.moves)}


def find_orphans(
    source: Files | Remembered, manifest: Manifest, wanted: Wanted, now: int, passed: Container[str] = ()
) -> list[Orphan]:
    """Every artifact of ours that nothing declares: from the receipts and folders, so that no lock is needed.

    `passed` are units that are known to be as they should be.
    """
    if isinstance(source, Remembered):
        return _in_lock(source.lock, manifest, wanted, now)
    declared = {"hosts": manifest.hosts, "certificates": manifest.certificates, "authorities": manifest.authorities}
    found: list[Orphan] = []
    for folder, kind in FOLDERS.items():
        for entry in source.tree.list(folder):
            if not entry.endswith("/"):
                continue
            name = entry[:-1]
            if f"{kind}/{name}" in passed:
                continue
            for node, path in _built(source, folder, kind, name):
                if path in wanted.paths or (kind == "authority" and name in declared[folder]):
                    continue
                found.append(_orphan(source.issued_last(node), node, path, kind, now, wanted))
    return sorted(found, key=lambda one: one.id)


def _in_lock(lock: Lock, manifest: Manifest, wanted: Wanted, now: int) -> list[Orphan]:
    """The same from the lock alone."""
    found: list[Orphan] = []
    for node in lock.ids():
        kind, name = node.split("/", 2)[:2]
        authority = kind == "authority"
        if authority and (name in manifest.authorities or node != f"authority/{name}/certificate"):
            continue
        entry = lock.entry(node)
        path = entry.path if entry else ""
        if path in wanted.paths:
            continue
        found.append(_orphan(_facts(lock, node), node, path, kind, now, wanted))
        if entry is not None and isinstance(entry.facts, KeyFacts) and entry.facts.encrypted:
            found.append(_orphan(None, node, public_path(path), kind, now, wanted))
    return found


def removed(source: AsBuilt, manifest: Manifest, wanted: Wanted, now: int) -> list[Orphan]:
    """What an older manifest declares and this one does not."""
    declared = {one.id for one in manifest.declarations()}
    found = [
        _orphan(one.facts, one.id, one.path, one.id.partition("/")[0], now, wanted)
        for one in source.removed(declared)
        if one.path not in wanted.paths
    ]
    return sorted(found, key=lambda one: one.id)


def _built(source: Files, folder: str, kind: str, name: str) -> Iterator[tuple[str, str]]:
    """`(id, path)` of what the receipt of a folder lists, or of what lies in an authority's."""
    if kind == "authority":
        certificate = f"authorities/{name}/{name}.crt"
        if source.tree.stat(certificate) is not None:
            yield f"authority/{name}/certificate", certificate
        return
    for path, file in source.receipt_at(f"{folder}/{name}/{RECEIPT}").files.items():
        whole = f"{folder}/{name}/{path}"
        if source.tree.stat(whole) is not None:
            yield file.node, whole


def _facts(lock: Lock, node: str) -> CertificateFacts | None:
    entry = lock.entry(node)
    return entry.facts if entry and isinstance(entry.facts, CertificateFacts) else None


def _orphan(facts: CertificateFacts | None, node: str, path: str, kind: str, now: int, wanted: Wanted) -> Orphan:
    word = registry.kind_of_id(node)
    end = facts.not_after if facts is not None and facts.not_after > now else None
    valid = "" if end is None else f"it is valid until {format_date(end)}"
    if kind == "authority":
        told = f"{valid}, and what it issued can no longer be renewed or revoked"
        risks = (Reason("removed-but-valid", told),) if valid else ()
        return Orphan(node, word, (path,), "no longer declared; an authority is never removed by pkibuild", risks)
    if node in wanted.ids:
        return Orphan(node, word, (path,), "moved: its path changed, and the new file exists; --prune removes this one")
    if facts is not None and valid:
        risk = Reason("removed-but-valid", valid)
        unit = node.rpartition("/")[0]
        hint = f"revoked: [{{certificate: {unit}, reason: cessation_of_operation, on: {format_date(now)}}}]"
        return Orphan(node, word, (path,), risks=(risk,), hint=hint, names=name_list(facts.names))
    return Orphan(node, word, (path,))


def prune(
    orphans: Iterable[Orphan], pattern: str, now: int, source: Files | Remembered
) -> tuple[list[Action], list[Orphan]]:
    """The actions that remove orphans, and the orphans that stay. Keys go to the attic."""
    orphans = list(orphans)
    chosen = [
        one for one in orphans if not one.id.startswith("authority/") and (not pattern or matches(one.id, pattern))
    ]
    hosts = {one.id.split("/")[1].rpartition("@")[2] for one in chosen}
    if not pattern and len(hosts) > MOST_HOSTS:
        raise fail(
            "prune-many",
            f"{len(hosts)} hosts would be removed at once",
            hint="say which: `--prune='host/old*'`, or `--prune='*'` for all",
        )
    actions = [
        Action(
            one.id,
            one.kind,
            "prune",
            (Reason("orphan", "no longer declared"),),
            Remove(path, attic),
            (path, attic) if attic else (path,),
            risks=one.risks,
        )
        for one in chosen
        for path in one.paths
        for attic in [_attic(source, path, now) if registry.holds_key(one.kind) else ""]
    ]
    ids = {one.id for one in chosen}
    return actions, [one for one in orphans if one.id not in ids]


def _attic(source: Files | Remembered, path: str, now: int) -> str:
    """A free place for a key: the second one of a name in a day does not take the first one's."""
    folder = f".attic/{format_date(now)}"
    place, number = f"{folder}/{path}", 2
    while source.is_occupied(place, path):
        place = f"{folder}-{number}/{path}"
        number += 1
    return place
