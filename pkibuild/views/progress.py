"""Progress of long work: one line on a terminal's standard error, rewritten at most ten times a second."""

from __future__ import annotations

from pkibuild.views.terminal import visible
from pkibuild.world import World

_PATIENCE = 0.5
"""Seconds before anything is shown: short work shows nothing."""
_INTERVAL = 0.1


class ProgressLine:
    """`start(total)`, then `step(label)` for every item begun, then `done()`. Silent unless `enabled`."""

    def __init__(self, world: World, *, enabled: bool) -> None:
        self._world = world
        self._enabled = enabled
        self._total = 0
        self._count = 0
        self._next = 0.0
        self._shown = False

    def start(self, total: int) -> None:
        self._total, self._count = total, 0
        self._next = self._world.ticks() + _PATIENCE

    def step(self, label: str) -> None:
        self._count += 1
        if not self._enabled or self._world.ticks() < self._next:
            return
        self._next = self._world.ticks() + _INTERVAL
        self._shown = True
        self._world.err(f"\r\x1b[K[{self._count}/{self._total}] {visible(label)[:60]}")

    def done(self) -> None:
        """Wipe the line; also to be called before anything else is written."""
        if self._shown:
            self._world.err("\r\x1b[K")
        self._shown = False
