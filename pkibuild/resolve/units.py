"""From a manifest and its packs to units: which artifacts are wanted."""

from __future__ import annotations

from collections.abc import Iterator

from pkibuild.artifacts import registry
from pkibuild.artifacts.certificate.kind import rights_on_host
from pkibuild.artifacts.kind import Scope
from pkibuild.core.diagnostics import Diagnostic, Problems
from pkibuild.model import layout
from pkibuild.model.desired import Rights, Unit
from pkibuild.model.manifest import SELF, Authority, Declaration, Host, Manifest, Service
from pkibuild.packs.expand import Expander
from pkibuild.resolve.conflicts import check_conflicts

Fault = tuple[str, Diagnostic]
"""Name of a host, and what a service cannot have there."""


class Units:
    """The units of a manifest, each made when it is first asked for: authorities first, each after its issuer.

    What a service cannot have is added to `faults` as its unit is made. Unless they are `kept`, hosts and certificates
    are made whenever they are asked for.
    """

    def __init__(self, manifest: Manifest, *, kept: bool = True) -> None:
        self._manifest = manifest
        self._kept = kept
        self._services = _by_host(manifest)
        self._expander = Expander(manifest.authorities, manifest.path, manifest.folder)
        self.faults: list[Fault] = []
        self.resolved: dict[str, Unit] = {}
        """Those that were asked for and are kept, by id."""

    def __iter__(self) -> Iterator[Unit]:
        return map(self.of, self._manifest.declarations())

    def of(self, declaration: Declaration) -> Unit:
        unit = self.resolved.get(declaration.id)
        if unit is None:
            if isinstance(declaration, Host):
                services = self._services.get(declaration.name, [])
                unit, problems = _host_unit(self._manifest, declaration, services, self._expander)
                self.faults += ((declaration.name, one) for one in problems.found)
            else:
                artifacts = registry.desired(Scope(self._manifest, declaration, ()))
                unit = Unit(declaration.id, declaration, layout.unit_folder(declaration), artifacts)
            if self._kept or isinstance(declaration, Authority):
                self.resolved[declaration.id] = unit
        return unit

    def paths(self) -> Iterator[str]:
        """Every file that a plan of those that were asked for looks at."""
        return (path for unit in self.resolved.values() for path in unit.paths)

    @property
    def problems(self) -> Problems:
        """What is wrong; once what is wrong in the same lines on many hosts in the same way: it is one fault."""
        found: dict[tuple[object, ...], Diagnostic] = {}
        for host, one in self.faults:
            related = tuple(self._manifest.span(place) for _, place in one.related)
            fault = (one.code, self._manifest.span(one.place), related, one.message.replace(host, ""))
            found.setdefault(fault, one)
        return Problems(list(found.values()))


def _by_host(manifest: Manifest) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for service in manifest.services.values():
        for host in service.hosts:
            found.setdefault(host, []).append(service)
    return found


def _host_unit(manifest: Manifest, host: Host, services: list[Service], expander: Expander) -> tuple[Unit, Problems]:
    """A host with its services, and what these cannot have there."""
    problems = Problems()
    folder = layout.unit_folder(host)
    folders: list[tuple[str, Rights]] = []
    if host.platform in layout.OWN_PRIVATE_FOLDER:
        own = Rights(layout.root_owner(host.platform), layout.root_group(host.platform), 0o700)
        folders.append((layout.key_folder(host), own))
    below_root = host.issuer == SELF or manifest.authorities[host.issuer].is_root
    expansions = tuple(
        [expander.expand(manifest.packs[one.type], one, host, issuer_is_root=below_root) for one in services]
    )
    for one in expansions:
        problems.extend(one.problems)
        folders += [(f"{folder}/{wanted.path}", rights_on_host(wanted.rights)) for wanted in one.folders]
    artifacts = registry.desired(Scope(manifest, host, expansions))
    unit = Unit(host.id, host, folder, artifacts, tuple(folders), expansions)
    check_conflicts(unit, problems)
    return unit, problems
