"""Risks of a key that replaces another one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pkibuild.model.plan import Reason

STRENGTH: Mapping[str, int] = MappingProxyType(
    {"rsa-2048": 112, "rsa-3072": 128, "rsa-4096": 140}
    | {"ecdsa-p256": 128, "ecdsa-p384": 192, "ecdsa-p521": 256, "ed25519": 128}
    | {"ml-dsa-44": 128, "ml-dsa-65": 192, "ml-dsa-87": 256}
)
"""Bits of security against a classical attacker (NIST SP 800-57 part 1, 5.6.1; FIPS 204 table 1). Others count as 0."""


def key_risks(authority: bool, before: str, after: str) -> tuple[Reason, ...]:
    """Of a key that replaces another; `before` and `after` are algorithms, `before` is empty where it is not known."""
    found = []
    if authority:
        found.append(Reason("rekeyed-authority", "another key: all that it issued is issued again"))
    if before and is_weaker(before, after):
        found.append(Reason("weaker-algorithm", f"`{after}` is weaker than `{before}`"))
    return tuple(found)


def is_weaker(before: str, after: str) -> bool:
    """Fewer bits, or no longer safe from quantum computers."""
    if STRENGTH.get(after, 0) < STRENGTH.get(before, 0):
        return True
    return before.startswith("ml-dsa-") and not after.startswith("ml-dsa-")
