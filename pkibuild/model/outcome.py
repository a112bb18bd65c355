"""What a run has made, and what of it was recorded."""

from __future__ import annotations

from pkibuild.core.values import dataclass, field
from pkibuild.model.facts import KeyFacts, Recorded


@dataclass(slots=True)
class Done:
    """What was carried out, for the records."""

    ids: list[str] = field(default_factory=list)
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    """By path: keys in clear that were made."""
    certificates: dict[str, Recorded] = field(default_factory=dict)
    """By id: certificates that were issued, and reached their place."""
    bundles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By path: what was put together, part by part."""
    subjects: dict[str, str] = field(default_factory=dict)
    """By serial: what OpenSSL's index calls certificates that were issued."""
    digests: dict[str, str] = field(default_factory=dict)
    """By path: SHA-256 of what was written, keys apart. What has a secret in it is recorded without."""
