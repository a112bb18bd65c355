"""Authorities, and the rules of the tree that they form (RFC 5280 4.2.1.9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pkibuild.core import times as units
from pkibuild.core.diagnostics import Place
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.decode.context import INTERMEDIATE_VALIDITY, RENEW_AT_MOST, ROOT_VALIDITY, Context, Fields, Raw
from pkibuild.manifest.decode.names import BadName, http_url, normal_dns, normal_email, normal_network
from pkibuild.manifest.decode.subjects import Subjects, attributes, comparable
from pkibuild.model.manifest import (
    EXTERNAL,
    SELF,
    Attributes,
    Authority,
    Constraints,
    Crl,
    Declaration,
    Names,
    Subtrees,
)

CRL_VALIDITY = 30 * units.DAY


class Authorities(Struct):
    """Decodes authorities one by one."""

    context: Context
    fields: Fields
    subjects: Subjects

    def authority(self, raw: Raw) -> Authority:
        data = raw.data
        issuer = data.get("issuer", SELF)
        root = issuer == SELF
        validity = self.fields.validity(raw, ROOT_VALIDITY if root else INTERMEDIATE_VALIDITY, inherit=False)
        subject, emails = self._subject(raw)
        declared = data.get("renew_before")
        place = (*raw.place, "renew_before")
        return Authority(
            name=raw.name,
            place=raw.place,
            subject=subject,
            issuer=issuer,
            key=self.fields.key(raw, authority=True),
            validity=validity,
            renew_before=self.fields.declared_renewal(raw, declared, place, validity) if declared else 0,
            issued_since=self.fields.issued_since(raw),
            formats=self.fields.formats(raw, inherit=False),
            usages=(),
            names=Names(email=emails),
            path_length=data.get("path_length", None if root else 0),
            constraints=self._constraints(raw, root),
            crl=self._crl(raw),
            ca_issuers_url=self._url(data.get("ca_issuers_url"), (*raw.place, "ca_issuers_url")),
            protect=data.get("protect", True),
        )

    def _subject(self, raw: Raw) -> tuple[Attributes, tuple[str, ...]]:
        values = self.subjects.values(raw)
        for text in values.get("common_name", ()):
            if len(text) > 64:
                self.context.error(
                    "bad-subject", f"`common_name`: it has {len(text)} characters, and at most 64 are allowed "
                    "(RFC 5280 A.1)", (*raw.place, "subject", "common_name"),
                )  # fmt: skip
        if not any(values.values()) and not any(raw.data.get("subject", {}).values()):
            hint = "write `subject: {common_name: …}`"
            self.context.lacks(raw, "no-subject", "an authority needs a subject (RFC 5280 4.1.2.6)", hint)
        return attributes(values), values.get("email", ())

    def _crl(self, raw: Raw) -> Crl | None:
        written = raw.data.get("crl")
        if written is None:
            return None
        place = (*raw.place, "crl")
        validity = CRL_VALIDITY
        if "validity" in written:
            validity = self.fields.duration(written["validity"], (*place, "validity")) or validity
        before = units.parse_duration(written["refresh_before"]) if "refresh_before" in written else validity // 3
        if before >= validity:
            self.context.error(
                "renews-too-early", f"`refresh_before` ({units.format_duration(before)}) is not shorter than the "
                f"list's validity ({units.format_duration(validity)})", (*place, "refresh_before"),
            )  # fmt: skip
        return Crl(self._url(written["url"], (*place, "url")), validity, before)

    def _url(self, text: str | None, place: Place) -> str:
        if text is None:
            return ""
        try:
            return http_url(text)
        except BadName as error:
            self.context.error("bad-url", f"{quote(text)} cannot stand here: {error}", place, error.hint)
            return ""

    def _constraints(self, raw: Raw, root: bool) -> Constraints:
        written = raw.data.get("name_constraints")
        if not written:
            return Constraints()
        place = (*raw.place, "name_constraints")
        if root:
            self.context.warn(
                "constraints-on-root", "Java and pyHanko ignore name constraints of a root", place,
                "put them on an intermediate authority",
            )  # fmt: skip
        permitted, excluded = (
            self._subtrees(written.get(kind, {}), (*place, kind)) for kind in ("permitted", "excluded")
        )
        _warn_of_one_family(self.context, permitted, excluded, (*place, "permitted", "ip"))
        return Constraints(permitted, excluded)

    def _subtrees(self, written: Mapping[str, Any], place: Place) -> Subtrees:
        def take(kind: str, normal: Any) -> tuple[str, ...]:
            taken = []
            for at, text in enumerate(written.get(kind, ())):
                try:
                    taken.append(normal(text))
                except BadName as error:
                    message = f"{quote(text)} cannot be a constraint: {error}"
                    self.context.error("bad-constraint", message, (*place, kind, at), error.hint)
            return tuple(dict.fromkeys(taken))

        return Subtrees(take("dns", _domain), take("ip", normal_network), take("email", _email_domain))


def _domain(text: str) -> str:
    if text.startswith(".") and text != ".":
        raise BadName("a leading dot is not allowed (RFC 5280 4.2.1.10)", f"write `{text[1:60]}`: it means what is "
                      "below it too")  # fmt: skip
    return normal_dns(text, wildcard=False)


def _email_domain(text: str) -> str:
    if "@" in text:
        return normal_email(text)
    if text.startswith("."):
        return f".{normal_dns(text[1:], wildcard=False)}"
    return normal_dns(text, wildcard=False)


def _warn_of_one_family(context: Context, permitted: Subtrees, excluded: Subtrees, place: Place) -> None:
    families = {":" in network for network in permitted.ip}
    if len(families) == 1:
        other = "IPv6" if families == {False} else "IPv4"
        closed = "::/0" if families == {False} else "0.0.0.0/0"
        if closed not in excluded.ip:
            context.warn("one-ip-family", f"some validators let every {other} address through", place,
                         f"permit networks of both families, or exclude `{closed}`")  # fmt: skip


# -- the tree ------------------------------------------------------------------------


def check_issuers(
    context: Context, declared: Iterable[Declaration], known: Mapping[str, object], raws: Mapping[Place, Raw]
) -> bool:
    """Report issuers that are not declared; whether there are none. `known` also has authorities with problems."""
    sound = True
    for one in declared:
        if one.issuer in known or one.issuer in (SELF, EXTERNAL, ""):
            continue
        sound = False
        close = context.nearest(one.issuer, [*known, SELF])
        hint = f"did you mean `{close}`?" if close else _declared(known)
        place = context.where(raws[one.place], "issuer")
        context.error("unknown-issuer", f"authority {quote(one.issuer)} is not declared", place, hint)
    return sound


def _declared(known: Iterable[str]) -> str:
    names = list(known)[:8]
    return f"declared are {', '.join(f'`{one}`' for one in names)}" if names else "no authority is declared"


def in_issuing_order(context: Context, authorities: Mapping[str, Authority]) -> dict[str, Authority]:
    """Issuers before what they issue. A cycle is reported, and what is in it comes last."""
    ordered: dict[str, Authority] = {}
    for name in authorities:
        chain: dict[str, None] = {}
        at = name
        while at in authorities and at not in ordered and at not in chain:
            chain[at] = None
            at = "" if authorities[at].is_root else authorities[at].issuer
        if at in chain:
            names = list(chain)
            _report_cycle(context, authorities, names[names.index(at) :])
        for one in reversed(chain):
            ordered[one] = authorities[one]
    return ordered


def _report_cycle(context: Context, authorities: Mapping[str, Authority], cycle: list[str]) -> None:
    inside = set(cycle)
    begin = cycle.index(next(name for name in authorities if name in inside))
    turned = [*cycle[begin:], *cycle[:begin]]
    shown = " → ".join(f"`{one}`" for one in [*turned, turned[0]])
    context.error("issuer-cycle", f"the authorities sign each other: {shown}", ("authorities", turned[0], "issuer"),
                  "one of them has to be a root: take its `issuer` out")  # fmt: skip


def chain_of(authority: Authority, authorities: Mapping[str, Authority]) -> list[Authority]:
    """The authority's issuer, that one's issuer and so on, up to the root."""
    chain: dict[str, Authority] = {}
    issuer = authority.issuer
    while issuer in authorities and issuer not in chain and issuer != authority.name:
        chain[issuer] = authorities[issuer]
        issuer = authorities[issuer].issuer
    return list(chain.values())


def check_path_lengths(context: Context, authorities: Mapping[str, Authority], raws: Mapping[Place, Raw]) -> None:
    """An authority allows `path_length` levels of authorities below it."""
    for one in authorities.values():
        chain = chain_of(one, authorities)
        if chain and chain[-1].issuer in authorities:
            continue  # a cycle, which has been reported
        for depth, above in enumerate(chain, 1):
            if above.path_length is not None and depth > above.path_length and raws[above.place].sound:
                needed = f"`path_length: {depth}`"
                declared = (*above.place, "path_length")
                context.error(
                    "path-length",
                    f"`{above.name}` has path length {above.path_length}, and `{one.name}` is {depth} "
                    f"level{'s' if depth > 1 else ''} below it (RFC 5280 4.2.1.9)",
                    (*one.place, "issuer"),
                    f"declare {needed} for `{above.name}`",
                    related=((f"`{above.name}` is declared here", declared),),
                )
                break


def check_subjects(context: Context, authorities: Mapping[str, Authority]) -> None:
    """No two authorities have one subject: clients would take one's certificate for the other's."""
    first: dict[Attributes, Authority] = {}
    for one in authorities.values():
        if not one.subject:
            continue
        other = first.setdefault(comparable(one.subject), one)
        if other is not one:
            context.error(
                "same-subject",
                f"`{one.name}` has the same subject as `{other.name}`",
                (*one.place, "subject"),
                "give it another common name",
                related=(("the other", (*other.place, "subject")),),
            )


def check_leaf_subjects(context: Context, leaves: Iterable[Declaration], authorities: Mapping[str, Authority]) -> None:
    """No certificate has its issuer's subject: it would look as if it had signed itself (RFC 5280 3.2)."""
    for one in leaves:
        issuer = authorities.get(one.issuer)
        if issuer is None or len(one.subject) != len(issuer.subject) or not one.subject:
            continue
        if one.subject[-1][1].casefold() != issuer.subject[-1][1].casefold():
            continue  # nearly always so, and cheaper than the whole
        if comparable(one.subject) == comparable(issuer.subject):
            context.error(
                "same-subject",
                f"`{one.name}` has the same subject as its issuer `{issuer.name}`",
                (*one.place, "subject"),
                "give one of them another common name",
                related=(("the issuer", (*issuer.place, "subject")),),
            )


def with_renewals(authorities: Mapping[str, Authority], issued: Iterable[Declaration]) -> dict[str, Authority]:
    """Authorities whose `renew_before` is not declared get the longest validity that they issue and 30 days more,
    half their own at most."""
    longest: dict[str, int] = {}
    for one in (*authorities.values(), *issued):
        if (one.validity.seconds or 0) > longest.get(one.issuer, 0):
            longest[one.issuer] = one.validity.seconds or 0
    return {
        name: one if one.renew_before else replace(one, renew_before=_renewal(one, longest.get(name, 0)))
        for name, one in authorities.items()
    }


def _renewal(one: Authority, longest: int) -> int:
    wanted = longest + RENEW_AT_MOST
    return wanted if one.validity.seconds is None else min(wanted, one.validity.seconds // 2)
