"""When a revocation list is out of date: an ordered list of pure checks, each with its reason."""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.artifacts.certificate.policies import Future
from pkibuild.core.times import format_date, format_duration, plural, same_span
from pkibuild.core.values import dataclass
from pkibuild.model.facts import CrlFacts, Revocation
from pkibuild.model.plan import Reason


@dataclass(frozen=True, slots=True)
class DesiredCrl:
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
        count = plural(len(missing) + len(changed), "revocation")
        return Reason("revocations-changed", f"{count} to be taken in")
    return None


def crl_span(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if same_span(held.next_update - held.this_update, desired.validity):
        return None
    return Reason("validity-changed", f"validity changed to {format_duration(desired.validity)}")


def crl_due(desired: DesiredCrl, held: CrlFacts, now: int) -> Reason | None:
    if now >= list_renews_at(held, desired.refresh_before):
        return Reason("crl-due", f"due, the next one is promised for {format_date(held.next_update)}")
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
