"""When a certificate is out of date: ordered lists of pure checks, each with its reason.

A check gets what is desired, what is held, and the time; it answers with a `Reason` or with None. The first reason
gives the action its name; all of them are told. Compared is only what the manifest states or defaults, so no version
of pkibuild re-issues by being newer (artifacts.md, "The truth, and memory").

A value of the desired side that an action of this plan will make is None (a *future*): unknown means changed.
"""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.core.times import DAY, MINUTE, YEAR, format_date, format_duration, same_span
from pkibuild.core.values import Record
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.model.manifest import Constraints, Validity
from pkibuild.model.plan import Reason
from pkibuild.x509 import contents

Future = None
"""A value that only the execution of an action will tell."""


class Desired(Record):
    """What a certificate should be, as far as it is known before the plan is carried out."""

    profile: Profile
    public: str | None
    """Digest of the public key."""
    self_signed: bool
    issuer_subject: str | None
    """Digest of the issuer's name; meaningless when self-signed."""
    issuer_key_id: str | None
    issuer_not_after: int | None
    """None when self-signed."""
    validity: Validity
    renew_before: int
    issued_since: int | None
    clock_renews: bool
    not_before: int
    """Start, end and declared end that a certificate issued now would have."""
    not_after: int
    asked_end: int


class Held(Record):
    """A certificate that is there, with what the journal remembers of it."""

    facts: CertificateFacts
    generation: int | None = None
    asked_end: int | None = None
    """The end that was declared when it was issued; None when nothing is recorded."""


def public_key(desired: Desired, held: Held, now: int) -> Reason | None:
    if desired.public is Future:
        return Reason("key-changed", "its key is made anew")
    if held.facts.public != desired.public:
        return Reason("key-changed", "its key is another one")
    return None


def subject(desired: Desired, held: Held, now: int) -> Reason | None:
    if sorted(held.facts.subject) != sorted(desired.profile.subject):
        return Reason("subject-changed", "subject changed")
    return None


def issuer(desired: Desired, held: Held, now: int) -> Reason | None:
    facts = held.facts
    if desired.self_signed:
        if facts.issuer_digest != facts.subject_digest:
            return Reason("issuer-changed", "self-signed from now on")
        return None
    if desired.issuer_subject is not Future and facts.issuer_digest != desired.issuer_subject:
        return Reason("issuer-changed", "issuer changed")
    if desired.issuer_subject is Future:
        return Reason("issuer-changed", "the issuer is a new one, or gets another name")
    if desired.issuer_key_id is Future or (facts.issuer_key_id and facts.issuer_key_id != desired.issuer_key_id):
        return Reason("issuer-rekeyed", "the issuer has another key")
    return None


def constraints(desired: Desired, held: Held, now: int) -> Reason | None:
    profile, facts = desired.profile, held.facts
    if profile.ca != facts.ca:
        return Reason("usage-changed", "it becomes an authority" if profile.ca else "it is an authority no more")
    if profile.path_length != facts.path_length:
        return Reason("path-length-changed", "path length changed")
    if _limits(profile.constraints) != _limits(facts.constraints):
        return Reason("constraints-changed", "name constraints changed")
    return None


def _limits(constraints: Constraints) -> list[list[str]]:
    """What constraints say, in whatever order they are written."""
    sides = (constraints.permitted, constraints.excluded)
    return [sorted(names) for side in sides for names in (side.dns, side.ip, side.email)]


def names(desired: Desired, held: Held, now: int) -> Reason | None:
    wanted, there = contents.alternative_names(desired.profile), held.facts.names
    same = all(sorted(getattr(wanted, kind)) == sorted(getattr(there, kind)) for kind in ("dns", "ip", "email", "uri"))
    return None if same else Reason("names-changed", "names changed")


def usages(desired: Desired, held: Held, now: int) -> Reason | None:
    if contents.usages(desired.profile) != held.facts.usages:
        return Reason("usage-changed", "usage changed")
    return None


def urls(desired: Desired, held: Held, now: int) -> Reason | None:
    profile, facts = desired.profile, held.facts
    wanted = (profile.crl_url, profile.ca_issuers_url, profile.ocsp_url)
    there = (facts.crl_urls, facts.ca_issuers_urls, facts.ocsp_urls)
    if all(found == ((url,) if url else ()) for url, found in zip(wanted, there, strict=True)):
        return None
    return Reason("urls-changed", "URLs for revocation or issuer changed")


def outlives_issuer(desired: Desired, held: Held, now: int) -> Reason | None:
    end = desired.issuer_not_after
    if end is not None and held.facts.not_after > end:
        return Reason("outlives-issuer", f"it would outlive its issuer, which ends on {format_date(end)}")
    return None


def span(desired: Desired, held: Held, now: int) -> Reason | None:
    """Whether the declared validity is another one than it was issued with; a clamped end counts as declared."""
    start, end = held.facts.not_before, held.facts.not_after
    asked = held.asked_end if held.asked_end is not None else end
    validity = desired.validity
    if validity.not_after is not None:
        step = DAY if validity.not_after - start >= 2 * DAY else MINUTE
        same = abs(asked - validity.not_after) < step
    else:
        assert validity.seconds is not None
        same = same_span(asked - start + 1, validity.seconds)
    if same:
        return None
    limit = desired.issuer_not_after
    if held.asked_end is None and limit is not None and abs(limit - end) < MINUTE and desired.asked_end >= end:
        return None  # nothing is recorded, and it ends with its issuer: it was clamped
    declared = format_date(validity.not_after) if validity.not_after else format_duration(validity.seconds or 0)
    return Reason("validity-changed", f"validity changed to {declared}")


def issued_since(desired: Desired, held: Held, now: int) -> Reason | None:
    since = desired.issued_since
    # It was made after its start, which is backdated: a start within the backdating still counts as issued since.
    if since is not None and held.facts.not_before + 5 * MINUTE < since and since <= now:
        return Reason("issued-since", f"issued before {format_date(since)}")
    return None


def due(desired: Desired, held: Held, now: int) -> Reason | None:
    """Due when its time has come and a re-issue now would end later (graph.md, attainable end). A root never is."""
    facts = held.facts
    if not desired.clock_renews or now < due_at(desired, held) or desired.not_after <= facts.not_after:
        return None
    if now > facts.not_after:
        return Reason("expired", f"expired on {format_date(facts.not_after)}")
    return Reason("due", f"due for renewal, expires on {format_date(facts.not_after)}")


def due_at(desired: Desired, held: Held) -> int:
    return renews_at(held.facts, desired.renew_before)


def renews_at(facts: CertificateFacts, renew_before: int) -> int:
    """When the clock asks for a new certificate."""
    return facts.not_after - renew_before + 1


def root_is_due(not_after: int, now: int) -> bool:
    """A root in its last year is to be renewed by an edit."""
    return not_after - now < YEAR


CERTIFICATE: tuple[Callable[[Desired, Held, int], Reason | None], ...] = (
    public_key,
    subject,
    issuer,
    constraints,
    names,
    usages,
    urls,
    outlives_issuer,
    span,
    issued_since,
    due,
)
"""In the order in which they are asked (graph.md, node kinds)."""


def certificate_reasons(desired: Desired, held: Held, now: int) -> tuple[Reason, ...]:
    """Every reason for which a held certificate is out of date, in order; empty when it is right."""
    return tuple(reason for check in CERTIFICATE if (reason := check(desired, held, now)) is not None)
