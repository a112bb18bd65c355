"""What two manifests declare alike, so that a diff of ten thousand hosts looks only at those that differ.

A host or certificate is passed over when its declaration is the same on both sides, so are its services, their packs
and templates, and nothing above it is touched: then the plan of the new manifest finds it as the old one built it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from pkibuild.artifacts.draft import PlanDraft, Tally
from pkibuild.artifacts.texts import TEMPLATE_LIMIT
from pkibuild.manifest.decode.services import files_in
from pkibuild.manifest.sides import Side
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Authority, Declaration, Host, Service
from pkibuild.packs.loader import BUILT_IN
from pkibuild.packs.pack import Pack
from pkibuild.plan.compare.as_built import AsBuilt, BuiltFile
from pkibuild.plan.skip import SkipPolicy
from pkibuild.resolve.units import Fault, Units

Found = tuple[list[BuiltFile], list[Fault]]


class UnchangedDeclarations(SkipPolicy):
    """Passes over what is alike, while the plan of the new manifest is made from `units`."""

    def __init__(self, old: Side, new: Side, units: Units, built: AsBuilt) -> None:
        self._old = old
        self._new = new
        self._units = units
        self._built = built
        self._touched = frozenset(_touched(old.manifest.authorities, new.manifest.authorities))
        self._services = {one.name: self._is_alike(one) for one in new.manifest.services.values()}
        self._on_old, self._on_new = _by_host(old), _by_host(new)
        self._counts: dict[object, int] = {}

    def has(self, declaration: Declaration) -> bool:
        """Whether this declaration of either manifest is alike in both, with all that it hangs on."""
        if isinstance(declaration, Authority):
            return False
        kind = "hosts" if isinstance(declaration, Host) else "certificates"
        name = declaration.name
        old, new = getattr(self._old.manifest, kind).get(name), getattr(self._new.manifest, kind).get(name)
        if old != new or new.issuer in self._touched:
            return False
        if not isinstance(declaration, Host):
            return True
        services = self._on_new.get(name, ())
        if services != self._on_old.get(name, ()) or not all(self._services[one] for one in services):
            return False
        return not (services and self._touched)  # a service may name any authority

    # -- while a plan is made ------------------------------------------------------------

    def can_skip(self, declaration: Declaration, draft: PlanDraft) -> bool:
        """Whether a unit of the new manifest is passed over; if so, its artifacts are counted."""
        if not self.has(declaration):
            return False
        draft.unchanged += self._count(declaration)
        return True

    def decided(self, unit: Unit, draft: PlanDraft, before: Tally) -> None:  # noqa: ARG002 - all that pass over are told
        """A unit was compared with the one that the old manifest builds."""
        self._built.decided(unit)

    def results(self) -> Found:
        """In a fork: what is left of the old units, and what is wrong with them."""
        return self._built.removed_files, self._built.units.faults

    def merge(self, results: Found) -> None:
        """What is left of those that a fork has compared."""
        left, faults = results
        self._built.removed_files += left
        self._built.units.faults += faults

    def _count(self, declaration: Declaration) -> int:
        """How many artifacts a unit has; the same for all hosts of one kind, unless a pack asks for more of a host."""
        services = self._on_new.get(declaration.name, ()) if isinstance(declaration, Host) else ()
        packs = {self._new.manifest.services[name].type for name in services}
        if any(_asks_the_host(self._new.manifest.packs[one]) for one in packs):
            return len(self._units.of(declaration).artifacts)
        platform = declaration.platform if isinstance(declaration, Host) else ""
        kind = (declaration.kind, platform, declaration.formats, declaration.issuer, services)
        if kind not in self._counts:
            self._counts[kind] = len(self._units.of(declaration).artifacts)
        return self._counts[kind]

    # -- services ------------------------------------------------------------------------

    def _is_alike(self, new: Service) -> bool:
        """Whether all of a service is the same, but for the hosts that it is on."""
        old = self._old.manifest.services.get(new.name)
        if old is None or (old.type, old.place, old.options) != (new.type, new.place, new.options):
            return False
        packs = self._old.manifest.packs[old.type], self._new.manifest.packs[new.type]
        folder = self._new.manifest.folder
        if posixpath.basename(self._old.manifest.path) != posixpath.basename(self._new.manifest.path):
            return False  # configs name it
        if packs[0] != packs[1] or folder != self._old.manifest.folder:
            return False
        return all(self._reads_alike(path) for path in _files(packs[1], new, folder))

    def _reads_alike(self, path: str) -> bool:
        try:
            return self._old.read(path, TEMPLATE_LIMIT) == self._new.read(path, TEMPLATE_LIMIT)
        except OSError:
            return False


def _touched(old: Mapping[str, Authority], new: Mapping[str, Authority]) -> Iterator[str]:
    """Authorities of which something changes that what hangs below them may see."""
    found: set[str] = set()
    for name, authority in new.items():  # issuers come first
        before = old.get(name)
        if before is None or _from_below(before) != _from_below(authority) or authority.issuer in found:
            found.add(name)
    yield from found
    yield from (name for name in old if name not in new)


def _from_below(authority: Authority) -> Authority:
    """An authority without what concerns itself alone."""
    crl = replace(authority.crl, validity=0, refresh_before=0) if authority.crl else None
    return replace(authority, renew_before=0, protect=True, formats=(), crl=crl)


def _by_host(side: Side) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for service in side.manifest.services.values():
        for host in service.hosts:
            found.setdefault(host, []).append(service.name)
    return {host: tuple(names) for host, names in found.items()}


def _files(pack: Pack, service: Service, folder: str) -> Iterator[str]:
    """The files that a service's configs are rendered from; those of built-in packs are the same on both sides."""
    if not pack.root.startswith(f"{BUILT_IN}/"):
        yield from pack.files_read
    yield from files_in(service.options, pack.options_schema, pack.options_schema, folder)


def _asks_the_host(pack: Pack) -> bool:
    """Whether it depends on more of a host than its platform which artifacts there are."""
    conditions = [rule.when for rule in pack.requests] + [rule.when for rule in pack.materials]
    conditions += [rule.when for rule in pack.files] + [when for _, when in pack.formats]
    asked = [path for when in conditions for path, _ in when.tests] + [rule.each for rule in pack.files if rule.each]
    return any(path[0] not in ("options", "values") and path != ("host", "platform") for path in asked)
