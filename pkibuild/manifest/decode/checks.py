"""Checks across declarations: name constraints (RFC 5280 4.2.1.10), and what some clients refuse (profile.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from pkibuild.core import times as units
from pkibuild.core.diagnostics import Place
from pkibuild.manifest.decode.authorities import chain_of
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.manifest.decode.names import BadName, address_in, normal_dns, normal_email
from pkibuild.model.manifest import Authority, Declaration, Subtrees

KINDS = ("dns", "ip", "email")


class _Tree:
    """The subtrees of one kind and one sense, ready to be asked."""

    def __init__(self, subtrees: Subtrees) -> None:
        self.dns = subtrees.dns
        self.dns_set = frozenset(subtrees.dns)
        self.dns_below = tuple(f".{one}" for one in subtrees.dns)
        self.email = subtrees.email
        self.networks: list[Any] = []
        if subtrees.ip:
            import ipaddress

            self.networks = [ipaddress.ip_network(one) for one in subtrees.ip]

    def __bool__(self) -> bool:
        return bool(self.dns or self.email or self.networks)

    def has(self, kind: str) -> bool:
        return bool(self.networks if kind == "ip" else self.dns if kind == "dns" else self.email)

    def covering(self, kind: str, name: str) -> int | None:
        """Which of the subtrees the name lies in; None when in none."""
        if kind == "dns":
            if name not in self.dns_set and not name.endswith(self.dns_below):
                return None
            return next(at for at, one in enumerate(self.dns) if name == one or name.endswith(f".{one}"))
        if kind == "ip":
            import ipaddress

            address = ipaddress.ip_address(name)
            return next((at for at, one in enumerate(self.networks) if address in one), None)
        return next((at for at, one in enumerate(self.email) if _covers_mailbox(one, name)), None)

    def under_wildcard(self, name: str) -> int | None:
        """Which subtree a wildcard reaches into: `*.abc.com` stands for `secret.abc.com` too."""
        for at, one in enumerate(self.dns):
            if one.partition(".")[2] == name[2:]:
                return at
        return None


def _covers_mailbox(constraint: str, name: str) -> bool:
    domain = name.rpartition("@")[2]
    if "@" in constraint:
        return name == constraint
    return domain.endswith(constraint) if constraint.startswith(".") else domain == constraint


class _Limit(Struct):
    authority: Authority
    permitted: _Tree
    excluded: _Tree


def check_constraints(
    context: Context, declared: Iterable[Declaration], authorities: Mapping[str, Authority], raws: Mapping[Place, Raw]
) -> None:
    """Report every name that an authority above it does not allow."""
    limits = {
        name: _Limit(one, _Tree(one.constraints.permitted), _Tree(one.constraints.excluded))
        for name, one in authorities.items()
        if one.constraints
    }
    if not limits:
        return
    above = {
        name: [limits[other.name] for other in (one, *chain_of(one, authorities)) if other.name in limits]
        for name, one in authorities.items()
    }
    for one in declared:
        for limit in above.get(one.issuer, ()):
            for kind in KINDS:
                for name in getattr(one.names, kind):
                    _check(context, one, limit, kind, name, raws)


def _check(context: Context, one: Declaration, limit: _Limit, kind: str, name: str, raws: Mapping[Place, Raw]) -> None:
    constraints = (*limit.authority.place, "name_constraints")
    excluded = limit.excluded.covering(kind, name)
    if excluded is None and kind == "dns" and name.startswith("*."):
        excluded = limit.excluded.under_wildcard(name)
    if excluded is not None:
        context.error(
            "name-excluded",
            f"`{name}` is excluded by the name constraints of `{limit.authority.name}`",
            place_of(raws[one.place], kind, name),
            related=(("excluded here", (*constraints, "excluded", kind, excluded)),),
        )
    elif limit.permitted.has(kind) and limit.permitted.covering(kind, name) is None:
        context.error(
            "name-not-permitted",
            f"`{name}` lies outside the name constraints of `{limit.authority.name}`",
            place_of(raws[one.place], kind, name),
            related=(("permitted here", (*constraints, "permitted", kind)),),
        )


def place_of(raw: Raw, kind: str, name: str) -> Place:
    """Where a declaration writes a name, given in normal form."""
    candidates: list[tuple[Place, Any]] = [(("fqdn",), raw.data.get("fqdn"))]
    for field in ("aliases", "addresses"):
        candidates += [((field, at), text) for at, text in enumerate(raw.data.get(field, ()))]
    for field, texts in raw.data.get("names", {}).items():
        candidates += [(("names", field, at), text) for at, text in enumerate(texts)]
    candidates += [(("subject", "email"), one) for one in _as_list(raw.data.get("subject", {}).get("email"))]
    for place, text in candidates:
        if isinstance(text, str) and _normal(kind, text) == name:
            return (*raw.place, *place)
    return raw.place


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _normal(kind: str, text: str) -> str | None:
    try:
        if kind == "ip":
            return address_in(text)
        return normal_email(text) if kind == "email" else normal_dns(text)
    except BadName:
        return None


APPLE_LIMIT = 825 * units.DAY

_REFUSED = {
    "ed25519": ("Chromium and Firefox refuse Ed25519 keys of servers", "use `ecdsa-p256`"),
    "ecdsa-p521": ("Chromium refuses P-521 keys of servers", "use `ecdsa-p256` or `ecdsa-p384`"),
    "ml-dsa-44": ("few clients know ML-DSA yet: OpenSSL 3.5, Go 1.27 and later, hardly any browser", ""),
}
_REFUSED["ml-dsa-65"] = _REFUSED["ml-dsa-87"] = _REFUSED["ml-dsa-44"]


def warn_of_clients(
    context: Context, leaves: Iterable[Declaration], authorities: Mapping[str, Authority], raws: Mapping[Place, Raw]
) -> None:
    """One warning at each place where something is declared that some clients refuse."""
    for one in leaves:
        if "server" in one.usages:
            _warn_of_key(context, one, raws)
            _warn_of_length(context, one, raws)
    _warn_of_shorter_issuers(context, [*authorities.values(), *leaves], authorities, raws)


def _warn_of_key(context: Context, one: Declaration, raws: Mapping[Place, Raw]) -> None:
    refused = _REFUSED.get(one.key.algorithm)
    if refused is None:
        return
    raw = raws[one.place]
    own = raw.data.get("key")
    declared = own is not None and (isinstance(own, str) or "algorithm" in own)
    place: Place = (*raw.place, "key") if declared else ("defaults", "key")
    written = own if declared else context.defaults.get("key")
    if not isinstance(written, str):
        place = (*place, "algorithm")
    message, hint = refused
    context.warn("client-support", message, place, hint)


def _length(one: Declaration, now: int) -> int:
    return one.validity.seconds if one.validity.seconds is not None else (one.validity.not_after or now) - now


def _warn_of_length(context: Context, one: Declaration, raws: Mapping[Place, Raw]) -> None:
    if _length(one, context.now) > APPLE_LIMIT:
        context.warn("long-validity", "Apple's systems refuse a server's certificate of more than 825 days",
                     context.where(raws[one.place], "validity"), "397d is accepted everywhere")  # fmt: skip


def _warn_of_shorter_issuers(
    context: Context, declared: Iterable[Declaration], authorities: Mapping[str, Authority], raws: Mapping[Place, Raw]
) -> None:
    """What is declared longer than its issuer is always cut to the issuer's end."""
    for one in declared:
        issuer = authorities.get(one.issuer)
        if issuer is None or one.issuer == one.name or not _outlives(one, issuer, context.now):
            continue
        context.warn(
            "outlives-issuer",
            f"`{raws[one.place].written}` is declared to be valid longer than its issuer `{issuer.name}`: "
            "it will end with it",
            _validity_place(context, raws[one.place], isinstance(one, Authority)),
        )


def _validity_place(context: Context, raw: Raw, authority: bool) -> Place:
    return (*raw.place, "validity") if authority else context.where(raw, "validity")


def _outlives(one: Declaration, issuer: Authority, now: int) -> bool:
    if one.validity.seconds is not None and issuer.validity.seconds is not None:
        return one.validity.seconds > issuer.validity.seconds
    return now + _length(one, now) > now + _length(issuer, now) and issuer.validity.not_after is not None
