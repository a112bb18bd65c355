"""What a certificate made from a profile contains, and when it begins and ends, computed without cryptography.

All times are whole seconds since the epoch (RFC 5280 4.1.2.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from pkibuild.core.times import END_OF_TIME, MINUTE
from pkibuild.model.facts import Profile
from pkibuild.model.manifest import Names, Validity

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "server": "1.3.6.1.5.5.7.3.1",
        "client": "1.3.6.1.5.5.7.3.2",
        "email": "1.3.6.1.5.5.7.3.4",
        "code": "1.3.6.1.5.5.7.3.3",
    }
)
"""Usages of the manifest and their extended key purposes (RFC 5280 4.2.1.12), in the order of `CertificateFacts`."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "unspecified": "unspecified",
        "key_compromise": "keyCompromise",
        "ca_compromise": "cACompromise",
        "affiliation_changed": "affiliationChanged",
        "superseded": "superseded",
        "cessation_of_operation": "cessationOfOperation",
        "certificate_hold": "certificateHold",
        "privilege_withdrawn": "privilegeWithdrawn",
        "aa_compromise": "aACompromise",
    }
)
"""Revocation reasons of the manifest and their names in RFC 5280 5.3.1."""


def alternative_names(profile: Profile) -> Names:
    """The subject alternative names of a certificate: those declared, and every e-mail address of its subject.

    RFC 5280 4.1.2.6 wants an emailAddress of the subject among the rfc822Names.
    """
    missing = [value for name, value in profile.subject if name == "email" and value not in profile.names.email]
    if not missing:
        return profile.names
    names = profile.names
    return Names(names.dns, names.ip, (*names.email, *dict.fromkeys(missing)), names.uri)


def usages(profile: Profile) -> tuple[str, ...]:
    """The usages in the order of `CertificateFacts.usages`: those of the manifest first, then dotted OIDs."""
    return _in_order(profile.usages)


@lru_cache(maxsize=64)  # a fleet has a few of them
def _in_order(values: tuple[str, ...]) -> tuple[str, ...]:
    named = [usage for usage in PURPOSES if usage in values]
    return (*named, *sorted({usage for usage in values if usage not in PURPOSES}))


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
