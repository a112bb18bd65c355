"""What a re-issued certificate will say differently, field by field, in the field's own words (RFC 5280)."""

from __future__ import annotations

from functools import lru_cache

from pkibuild.artifacts.certificate.policies import Desired
from pkibuild.core.times import format_date
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.model.manifest import Attributes
from pkibuild.model.plan import Change
from pkibuild.review.fields import constraint_list, name_list, usage_list
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
