"""When a certificate begins and ends (RFC 5280 4.1.2.5). All times are whole seconds since the epoch."""

from __future__ import annotations

from pkibuild.core.times import END_OF_TIME, MINUTE
from pkibuild.model.manifest import Validity

BACKDATED = 5 * MINUTE
"""How far a certificate begins before it is made, so that a client whose clock is slow accepts it."""


def backdating(validity: Validity) -> int:
    """Seconds by which the start lies before now: five minutes, less for spans under an hour.

    A certificate of ten minutes would else lose half of its life, one of four would be born expired.
    """
    return BACKDATED if validity.seconds is None else min(BACKDATED, validity.seconds // 12)


def window(
    now: int, validity: Validity, issuer_not_before: int | None = None, issuer_not_after: int | None = None
) -> tuple[int, int, int]:
    """`(not_before, not_after, asked_end)` of a certificate made now.

    The start is never before the issuer's. `asked_end` is the end as declared (start + span - 1 s, or the fixed end);
    `not_after` is that or the issuer's end, whichever comes first. The issuer's times are None for a root. A fixed
    end in the past, or an issuer that has ended, gives an end before the start: the caller must look.
    """
    not_before = now - backdating(validity)
    if issuer_not_before is not None:
        not_before = max(not_before, issuer_not_before)
    if validity.seconds is not None:
        asked_end = min(not_before + validity.seconds - 1, END_OF_TIME)
    else:
        assert validity.not_after is not None
        asked_end = validity.not_after
    return not_before, attainable(asked_end, issuer_not_after), asked_end


def attainable(asked_end: int, issuer_not_after: int | None) -> int:
    """The end that a certificate can have now: a certificate never outlives its issuer."""
    return asked_end if issuer_not_after is None else min(asked_end, issuer_not_after)
