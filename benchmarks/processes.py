"""Whole processes, timed from outside: what a user waits for, imports included."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PKIBUILD = (sys.executable, "-c", "from pkibuild.cli import entry; entry()")
"""What the installed `pkibuild` script does."""


class Failed(Exception):
    """A process that is measured did not do its work."""


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    megabytes: float
    """Peak resident memory of the largest process of the run. Memory shared with forked workers counts once."""
    output: str
    processor: float = 0.0
    """Processor time in seconds of all processes of the run, the kernel's part too; other programs disturb it less."""


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT)}


def run(argv: Sequence[str], folder: Path) -> Run:
    """Run to the end, and measure. Raises Failed.

    What earlier runs have written is brought to the disk first: else a flush in this one would pay for it.
    """
    os.sync()
    with tempfile.TemporaryFile() as told:
        start = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - the benchmark's own command lines
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        output = told.read().decode("utf-8", "replace")
    if process.returncode:
        raise Failed(f"`{' '.join(argv)}` in {folder} ended with {process.returncode}:\n{output}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss is in bytes there, else in KiB
    return Run(seconds, usage.ru_maxrss / unit, output, usage.ru_utime + usage.ru_stime)


def pkibuild(folder: Path, *arguments: str) -> Run:
    return run((*PKIBUILD, *arguments), folder)


def creation(folder: Path, count: int = 1000) -> float:
    """Seconds to make a folder with a small file in it: tells whether the file system can be measured on."""
    start = time.perf_counter()
    for number in range(count):
        below = folder / str(number)
        below.mkdir()
        (below / "file").write_bytes(b"x" * 1000)
    return (time.perf_counter() - start) / count


def in_turn(
    ours: Callable[[int], Run], peer: Callable[[int], Run] | None, rounds: int, budget: float
) -> tuple[list[Run], list[Run]]:
    """Run both in turn, so that a machine that gets slower is slower for both.

    At least once each; then until there were `rounds`, or `budget` seconds have passed and there were three.
    """
    start = time.perf_counter()
    mine: list[Run] = []
    others: list[Run] = []
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - start > budget:
            break
        mine.append(ours(number))
        if peer is not None:
            others.append(peer(number))
    return mine, others
