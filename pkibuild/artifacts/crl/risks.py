"""Risks of a revocation list that is signed."""

from __future__ import annotations

from pkibuild.core.times import same_span
from pkibuild.model.facts import CrlFacts
from pkibuild.model.plan import Reason
from pkibuild.review.risks import lengthened


def list_risks(before: CrlFacts | None, validity: int) -> tuple[Reason, ...]:
    """Of a list that is signed: the longer it is valid, the later a revocation is heard of."""
    if before is None:
        return ()
    span = before.next_update - before.this_update
    return (lengthened(span, validity),) if validity > span and not same_span(validity, span) else ()
