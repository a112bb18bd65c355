"""Processes forked from this one that work for it: they have all that it has in memory, and end with it."""

from __future__ import annotations

import os
import pickle
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record
from pkibuild.world.lifeline import Lifeline, undisturbed

Work = Callable[["Channel", int], None]
"""What a forked process does with its channel; its number counts from 0."""
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")
_Sent = TypeVar("_Sent")


def packed(value: Any) -> bytes:
    """A value as it is sent to another process of this program."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - from a fork of ours, through a pipe that nobody else has


class Channel:
    """The two pipes between this process and another one. Values are pickled: both are the same program."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    def fileno(self) -> int:
        return self._reader

    def send(self, value: Any) -> None:
        """Raises UserError when the other process is gone."""
        self._write(packed(value))

    def _write(self, data: bytes) -> None:
        view = memoryview(len(data).to_bytes(8, "big") + data)
        try:
            while view:
                view = view[os.write(self._writer, view) :]
        except BrokenPipeError:
            raise _died() from None

    @contextmanager
    def posting(self) -> Iterator[Callable[[Any], None]]:
        """In a worker: what is posted is sent while it goes on, though the other process has no time to receive it."""
        from _queue import SimpleQueue  # `queue` itself would be imported for this alone

        waiting: Any = SimpleQueue()
        failed: list[Exception] = []

        def work() -> None:
            try:
                while (data := waiting.get()) is not None:
                    self._write(data)
            except Exception as error:
                failed.append(error)

        sender = threading.Thread(target=work)
        sender.start()
        try:
            yield lambda value: waiting.put(packed(value))
        finally:
            waiting.put(None)
            sender.join()
        if failed:
            raise failed[0]

    def receive(self) -> Any:
        """Wait for a value. Raises EOFError when the other process is gone."""
        return unpacked(self._read(int.from_bytes(self._read(8), "big")))

    def hear(self) -> Any:
        """In the parent: as `receive`, but what the worker met is raised. Raises UserError when it is gone."""
        try:
            said = self.receive()
        except EOFError:
            raise _died() from None
        if isinstance(said, Exception):
            raise said
        return said

    @contextmanager
    def answering(self) -> Iterator[None]:
        """In a worker: what it meets is told by the parent, as it has no business with the terminal."""
        try:
            yield
        except Exception as error:
            import traceback

            error.add_note(traceback.format_exc())
            self.send(error)

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


def _died() -> UserError:
    return fail(
        "worker-died",
        "a process that worked for this run was ended from outside",
        hint="was there too little memory? Run the command again: it finishes what was begun",
    )


@contextmanager
def crew(count: int, work: Work) -> Iterator[list[Channel]]:
    """Fork processes that each do `work`. Those that are still at it when the block ends are ended with it."""
    lifeline = Lifeline()
    pids: list[int] = []
    channels: list[Channel] = []
    try:
        for number in range(count):
            theirs, ours = _channels()
            with undisturbed():
                pid = os.fork()
                if not pid:
                    _serve(work, number, lifeline, theirs, [*channels, ours])
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


def _serve(work: Work, number: int, lifeline: Lifeline, own: Channel, others: Iterable[Channel]) -> None:
    """The life of a forked process. It never returns: what waits further up the stack is the parent's."""
    status = 1
    try:
        lifeline.hold()
        for channel in others:
            channel.close()
        work(own, number)
        status = 0
    finally:
        os._exit(status)


def ready(channels: Iterable[Channel], seconds: float | None = None) -> list[Channel]:
    """Wait until something can be received, or so long at most, and tell from which."""
    return select.select(list(channels), (), (), seconds)[0]


_MORE = 0.09
"""So much more than another's part is the first one: to send what came of it costs more than to receive it."""


class Forks(Record):
    """How work is divided among this process and forks of it."""

    count: int = 1
    """Of processes, this one included."""
    meanwhile: Callable[[], object] | None = None
    """What this process does when its own part is done and the others are not."""
    weight: int = 0
    """That takes as long as so many items."""

    def divided(
        self,
        items: Sequence[_Item],
        work: Callable[[Sequence[_Item]], Iterable[_Found]],
        pack: Callable[[_Found], _Sent],
    ) -> tuple[list[_Found], list[_Sent]]:
        """`work` on parts of what is there: on the first (which may be empty) in this process, on the others in forks.

        What comes of the first, piece by piece, and in their order the pieces of the others, as `pack` makes them fit
        to be sent; they are received between the pieces of this process. Raises what was raised by any of them, and
        UserError when one was ended from outside.
        """
        size = self._share(len(items))
        if not size:
            return list(work(items)), []
        first = len(items) - size * (self.count - 1)
        own, others = items[:first], [items[at : at + size] for at in range(first, len(items), size)]

        def serve(channel: Channel, number: int) -> None:
            with channel.answering():
                with channel.posting() as post:
                    for found in work(others[number]):
                        post([pack(found)])
                channel.send([])

        with crew(len(others), serve) as channels:
            sent: dict[Channel, list[_Sent]] = {channel: [] for channel in channels}
            working = list(channels)

            def receive(seconds: float | None) -> bool:
                """Whether there was something, from those that are still at it."""
                found = ready(working, seconds) if working else []
                for channel in found:
                    said: list[_Sent] = channel.hear()
                    sent[channel] += said
                    if not said:
                        working.remove(channel)
                return bool(found)

            mine: list[_Found] = []
            for found in work(own):
                mine.append(found)
                while receive(0):
                    pass
            if self.meanwhile is not None:
                self.meanwhile()
            while working:
                receive(None)
            return mine, [one for channel in channels for one in sent[channel]]

    def _share(self, count: int) -> int:
        """How many of so many items are each fork's."""
        if self.count < 2:
            return 0
        return min(int((count + self.weight) / (self.count + _MORE)), count // (self.count - 1))


ALONE = Forks()
