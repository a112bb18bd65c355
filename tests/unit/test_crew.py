"""Work that is divided among processes: its order, its errors, and how a process that dies is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.world.forks import Forks, crew


def squares(part: Sequence[int]) -> Iterator[list[int]]:
    """By threes."""
    for at in range(0, len(part), 3):
        yield [one * one for one in part[at : at + 3]]


def sent(found: list[int]) -> tuple[list[int], int]:
    return found, os.getpid()


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000])
def test_all_is_done_once_and_in_order(count: int, length: int) -> None:
    items = list(range(length))
    own, others = Forks(count).divided(items, squares, sent)
    found = [*own, *(piece for piece, _ in others)]
    assert [one for piece in found for one in piece] == [one * one for one in items]
    assert all(found)
    processes = [process for _, process in others]
    assert os.getpid() not in processes
    assert len(set(processes)) <= count - 1
    assert len([*groupby(processes)]) == len(set(processes))


@pytest.mark.parametrize("size", [1, 1 << 22], ids=["small", "larger than a pipe"])
def test_what_forks_send_is_received_while_this_process_works(size: int) -> None:
    """And they go on while it has no time for that: they need not wait for each other."""
    here = os.getpid()
    reader, writer = os.pipe()

    def work(part: Sequence[int]) -> Iterator[bytes]:
        if os.getpid() != here:
            yield bytes(size)
            yield bytes(size)
            os.write(writer, b"x")  # not before it has gone on
            return
        assert os.read(reader, 1) == b"x"
        yield b"mine"

    own, others = Forks(2).divided(range(10), work, bytes)
    assert (own, others) == ([b"mine"], [bytes(size)] * 2)


def test_what_is_done_meanwhile() -> None:
    """Here and once, after what was this process's to do, and instead of some of it."""
    here = os.getpid()
    done: list[object] = []

    def work(part: Sequence[int]) -> Iterator[int]:
        if os.getpid() == here:
            done.append(len(part))
        yield len(part)

    Forks(2, lambda: done.append("meanwhile"), weight=40).divided(range(100), work, int)
    assert done == [34, "meanwhile"]
    done.clear()
    Forks(2).divided(range(100), work, int)
    assert done == [53]
    done.clear()
    own, others = Forks(3, lambda: done.append("meanwhile"), weight=1000).divided(range(100), work, int)
    assert done == [0, "meanwhile"]  # enough to do already
    assert (own, others) == ([0], [50, 50])


def test_what_a_fork_meets_is_raised_here() -> None:
    def work(part: Sequence[int]) -> Iterator[list[int]]:
        if 9 in part:
            raise fail("some-code", "some message", hint="some hint")
        yield from squares(part)

    with pytest.raises(UserError) as caught:
        Forks(2).divided(range(10), work, sent)
    (told,) = caught.value.diagnostics
    assert (told.code, told.message, told.hint) == ("some-code", "some message", "some hint")


def test_a_fork_that_dies_is_told() -> None:
    here = os.getpid()

    def work(part: Sequence[int]) -> Iterator[list[int]]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from squares(part)

    with pytest.raises(UserError) as caught:
        Forks(2).divided(range(10), work, sent)
    assert caught.value.diagnostics[0].code == "worker-died"


def test_a_fork_that_is_gone_when_it_is_told_something() -> None:
    with crew(1, lambda channel, number: None) as channels:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        with pytest.raises(UserError) as caught:
            channels[0].send("anything")
    assert caught.value.diagnostics[0].code == "worker-died"


def test_what_is_met_here_ends_the_forks() -> None:
    here = os.getpid()
    reader, writer = os.pipe()

    def work(part: Sequence[int]) -> Iterator[list[int]]:
        if os.getpid() == here:
            raise KeyboardInterrupt
        signal.pause()  # for ever, unless it is ended
        yield from squares(part)

    with pytest.raises(KeyboardInterrupt):
        Forks(3).divided(range(10), work, sent)
    os.close(writer)
    assert os.read(reader, 1) == b""  # nobody has the other end any more
    os.close(reader)
