"""Whether a host has what a service needs. A pack never changes the host's certificate to fit: it says what lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pkibuild.core.diagnostics import Place, Problems
from pkibuild.model.manifest import SELF, Host, Service
from pkibuild.packs.pack import Pack, Requirement
from pkibuild.packs.patterns import contexts, look_up, parse_path
from pkibuild.rendering.located import place_of


def check_requirements(
    pack: Pack, service: Service, host: Host, context: Mapping[str, Any], issuer_is_root: bool, problems: Problems
) -> None:
    """Report every unmet requirement at the service's line."""
    for need in pack.requires:
        if need.kind == "option":
            _options(need, service, context, problems)
        elif not need.when.holds(context):
            continue
        elif need.kind == "names":
            _names(need, service, host, context, problems)
        elif not _met(need, host, issuer_is_root):
            _unmet(need, pack, service, host, problems)


def _met(need: Requirement, host: Host, issuer_is_root: bool) -> bool:
    if need.kind == "platform":
        return host.platform in need.values
    if need.kind == "issuer":
        return issuer_is_root or host.issuer == SELF
    if need.kind == "usage":
        return all(usage in host.usages for usage in need.values)
    return host.key.algorithm in need.values


def _unmet(need: Requirement, pack: Pack, service: Service, host: Host, problems: Problems) -> None:
    said: dict[str, tuple[str, Place, str]] = {
        "platform": (f"does not run on the platform `{host.platform}`", (*host.place, "platform"), "its platform"),
        "issuer": (
            f"needs a certificate issued by a root, not by `{host.issuer}`",
            (*host.place, "issuer"),
            "its issuer",
        ),
        "usage": (f"needs the usage `{'`, `'.join(need.values)}`", (*host.place, "usage"), "its usage"),
        "key": (f"cannot use a key of the algorithm `{host.key.algorithm}`", (*host.place, "key"), "its key"),
    }
    words, place, label = said[need.kind]
    message = f"service `{service.name}` of the type `{pack.type}` on host `{host.name}` {words}"
    if need.message:
        message = f"{message}: {need.message}"
    problems.error(f"requires-{need.kind}", message, service.place, need.hint, ((label, place),))


def _options(need: Requirement, service: Service, context: Mapping[str, Any], problems: Problems) -> None:
    for option in _missing(need, context):
        message = f"service `{service.name}` needs the option `{option}`"
        if need.message:
            message = f"{message}: {need.message}"
        problems.error("requires-option", message, service.place, need.hint)


def _missing(need: Requirement, context: Mapping[str, Any]) -> Iterator[str]:
    """The options that are needed and not given."""
    for one in contexts(context, need.each):
        for option in need.values if need.when.holds(one) else ():
            if not look_up(one, parse_path(option)):
                yield option


def _names(need: Requirement, service: Service, host: Host, context: Mapping[str, Any], problems: Problems) -> None:
    for option in need.values:
        for name in _values(context, option):
            if not covered(name, host.names.dns):
                hint = need.hint or f"add it to the `aliases` of host `{host.name}`"
                message = f"`{name}` is not among the names of host `{host.name}`"
                related = (("the host is declared here", host.place),)
                problems.error("requires-names", message, place_of(name) or service.place, hint, related)


def _values(context: Mapping[str, Any], option: str) -> Iterable[Any]:
    """The values of an option; `sites.names` looks into every element of `sites`."""
    first, _, rest = option.partition(".")
    found = look_up(context, parse_path(first))
    for one in found if isinstance(found, list) else [found] if found else []:
        if not rest:
            yield one
            continue
        below = one.get(rest) if isinstance(one, Mapping) else None
        yield from below if isinstance(below, list) else [below] if below else []


def covered(name: str, names: Iterable[str]) -> bool:
    """Whether a certificate with these names holds for `name` (RFC 9525 6.3: a wildcard stands for one label)."""
    name = name.lower().rstrip(".")
    for one in names:
        if one == name:
            return True
        if one.startswith("*.") and not name.startswith("*.") and name.partition(".")[2] == one[2:]:
            return True
    return False
