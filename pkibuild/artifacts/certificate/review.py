"""What a reviewer sees of a certificate that is issued: changes (in the words of RFC 5280), causes and risks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from pkibuild.artifacts.certificate.policies import Desired
from pkibuild.core.diagnostics import Place
from pkibuild.core.times import format_date, same_span
from pkibuild.core.values import Record
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.model.manifest import Attributes, Validity
from pkibuild.model.plan import Action, Change, Reason
from pkibuild.model.recipes import Sign
from pkibuild.review.causes import Causes
from pkibuild.review.changes import constraint_list, name_list, usage_list
from pkibuild.review.risks import lengthened, quoted_list
from pkibuild.x509 import contents
from pkibuild.x509.attributes import format_subject


@lru_cache(64)
def _name(attributes: Attributes) -> tuple[str, ...]:
    """A name, as it is shown; a certificate's own stands on both sides, that of its issuer in all of a fleet."""
    return _one(format_subject(attributes))


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _text(value: int | None) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def new_certificate(profile: Profile, not_after: int, issuer: Attributes) -> tuple[Change, ...]:
    """Every field of a new certificate; `issuer` is its issuer's name."""
    fields = _to_be(profile, profile.subject, issuer)
    changes = [Change(field, (), values) for field, values in fields.items() if values]
    return (*changes, Change("notAfter", (), (format_date(not_after),)))


def certificate_changes(desired: Desired, facts: CertificateFacts, issuer: Attributes) -> tuple[Change, ...]:
    """Every field in which the certificate to be issued differs from the one that is there.

    `issuer` is the name of its issuer to be. A name in another order, or told by other words, is the same name.
    """
    subject = desired.profile.subject
    subject = facts.subject if sorted(facts.subject) == sorted(subject) else subject
    to_be = _to_be(desired.profile, subject, issuer if _is_another_issuer(desired, facts) else facts.issuer)
    there = _there(facts)
    pairs = ((field, there[field], after) for field, after in to_be.items())
    changes = [Change(field, before, after) for field, before, after in pairs if sorted(before) != sorted(after)]
    if desired.public is None or desired.public != facts.public:
        changes.append(Change("subjectPublicKey", (facts.algorithm,), ("another key",)))
    if not desired.self_signed and desired.issuer_key_id != facts.issuer_key_id:
        after = desired.issuer_key_id or "that of the new key"
        changes.append(Change("authorityKeyIdentifier", _one(facts.issuer_key_id), (after,)))
    if format_date(facts.not_after) != format_date(desired.not_after):
        changes.append(Change("notAfter", (format_date(facts.not_after),), (format_date(desired.not_after),)))
    return tuple(changes)


def _there(facts: CertificateFacts) -> dict[str, tuple[str, ...]]:
    return {
        "subject": _name(facts.subject),
        "issuer": _name(facts.issuer),
        "subjectAltName": name_list(facts.names),
        "extendedKeyUsage": usage_list(facts.usages),
        "basicConstraints": ("CA:TRUE",) if facts.ca else (),
        "pathLenConstraint": _text(facts.path_length),
        "nameConstraints": constraint_list(facts.constraints),
        "cRLDistributionPoints": facts.crl_urls,
        "caIssuers": facts.ca_issuers_urls,
        "OCSP": facts.ocsp_urls,
    }


def _to_be(profile: Profile, subject: Attributes, issuer: Attributes) -> dict[str, tuple[str, ...]]:
    return {
        "subject": _name(subject),
        "issuer": _name(issuer),
        "subjectAltName": name_list(contents.alternative_names(profile)),
        "extendedKeyUsage": usage_list(contents.usages(profile)),
        "basicConstraints": ("CA:TRUE",) if profile.ca else (),
        "pathLenConstraint": _text(profile.path_length),
        "nameConstraints": constraint_list(profile.constraints),
        "cRLDistributionPoints": _one(profile.crl_url),
        "caIssuers": _one(profile.ca_issuers_url),
        "OCSP": _one(profile.ocsp_url),
    }


def _is_another_issuer(desired: Desired, facts: CertificateFacts) -> bool:
    """A self-signed certificate's issuer is itself, whatever it is called."""
    if desired.self_signed:
        return facts.issuer_digest != facts.subject_digest
    return facts.issuer_digest != desired.issuer_subject


_FIELDS = {
    "subject-changed": ("subject",),
    "issuer-changed": ("issuer",),
    "usage-changed": ("usage",),
    "path-length-changed": ("path_length",),
    "constraints-changed": ("name_constraints",),
    "validity-changed": ("validity",),
    "issued-since": ("issued_since",),
}
"""Reasons that come from a field of the declaration."""
_URLS = {"cRLDistributionPoints": ("crl", "url"), "caIssuers": ("ca_issuers_url",), "OCSP": ("ocsp", "url")}
"""Fields of a certificate that its issuer declares."""
_NAMES = {"DNS": "dns", "IP": "ip", "email": "email", "URI": "uri"}


def certificate_causes(reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
    """The causes of a reason (its code); empty where there is none."""
    own = causes.declaration(action)
    issuer = action.recipe.signer.unit if isinstance(action.recipe, Sign) else ""
    match reason:
        case "key-changed":
            return causes.first(f"{action.id.rpartition('/')[0]}/key")
        case "retired":
            return causes.first(f"authority/{own[1]}/key")
        case "issuer-rekeyed":
            return causes.first(f"{issuer}/key", f"{issuer}/certificate") or causes.field(own, "issuer")
        case "outlives-issuer":
            return causes.first(f"{issuer}/certificate")
        case "issuer-changed":
            return _issuer(own, issuer, causes)
        case "subject-changed" if _is_called_by_fqdn(action, own, causes):
            return causes.field(own, "fqdn")
        case "names-changed":
            return _names(action, own, causes)
        case "urls-changed":
            fields = (_URLS[one.field] for one in action.changes if one.field in _URLS)
            place: Place = ("authorities", issuer.partition("/")[2])
            return tuple(at for field in fields for at in causes.field(place, *field))
    return causes.field(own, *_FIELDS[reason]) if reason in _FIELDS else ()


def _issuer(own: Place, issuer: str, causes: Causes) -> tuple[str, ...]:
    above = causes.planned.get(f"{issuer}/certificate")
    if above is not None and above.verb == "new":
        return (above.id, *causes.field(own, "issuer"))
    if above is not None and any(change.field == "subject" for change in above.changes):
        return (above.id,)
    return causes.field(own, "issuer")


def _is_called_by_fqdn(action: Action, own: Place, causes: Causes) -> bool:
    """Whether a host's common name has changed with its full name."""
    host = causes.manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
    name = f"CN={host.fqdn}" if host else ""
    subjects = [one for one in action.changes if one.field == "subject"]
    return bool(name) and any(name in "".join(one.after) and name not in "".join(one.before) for one in subjects)


def _names(action: Action, own: Place, causes: Causes) -> tuple[str, ...]:
    """The fields in which the names that come and go are written."""
    changed = [name for one in action.changes if one.field == "subjectAltName" for name in _changed(one)]
    host = causes.manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
    if host is not None and f"DNS:{host.fqdn}" in changed and len(changed) == 2:
        return causes.field(own, "fqdn")  # the other one is the full name that it had
    fields: list[tuple[str, ...]] = []
    for name in changed:
        kind, _, value = name.partition(":")
        if host is None:
            fields.append(("names", _NAMES.get(kind, kind)))
        elif kind == "DNS":
            fields.append(("fqdn",) if value == host.fqdn else ("aliases",))
        else:
            fields.append(("addresses",) if kind == "IP" else ("subject",))
    return tuple(dict.fromkeys(at for field in fields for at in causes.field(own, *field)))


def _changed(change: Change) -> list[str]:
    return [name for name in (*change.before, *change.after) if (name in change.before) != (name in change.after)]


class IssuanceReview(Record):
    """A certificate before and after a plan."""

    before: CertificateFacts | None
    asked_end: int | None
    """The end that was declared for the one before; None where nothing is recorded."""
    after: Profile
    validity: Validity
    issuer: str
    """Id of the authority that signs; empty for a self-signed one."""
    reasons: tuple[Reason, ...]


def _new_authority(one: IssuanceReview) -> Reason | None:
    if one.before is not None or not one.after.ca:
        return None
    what = f"a new authority under `{one.issuer}`" if one.issuer else "a new root"
    limits = _limits(one.after)
    return Reason("new-authority", f"{what}{limits}")


def _limits(profile: Profile) -> str:
    if profile.constraints:
        return ", for the names that its constraints allow"
    return ", which may issue for any name"


def _constraints(one: IssuanceReview) -> Reason | None:
    if one.before is None or not one.after.ca:
        return None
    from pkibuild.review.changes import widened

    more = widened(one.before.constraints, one.after.constraints)
    return Reason("constraints-widened", f"it may issue for more names: {quoted_list(more)}") if more else None


def _path_length(one: IssuanceReview) -> Reason | None:
    if one.before is None or not one.after.ca or one.before.path_length is None:
        return None
    before, after = one.before.path_length, one.after.path_length
    if after is not None and after <= before:
        return None
    told = "any number of" if after is None else str(after)
    return Reason("path-length-widened", f"{told} levels of authorities may stand below it, {before} before")


def _wildcard(one: IssuanceReview) -> Reason | None:
    known = one.before.names.dns if one.before else ()
    new = [name for name in one.after.names.dns if name.startswith("*.") and name not in known]
    return Reason("new-wildcard", f"{quoted_list(new)} stands for every name of that level") if new else None


def _longer(one: IssuanceReview) -> Reason | None:
    if one.before is None or all(reason.code != "validity-changed" for reason in one.reasons):
        return None
    start, end = one.before.not_before, one.before.not_after if one.asked_end is None else one.asked_end
    if one.validity.seconds is not None:
        span = end - start + 1
        longer = one.validity.seconds > span and not same_span(one.validity.seconds, span)
        return lengthened(span, one.validity.seconds) if longer else None
    assert one.validity.not_after is not None
    if one.validity.not_after <= end:
        return None
    return Reason("longer-validity", f"valid until {format_date(one.validity.not_after)}, {format_date(end)} before")


def _usage(one: IssuanceReview) -> Reason | None:
    if one.before is None or one.after.ca:
        return None
    added = [usage for usage in contents.usages(one.after) if usage not in one.before.usages]
    return (
        Reason("usage-added", f"it may be used for {quoted_list(usage_list(tuple(added)))} as well") if added else None
    )


ISSUED: tuple[Callable[[IssuanceReview], Reason | None], ...] = (
    _new_authority,
    _constraints,
    _path_length,
    _wildcard,
    _longer,
    _usage,
)


def issued_risks(one: IssuanceReview) -> tuple[Reason, ...]:
    return tuple(risk for check in ISSUED if (risk := check(one)) is not None)
