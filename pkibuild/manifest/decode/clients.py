"""Warnings of what is built as declared, and then refused by some clients (profile.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pkibuild.core import times as units
from pkibuild.core.diagnostics import Place
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.model.manifest import Authority, Declaration

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
