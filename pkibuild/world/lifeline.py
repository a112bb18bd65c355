"""How processes that work for this one end with it, however it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Lifeline:
    """A pipe of which only the process that forks has the writing end: its end is the end of what waits at the other.

    Without it the workers of a killed run would wait for their next job for ever, with the run's lock in their hands.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def hold(self) -> None:
        """In a forked worker, first of all: end when the other end is let go, and leave Ctrl-C to the parent."""
        os.close(self._writer)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        os.read(self._reader, 1)
        os._exit(1)

    def close(self) -> None:
        """In the parent, when the workers are gone."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait a moment: what Python itself does after a fork would swallow it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
