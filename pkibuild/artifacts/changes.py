"""What a re-issued certificate will say differently, field by field, in the field's own words (RFC 5280)."""

from __future__ import annotations

from functools import lru_cache

from pkibuild.artifacts.policies import Desired
from pkibuild.core.times import format_date, format_time
from pkibuild.model.facts import CertificateFacts, CrlFacts
from pkibuild.model.manifest import Attributes
from pkibuild.model.plan import Change
from pkibuild.review.fields import constraint_list, name_list, usage_list
from pkibuild.x509 import said
from pkibuild.x509.attributes import format_subject


@lru_cache(64)
def _name(attributes: Attributes) -> tuple[str, ...]:
    """A name, as it is shown; a certificate's own stands on both sides, that of its issuer in all of a fleet."""
    return _one(format_subject(attributes))


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _text(value: int | None) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def certificate_changes(desired: Desired, facts: CertificateFacts | None, issuer: Attributes) -> tuple[Change, ...]:
    """Every field in which the certificate to be issued differs from the one that is there; all of a new one.

    `issuer` is the name of its issuer to be.
    """
    to_be = _to_be(desired, facts, issuer)
    if facts is None:
        told = [Change(field, (), values) for field, values in to_be.items() if values]
        return (*told, Change("notAfter", (), (format_date(desired.not_after),)))
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


def _to_be(desired: Desired, facts: CertificateFacts | None, issuer: Attributes) -> dict[str, tuple[str, ...]]:
    profile = desired.profile
    subject = profile.subject
    if facts is not None:  # a name in another order, or told by other words, is the same name
        subject = facts.subject if sorted(facts.subject) == sorted(subject) else subject
        issuer = issuer if _is_another_issuer(desired, facts) else facts.issuer
    return {
        "subject": _name(subject),
        "issuer": _name(issuer),
        "subjectAltName": name_list(said.alternative_names(profile)),
        "extendedKeyUsage": usage_list(said.usages(profile)),
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


def crl_changes(facts: CrlFacts, revoked: tuple[str, ...] | None, next_update: int) -> tuple[Change, ...]:
    """What a new list says otherwise; `revoked` are its serials, None where they cannot be known."""
    there = tuple(one.serial for one in facts.revoked)
    changes = []
    if revoked is not None and sorted(there) != sorted(revoked):
        changes.append(Change("revokedCertificates", there, revoked))
    if facts.next_update != next_update:
        changes.append(Change("nextUpdate", (format_time(facts.next_update),), (format_time(next_update),)))
    return tuple(changes)
