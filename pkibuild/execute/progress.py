"""What long work tells about itself while it runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """`start(total)`, then `step(label)` for every item, then `done()`."""

    def start(self, total: int) -> None: ...
    def step(self, label: str) -> None: ...
    def done(self) -> None: ...
