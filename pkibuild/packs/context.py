"""What placeholders and templates of a pack see: plain data, each string with its place in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkibuild.core.values import dataclass, field, replace
from pkibuild.model import layout
from pkibuild.model.manifest import Host, Service
from pkibuild.packs import requirements
from pkibuild.packs.narrow import narrow, same_everywhere
from pkibuild.packs.pack import Pack
from pkibuild.rendering.placed import Placed, placed


@dataclass(frozen=True, slots=True)
class Settled:
    """What all hosts of one platform have in common for a service."""

    pack: Pack
    options: Mapping[str, Any]
    values: Mapping[str, Any]
    name: Placed
    same: frozenset[str]
    """Those parts of an expansion in which nothing hangs on the host."""
    parts: dict[str, Any] = field(default_factory=dict)
    """They, as they were made for a host without problems."""
    paths: dict[str, Placed] = field(default_factory=dict)
    """Where the files among them are on every host."""


def settle(pack: Pack, service: Service, platform: str) -> Settled:
    options = dict(service.options)
    for name, value in pack.defaults.get(platform, {}).items():
        options.setdefault(name, value)
    options = placed(options, service.place, pack.secrets)
    values = pack.values[platform]
    context = {"host": {"platform": platform}, "options": options, "values": values}
    narrowed = narrow(pack, platform, context)
    narrowed = replace(narrowed, requires=requirements.not_met_everywhere(narrowed.requires, platform, context))
    name = Placed(service.name, service.place)
    return Settled(narrowed, options, values, name, same_everywhere(narrowed, platform))


def make_context(settled: Settled, service: Service, host: Host, manifest: str) -> dict[str, Any]:
    """What the pack's placeholders and templates see, but for the paths of its own files."""
    return {
        "origin": manifest.rpartition("/")[2],
        "host": host_context(host),
        "service": {"name": settled.name, "type": service.type, "id": f"service/{service.name}@{host.name}"},
        "options": settled.options,
        "values": settled.values,
        "paths": host_paths(host),
    }


def host_context(host: Host) -> dict[str, Any]:
    place = host.place
    fqdn = Placed(host.fqdn, (*place, "fqdn"))
    aliases, addresses = (*place, "aliases"), (*place, "addresses")
    return {
        "name": Placed(host.name, place),
        "fqdn": fqdn,
        "names": [fqdn if name == host.fqdn else Placed(name, aliases) for name in host.names.dns],
        "addresses": [Placed(one, addresses) for one in host.names.ip],
        "platform": host.platform,
        "home": Placed(host.home, (*place, "home")),
        "usage": list(host.usages),
    }


def host_paths(host: Host) -> dict[str, Any]:
    """The absolute paths, on the host, of what is always there."""
    paths = {kind: layout.on_host(host, layout.host_path(host, kind)) for kind in ("key", "certificate")}
    paths["certificates"] = layout.on_host(host, layout.certificate_folder(host))
    paths["private"] = layout.on_host(host, layout.private_folder(host))
    return {name: Placed(path, host.place) for name, path in paths.items()}
