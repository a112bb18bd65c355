"""What placeholders and templates of a pack see: plain data, each string with its place in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkibuild.core.values import Record
from pkibuild.model import layout
from pkibuild.model.manifest import Host, Service
from pkibuild.packs.pack import Pack
from pkibuild.rendering.located import LocatedText, with_places


class ServiceContext(Record):
    """What a service's context has in common on all hosts of one platform."""

    options: Mapping[str, Any]
    values: Mapping[str, Any]
    name: LocatedText


def service_context(pack: Pack, service: Service, platform: str) -> ServiceContext:
    options = {**pack.defaults.get(platform, {}), **service.options}
    return ServiceContext(
        options=with_places(options, service.place, pack.secrets),
        values=pack.values[platform],
        name=LocatedText(service.name, service.place),
    )


def make_context(common: ServiceContext, service: Service, host: Host, manifest: str) -> dict[str, Any]:
    """What the pack's placeholders and templates see, except the paths of the service's own files."""
    return {
        "origin": manifest.rpartition("/")[2],
        "host": host_context(host),
        "service": {"name": common.name, "type": service.type, "id": f"service/{service.name}@{host.name}"},
        "options": common.options,
        "values": common.values,
        "paths": host_paths(host),
    }


def host_context(host: Host) -> dict[str, Any]:
    place = host.place
    fqdn = LocatedText(host.fqdn, (*place, "fqdn"))
    aliases, addresses = (*place, "aliases"), (*place, "addresses")
    return {
        "name": LocatedText(host.name, place),
        "fqdn": fqdn,
        "names": [fqdn if name == host.fqdn else LocatedText(name, aliases) for name in host.names.dns],
        "addresses": [LocatedText(one, addresses) for one in host.names.ip],
        "platform": host.platform,
        "home": LocatedText(host.home, (*place, "home")),
        "usage": list(host.usages),
    }


def host_paths(host: Host) -> dict[str, Any]:
    """The absolute paths, on the host, of what is always there."""
    paths = {kind: layout.on_host(host, layout.host_path(host, kind)) for kind in ("key", "certificate")}
    paths["certificates"] = layout.on_host(host, layout.certificate_folder(host))
    paths["private"] = layout.on_host(host, layout.private_folder(host))
    return {name: LocatedText(path, host.place) for name, path in paths.items()}
