"""What a certificate made from a profile contains, worked out without cryptography."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from pkibuild.model.facts import Profile
from pkibuild.model.manifest import Names

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
