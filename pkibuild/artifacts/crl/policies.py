"""Revocation lists (RFC 5280 5): when one is out of date, what a new one says differently, and its risks."""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.artifacts.certificate.policies import Future
from pkibuild.core.times import format_date, format_duration, format_time, plural, same_span
from pkibuild.core.values import Record
from pkibuild.model.facts import CrlFacts, Revocation
from pkibuild.model.plan import Change, Reason
from pkibuild.review.risks import lengthened


class DesiredCrl(Record):
    issuer_subject: str | None
    issuer_key_id: str | None
    revoked: tuple[Revocation, ...] | None
    """Living revocations, sorted by serial; None when they cannot be known (planning from the lock alone)."""
    validity: int
    refresh_before: int


def crl_signer(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if desired.issuer_key_id is Future or desired.issuer_subject is Future:
        return Reason("issuer-rekeyed", "the authority is made anew")
    if held.issuer_key_id != desired.issuer_key_id or held.issuer_digest != desired.issuer_subject:
        return Reason("issuer-rekeyed", "it is signed by another key")
    return None


def crl_revocations(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if desired.revoked is None:
        return None
    wanted = {one.serial: one for one in desired.revoked}
    there = {one.serial: one for one in held.revoked}
    missing = wanted.keys() - there.keys()
    changed = {serial for serial in wanted.keys() & there.keys() if wanted[serial].reason != there[serial].reason}
    if missing or changed:
        verb = "is" if len(missing) == 1 else "are"
        parts = [f"{plural(len(missing), 'revocation')} {verb} missing from the CRL"] if missing else []
        parts += [f"the reason of {plural(len(changed), 'revocation')} changed"] if changed else []
        return Reason("revocations-changed", ", and ".join(parts))
    return None


def crl_span(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if same_span(held.next_update - held.this_update, desired.validity):
        return None
    return Reason("validity-changed", f"validity changed to {format_duration(desired.validity)}")


def crl_due(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if now >= list_renews_at(held, desired.refresh_before):
        return Reason("crl-due", f"due for refresh (nextUpdate {format_date(held.next_update)})")
    return None


def list_renews_at(facts: CrlFacts, refresh_before: int) -> int:
    return facts.next_update - refresh_before


CRL: tuple[Callable[[DesiredCrl, CrlFacts, int], Reason | None], ...] = (
    crl_signer,
    crl_revocations,
    crl_span,
    crl_due,
)


def crl_reasons(desired: DesiredCrl, held: CrlFacts, now: int) -> tuple[Reason, ...]:
    return tuple(reason for check in CRL if (reason := check(desired, held, now)) is not None)


def crl_changes(facts: CrlFacts, revoked: tuple[str, ...] | None, next_update: int) -> tuple[Change, ...]:
    """What a new list says otherwise; `revoked` are its serials, None where they cannot be known."""
    there = tuple(one.serial for one in facts.revoked)
    changes = []
    if revoked is not None and sorted(there) != sorted(revoked):
        changes.append(Change("revokedCertificates", there, revoked))
    if facts.next_update != next_update:
        changes.append(Change("nextUpdate", (format_time(facts.next_update),), (format_time(next_update),)))
    return tuple(changes)


def list_risks(before: CrlFacts | None, validity: int) -> tuple[Reason, ...]:
    """Of a list that is signed: the longer it is valid, the later a revocation is heard of."""
    if before is None:
        return ()
    span = before.next_update - before.this_update
    return (lengthened(span, validity),) if validity > span and not same_span(validity, span) else ()
