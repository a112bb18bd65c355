"""A manifest as plain values with every inherited and built-in value filled in: what `show` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkibuild.core.times import format_duration, format_time
from pkibuild.documents.schema.masks import masked
from pkibuild.documents.schema.secrets import MASK
from pkibuild.model.manifest import Authority, Certificate, Constraints, Declaration, Host, Manifest, Names, Service

SECTIONS = ("authorities", "hosts", "services", "certificates")


def manifest(shown: Manifest) -> dict[str, Any]:
    """The whole manifest. Durations are written in the shortest exact form, times in UTC."""
    sections: dict[str, Mapping[str, Any]] = {
        "authorities": {name: declaration(one) for name, one in shown.authorities.items()},
        "hosts": {name: declaration(one) for name, one in shown.hosts.items()},
        "services": {name: _service(one, shown) for name, one in shown.services.items()},
        "certificates": {name: declaration(one) for name, one in shown.certificates.items()},
    }
    return {"version": 1, "output": shown.output, **{name: dict(found) for name, found in sections.items() if found}}


def ids(shown: Manifest) -> list[str]:
    """The ids of all declarations, in the order of the manifest's sections."""
    return [one.id for one in shown.declarations()] + [f"service/{name}" for name in shown.services]


def find(shown: Manifest, name: str) -> dict[str, Any] | None:
    """One declaration by its id (`host/myhost`, an artifact of it), or by its bare name where that means one."""
    kind, _, rest = name.partition("/")
    first = rest.partition("/")[0]
    if kind == "service":
        found = shown.services.get(first.partition("@")[0])
        return {"services": {found.name: _service(found, shown)}} if found else None
    by_id = {one.id: one for one in shown.declarations()}
    wanted = by_id.get(f"{kind}/{first}")
    if wanted is not None:
        return {_SECTION[wanted.kind]: {wanted.name: declaration(wanted)}}
    matches = [one for one in ids(shown) if one.partition("/")[2] == name]
    return find(shown, matches[0]) if len(matches) == 1 else None


_SECTION = {"authority": "authorities", "host": "hosts", "certificate": "certificates"}


def declaration(one: Declaration) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if isinstance(one, Host):
        shown |= _without_empty(
            {
                "fqdn": one.fqdn,
                "aliases": list(one.aliases),
                "addresses": list(one.addresses),
                "platform": one.platform,
                "home": one.home,
                "tags": list(one.tags),
            }
        )
    shown |= {"subject": dict(one.subject), "issuer": one.issuer, "key": _key(one), "validity": _validity(one)}
    shown["renew_before"] = format_duration(one.renew_before)
    if one.issued_since is not None:
        shown["issued_since"] = format_time(one.issued_since)
    if not isinstance(one, Authority):
        shown["usage"] = list(one.usages)
    shown["formats"] = list(one.formats)
    if isinstance(one, Certificate) and one.names:
        shown["names"] = _names(one.names)
    if isinstance(one, Authority):
        shown |= _authority(one)
    return shown


def _service(one: Service, of: Manifest) -> dict[str, Any]:
    options = masked(one.options, of.packs[one.type].secrets, MASK)
    return {"type": one.type, "hosts": list(one.hosts), **_plain(options)}


def _plain(value: Any) -> Any:
    """Nested mappings and tuples as dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [], {}, None)}


def _key(one: Declaration) -> dict[str, Any]:
    key = one.key
    shown: dict[str, Any] = {"algorithm": key.algorithm}
    if not isinstance(one, Authority):
        shown["rotate"] = key.rotate
    shown["generation"] = key.generation
    if key.passphrase is not None:
        value = key.passphrase.value
        source: Any = True if key.passphrase.source == "prompt" else _plain(value)
        shown["passphrase"] = {key.passphrase.source: source}
    return shown


def _validity(one: Declaration) -> Any:
    if one.validity.not_after is not None:
        return {"not_after": format_time(one.validity.not_after)}
    return format_duration(one.validity.seconds or 0)


def _names(names: Names) -> dict[str, Any]:
    return _without_empty(
        {"dns": list(names.dns), "ip": list(names.ip), "email": list(names.email), "uri": list(names.uri)}
    )


def _authority(one: Authority) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if one.path_length is not None:
        shown["path_length"] = one.path_length
    if one.constraints:
        shown["name_constraints"] = _constraints(one.constraints)
    if one.crl is not None:
        shown["crl"] = {
            "url": one.crl.url,
            "validity": format_duration(one.crl.validity),
            "refresh_before": format_duration(one.crl.refresh_before),
        }
    if one.ocsp_url:
        shown["ocsp"] = {"url": one.ocsp_url}
    if one.ca_issuers_url:
        shown["ca_issuers_url"] = one.ca_issuers_url
    return shown | {"protect": one.protect}


def _constraints(found: Constraints) -> dict[str, Any]:
    sides = {"permitted": found.permitted, "excluded": found.excluded}
    return {
        side: _without_empty({"dns": list(trees.dns), "ip": list(trees.ip), "email": list(trees.email)})
        for side, trees in sides.items()
        if trees
    }
