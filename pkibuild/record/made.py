"""What was built and recorded, by this process and by its workers."""

from __future__ import annotations

from msgspec import field

from pkibuild.cache.keys import KeyMemo
from pkibuild.core.values import Record


class Built(Record):
    """What was built and recorded: by a worker, or by several."""

    ids: list[str] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    lines: dict[str, bytes] = field(default_factory=dict)
    """Of the lock, by node."""
    keys: KeyMemo = field(default_factory=dict)
    """What its keys are, for the cache."""
    subjects: dict[str, str] = field(default_factory=dict)
    """As in `Done`."""

    def join(self, other: Built) -> None:
        """Add what another has built."""
        self.ids.extend(other.ids)
        self.units.update(other.units)
        self.lines.update(other.lines)
        self.keys.update(other.keys)
        self.subjects.update(other.subjects)
