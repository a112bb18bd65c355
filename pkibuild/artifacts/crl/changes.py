"""What a new revocation list says differently, in the words of RFC 5280."""

from __future__ import annotations

from pkibuild.core.times import format_time
from pkibuild.model.facts import CrlFacts
from pkibuild.model.plan import Change


def crl_changes(facts: CrlFacts, revoked: tuple[str, ...] | None, next_update: int) -> tuple[Change, ...]:
    """What a new list says otherwise; `revoked` are its serials, None where they cannot be known."""
    there = tuple(one.serial for one in facts.revoked)
    changes = []
    if revoked is not None and sorted(there) != sorted(revoked):
        changes.append(Change("revokedCertificates", there, revoked))
    if facts.next_update != next_update:
        changes.append(Change("nextUpdate", (format_time(facts.next_update),), (format_time(next_update),)))
    return tuple(changes)
