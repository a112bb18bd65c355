"""Work that is divided among processes: its order, its errors, and how a process that dies is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest

from pkibuild.diagnostics import UserError, fail
from pkibuild.world.crew import Forks, crew


def squares(part: Sequence[int]) -> list[int]:
    return [one * one for one in part]


def sent(part: Sequence[int], found: list[int]) -> tuple[int, list[int], int]:
    return len(part), found, os.getpid()


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000])
def test_all_is_done_once_and_in_order(count: int, length: int) -> None:
    items = list(range(length))
    own, others = Forks(count).divided(items, squares, sent)
    assert own + [one for _, found, _ in others for one in found] == squares(items)
    assert all(length == len(found) and found for length, found, _ in others)
    assert len({process for *_, process in others} - {os.getpid()}) == len(others) <= count - 1


def test_what_is_done_meanwhile() -> None:
    """Here and once, after what was this process's to do, and instead of some of it."""
    here = os.getpid()
    done: list[object] = []

    def work(part: Sequence[int]) -> list[int]:
        if os.getpid() == here:
            done.append(len(part))
        return squares(part)

    Forks(2, lambda: done.append("meanwhile"), weight=40).divided(range(100), work, sent)
    assert done == [35, "meanwhile"]
    done.clear()
    Forks(2).divided(range(100), work, sent)
    assert done == [54]
    done.clear()
    own, others = Forks(3, lambda: done.append("meanwhile"), weight=1000).divided(range(100), work, sent)
    assert done == [0, "meanwhile"]  # enough to do already
    assert (own, [length for length, *_ in others]) == ([], [50, 50])


def test_what_a_fork_meets_is_raised_here() -> None:
    def work(part: Sequence[int]) -> list[int]:
        if 9 in part:
            raise fail("some-code", "some message", hint="some hint")
        return squares(part)

    with pytest.raises(UserError) as caught:
        Forks(2).divided(range(10), work, sent)
    (told,) = caught.value.diagnostics
    assert (told.code, told.message, told.hint) == ("some-code", "some message", "some hint")


def test_a_fork_that_dies_is_told() -> None:
    here = os.getpid()

    def work(part: Sequence[int]) -> list[int]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return squares(part)

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

    def work(part: Sequence[int]) -> list[int]:
        if os.getpid() == here:
            raise KeyboardInterrupt
        signal.pause()  # for ever, unless it is ended
        return squares(part)

    with pytest.raises(KeyboardInterrupt):
        Forks(3).divided(range(10), work, sent)
    os.close(writer)
    assert os.read(reader, 1) == b""  # nobody has the other end any more
    os.close(reader)
