"""Processes forked from this one that work for it: they have all that it has in memory, and end with it."""

from __future__ import annotations

import os
import pickle
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pkibuild.world.lifeline import Lifeline, undisturbed

Work = Callable[["Channel"], None]


class Channel:
    """The two pipes between this process and another one. Values are pickled: both are the same program."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    def fileno(self) -> int:
        return self._reader

    def send(self, value: Any) -> None:
        """Raises OSError when the other process is gone."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        view = memoryview(len(data).to_bytes(8, "big") + data)
        while view:
            view = view[os.write(self._writer, view) :]

    def receive(self) -> Any:
        """Wait for a value. Raises EOFError when the other process is gone."""
        return pickle.loads(self._read(int.from_bytes(self._read(8), "big")))  # noqa: S301 - from a fork of ours

    def _read(self, count: int) -> bytes:
        chunks = []
        while count:
            chunk = os.read(self._reader, min(count, 1 << 20))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def crew(count: int, work: Work) -> Iterator[list[Channel]]:
    """Fork processes that each do `work`. Those that are still at it when the block ends are ended with it."""
    lifeline = Lifeline()
    pids: list[int] = []
    channels: list[Channel] = []
    try:
        for _ in range(count):
            theirs, ours = _channels()
            with undisturbed():
                pid = os.fork()
                if not pid:
                    _serve(work, lifeline, theirs, [*channels, ours])
                pids.append(pid)
            channels.append(ours)
            theirs.close()
        yield list(channels)
    finally:
        lifeline.close()
        for channel in channels:
            channel.close()
        for pid in pids:
            os.waitpid(pid, 0)


def _channels() -> tuple[Channel, Channel]:
    (down, to_them), (up, to_us) = os.pipe(), os.pipe()
    return Channel(down, to_us), Channel(up, to_them)


def _serve(work: Work, lifeline: Lifeline, own: Channel, others: Iterable[Channel]) -> None:
    """The life of a forked process. It never returns: what waits further up the stack is the parent's."""
    status = 1
    try:
        lifeline.hold()
        for channel in others:
            channel.close()
        work(own)
        status = 0
    finally:
        os._exit(status)


def ready(channels: Iterable[Channel]) -> list[Channel]:
    """Wait until something can be received, and tell from which."""
    return select.select(list(channels), (), ())[0]
