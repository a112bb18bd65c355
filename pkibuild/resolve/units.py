"""From a manifest and its packs to units: which artifacts are wanted, and what each depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pkibuild.artifacts.bundles import PARTS, bundle_of
from pkibuild.artifacts.certificates import pair_of, profile_of
from pkibuild.core.diagnostics import Diagnostic, Place, Problems
from pkibuild.model import layout
from pkibuild.model.desired import BundleWant, CertificateWant, ConfigWant, KeyWant, Pair, Rights, Unit
from pkibuild.model.manifest import SELF, Authority, Declaration, Host, Manifest, Service
from pkibuild.model.reports import GraphNode
from pkibuild.packs import pack as packs
from pkibuild.packs.expand import Expander
from pkibuild.packs.expansion import Copy, Expansion, File, Request

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
        self.made: dict[str, Unit] = {}
        """Those that were asked for and are kept, by id."""

    def __iter__(self) -> Iterator[Unit]:
        return map(self.of, self._manifest.declarations())

    def of(self, declaration: Declaration) -> Unit:
        unit = self.made.get(declaration.id)
        if unit is None:
            if isinstance(declaration, Host):
                services = self._services.get(declaration.name, [])
                unit, problems = _host_unit(self._manifest, declaration, services, self._expander)
                self.faults += ((declaration.name, one) for one in problems.found)
            else:
                unit = _simple_unit(self._manifest, declaration)
            if self._kept or isinstance(declaration, Authority):
                self.made[declaration.id] = unit
        return unit

    def paths(self) -> Iterator[str]:
        """Every file that a plan of those that were asked for looks at."""
        return (path for unit in self.made.values() for path in unit.paths)

    @property
    def problems(self) -> Problems:
        """What is wrong; once what is wrong in the same lines on many hosts in the same way: it is one fault."""
        found: dict[tuple[object, ...], Diagnostic] = {}
        for host, one in self.faults:
            related = tuple(self._manifest.span(place) for _, place in one.related)
            fault = (one.code, self._manifest.span(one.place), related, one.message.replace(host, ""))
            found.setdefault(fault, one)
        return Problems(list(found.values()))


def issuer_of(manifest: Manifest, declaration: Declaration) -> Authority | None:
    return None if declaration.issuer == SELF else manifest.authorities[declaration.issuer]


def _simple_unit(manifest: Manifest, declaration: Declaration) -> Unit:
    pair = pair_of(declaration, issuer_of(manifest, declaration))
    bundles = tuple(
        bundle_of(declaration, kind, pair.certificate.rights) for kind in declaration.formats if kind in PARTS
    )
    return Unit(declaration.id, declaration, layout.unit_folder(declaration), (pair,), bundles)


def _by_host(manifest: Manifest) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for service in manifest.services.values():
        for host in service.hosts:
            found.setdefault(host, []).append(service)
    return found


# -- a host with its services ------------------------------------------------------------------------------------------


def _host_unit(manifest: Manifest, host: Host, services: list[Service], expander: Expander) -> tuple[Unit, Problems]:
    """A host with its services, and what these cannot have there."""
    problems = Problems()
    issuer = issuer_of(manifest, host)
    pair = pair_of(host, issuer)
    pairs, kinds = [pair], [kind for kind in host.formats if kind in PARTS]
    copies: list[BundleWant] = []
    configs: list[ConfigWant] = []
    folder = layout.unit_folder(host)
    folders: list[tuple[str, Rights]] = []
    if host.platform in layout.OWN_PRIVATE_FOLDER:
        own = Rights(layout.root_owner(host.platform), layout.root_group(host.platform), 0o700)
        folders.append((layout.key_folder(host), own))
    below_root = issuer is None or issuer.is_root
    expansions = tuple(
        [expander.expand(manifest.packs[one.type], one, host, issuer_is_root=below_root) for one in services]
    )
    for one in expansions:
        problems.extend(one.problems)
        kinds += one.formats
        pairs += [_requested(host, issuer, one.id, want) for want in one.requests]
        copies += [_copied(host, one, want) for want in one.copies]
        folders += [(f"{folder}/{want.path}", _rights(want.rights)) for want in one.folders]
        if not one.problems:  # else it lacks paths as well, and its templates would only say so again
            seen = zip(one.files, one.contexts, strict=True)
            configs += [_config(host, one, want, context) for want, context in seen if want.kind in ("file", "link")]
    bundles = [bundle_of(host, kind, pair.certificate.rights) for kind in dict.fromkeys(kinds)]
    unit = Unit(
        id=host.id,
        declaration=host,
        folder=folder,
        pairs=tuple(pairs),
        bundles=(*bundles, *copies),
        configs=tuple(configs),
        folders=tuple(folders),
        expansions=expansions,
    )
    clashes = _check_paths(unit, problems)
    _check_links(unit, problems)
    if len(expansions) > 1:
        _check_ports(expansions, clashes, problems)
    return unit, problems


def _rights(rights: packs.Rights) -> Rights:
    return Rights(rights.owner, rights.group, rights.mode)


def _requested(host: Host, issuer: Authority | None, service: str, want: Request) -> Pair:
    """A key and certificate of a service's own: issuer, algorithm, validity and subject are the host's."""
    subject = tuple(
        (name, want.common_name if name == "common_name" else value)
        for name, value in (host.subject if _has_common_name(host) else (*host.subject, ("common_name", "")))
    )
    profile = replace(profile_of(host, issuer), subject=subject, names=want.names, usages=want.usages)
    unit = f"{service}/{want.role}"
    folder = layout.unit_folder(host)
    key = KeyWant(
        id=f"{unit}/key",
        path=f"{folder}/{want.key_path}",
        spec=replace(host.key, passphrase=None),  # a service starts without anybody at a prompt
        place=want.place,
        rights=_rights(want.key),
    )
    certificate = CertificateWant(
        id=f"{unit}/certificate",
        path=f"{folder}/{want.certificate_path}",
        profile=profile,
        issuer=host.issuer,
        validity=host.validity,
        renew_before=host.renew_before,
        issued_since=host.issued_since,
        place=want.place,
        rights=_rights(want.certificate),
    )
    return Pair(unit, key, certificate)


def _has_common_name(host: Host) -> bool:
    return any(name == "common_name" for name, _ in host.subject)


def _copied(host: Host, expansion: Expansion, want: Copy) -> BundleWant:
    return BundleWant(
        id=f"{expansion.id}/{want.name}",
        kind="material",
        path=f"{layout.unit_folder(host)}/{want.path}",
        parts=want.parts,
        pair=host.id if want.of == "host" else f"{expansion.id}/{want.of}",
        rights=_rights(want.rights),
        place=want.place,
    )


def _config(host: Host, expansion: Expansion, want: File, context: Mapping[str, Any] | None) -> ConfigWant:
    return ConfigWant(
        id=f"{expansion.id}/{want.name}",
        path=f"{layout.unit_folder(host)}/{want.path}",
        file=want,
        rights=_rights(want.rights),
        place=want.place,
        secret=want.secret,
        context=context,
    )


def _check_paths(unit: Unit, problems: Problems) -> set[tuple[Place, Place]]:
    """Two artifacts at one path: both places are shown, and returned. Of two services that clash once is enough."""
    clashes: set[tuple[Place, Place]] = set()
    taken: dict[str, Place] = {}
    wants: list[tuple[str, Place]] = [
        (want.path, want.place) for pair in unit.pairs for want in (pair.key, pair.certificate)
    ]
    wants += [(bundle.path, bundle.place) for bundle in unit.bundles]
    wants += [(f"{unit.folder}/{file.path}", file.place) for one in unit.expansions for file in one.files]
    if len({path for path, _ in wants}) == len(wants):
        return clashes
    for path, place in wants:
        if path in taken and (place, taken[path]) not in clashes:
            clashes.add((place, taken[path]))
            shown = path.removeprefix(unit.folder)
            problems.error(
                "same-path",
                f"two artifacts of `{unit.id}` would lie at `{shown}`",
                place,
                "give one of them another path or name",
                related=(("the other one is declared here", taken[path]),),
            )
        taken.setdefault(path, place)
    return clashes


def _check_links(unit: Unit, problems: Problems) -> None:
    """Nothing lies below a link: whoever unpacks a bundle would follow it."""
    links = [config for config in unit.configs if config.link]
    if not links:
        return
    built = (f"{unit.folder}/{file.path}" for one in unit.expansions for file in one.builds)
    paths = [*unit.paths, *built, *(path for path, _ in unit.folders)]
    for link in links:
        below = next((path for path in paths if path.startswith(f"{link.path}/")), None)
        if below is not None:
            shown = [path.removeprefix(unit.folder) for path in (below, link.path)]
            problems.error(
                "same-path", f"`{shown[0]}` of `{unit.id}` would lie below the link `{shown[1]}`", link.place,
                "give one of them another path",
            )  # fmt: skip


def _check_ports(expansions: tuple[Expansion, ...], clashes: set[tuple[Place, Place]], problems: Problems) -> None:
    """Two services of a host on a port that they cannot share: both places are shown, unless they clash already."""
    ports = [(one, port) for one in expansions for port in one.ports]
    for index, (expansion, port) in enumerate(ports):
        for other, earlier in ports[:index]:
            if other is not expansion and port.clashes(earlier):
                if (port.place, earlier.place) in clashes:
                    break
                clashes.add((port.place, earlier.place))
                problems.error(
                    "same-port",
                    f"port {port.number} of host `{expansion.host}` is taken by service `{other.service}` already",
                    port.place,
                    "give one of the two another port or address",
                    related=(("the other one is declared here", earlier.place),),
                )
                break


# -- the graph, to be looked at ---------------------------------------------------------------------------------------


def nodes(manifest: Manifest, units: Iterable[Unit]) -> list[GraphNode]:
    """Every artifact with what it needs, as `(id, facet)`."""
    found: list[GraphNode] = []
    for unit in units:
        by_unit = {pair.unit: pair for pair in unit.pairs}
        for pair in unit.pairs:
            found.append(GraphNode(pair.key.id, "key", pair.key.path))
            found.append(GraphNode(pair.certificate.id, "certificate", pair.certificate.path, _certificate_needs(pair)))
        for bundle in unit.bundles:
            needs = _bundle_needs(manifest, bundle, by_unit[bundle.pair])
            found.append(GraphNode(bundle.id, bundle.kind, bundle.path, needs))
        if unit.authority is not None and unit.authority.crl is not None:
            authority = unit.authority
            certificate = (f"{authority.id}/certificate", "subject, key_id")
            path = layout.output_path(authority, "crl")
            found.append(
                GraphNode(f"{authority.id}/crl", "crl", path, ((f"{authority.id}/key", "public"), certificate))
            )
            der = layout.output_path(authority, "crl-der")
            found.append(GraphNode(f"{authority.id}/crl-der", "crl-der", der, ((f"{authority.id}/crl", "bytes"),)))
        owners = {f"{one.id}/{file.name}": one for one in unit.expansions for file in one.files}
        for config in unit.configs:
            needs = tuple((id, "path") for id in _config_needs(unit.id, owners[config.id]))
            found.append(GraphNode(config.id, config.kind, config.path, needs))
    return found


def _config_needs(host: str, expansion: Expansion) -> list[str]:
    """Ids of the artifacts whose paths a config sees."""
    own = [f"{host}/{kind}" for kind in ("key", "certificate", *expansion.formats)]
    requested = [f"{expansion.id}/{one.role}/{what}" for one in expansion.requests for what in ("key", "certificate")]
    return [*own, *requested, *(f"{expansion.id}/{one.name}" for one in expansion.copies)]


def _certificate_needs(pair: Pair) -> tuple[tuple[str, str], ...]:
    own = ((pair.key.id, "public"),)
    issuer = pair.certificate.issuer
    if issuer == SELF:
        return own
    return (
        *own,
        (f"authority/{issuer}/key", "public"),
        (f"authority/{issuer}/certificate", "subject, key_id, not_after"),
    )


def _bundle_needs(manifest: Manifest, bundle: BundleWant, pair: Pair) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    chain, root = _issuers(manifest, pair.certificate.issuer)
    for part in bundle.parts:
        if part == "key":
            found.append((pair.key.id, "bytes"))
        elif part == "leaf":
            found.append((pair.certificate.id, "bytes"))
        elif part == "chain":
            found += [(f"authority/{name}/certificate", "bytes") for name in chain]
        elif part == "root":
            found.append((f"authority/{root}/certificate" if root else pair.certificate.id, "bytes"))
        else:
            found.append((f"{part}/certificate", "bytes"))
    return tuple(found)


def _issuers(manifest: Manifest, name: str) -> tuple[list[str], str]:
    """The intermediates above something that `name` issued, from below, and the root."""
    chain: list[str] = []
    while name != SELF and not manifest.authorities[name].is_root:
        chain.append(name)
        name = manifest.authorities[name].issuer
    return chain, "" if name == SELF else name
