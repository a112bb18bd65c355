"""What is measured. Every tree is made in a folder of its own that nothing was deleted from (see README.md)."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from figures import Figure, Limit, megabytes, timed
from manifests import manifest, with_alias, with_aliases
from processes import Failed, Run, in_turn, pkibuild, run

BARE = str(Path(__file__).with_name("bare.py"))
NOTHING = "Nothing to do"
NO_LIMITS = (None, None)
MEMORY = {10_000: (Limit(150, "MB"), Limit(300, "MB")), 50_000: (Limit(500, "MB"), None)}
"""Hosts → goal and milestone."""


@dataclass(slots=True)
class Bench:
    """Where and how thoroughly to measure."""

    folder: Path
    rounds: int
    """For what takes milliseconds; what takes longer stops earlier."""
    budget: float
    """Seconds after which a comparison that was made three times is left."""
    say: Callable[[str], None]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self, kind: str) -> Path:
        folder = self.folder / f"{kind}-{next(self.numbers)}"
        folder.mkdir()
        return folder

    def authority(self) -> Path:
        """An authority for the bare loop; made once."""
        folder = self.folder / "authority"
        if not folder.exists():
            folder.mkdir()
            run((sys.executable, BARE, "authority", str(folder)), folder)
        return folder

    def bare(self, count: int, algorithm: str = "ecdsa-p256") -> Run:
        folder = self.fresh("bare")
        return run((sys.executable, BARE, "loop", str(self.authority()), str(folder), str(count), algorithm), folder)


@dataclass(frozen=True, slots=True)
class Estate:
    """A tree that was built once, below its manifest."""

    folder: Path
    hosts: int

    @property
    def journal(self) -> int:
        """How many lines the issuing authority's journal has."""
        return (self.folder / "out/authorities/web-ca/journal.jsonl").read_bytes().count(b"\n")

    def files(self) -> Iterator[str]:
        """Everything that is built, relative to the manifest."""
        for path in sorted((self.folder / "out").rglob("*")):
            if path.is_file() and ".cache" not in path.parts:
                yield str(path.relative_to(self.folder))


def build(bench: Bench, hosts: int, key: str = "ecdsa-p256") -> tuple[Estate, Run]:
    """Build a new tree from nothing. Raises Failed."""
    estate = Estate(bench.fresh(f"cold{hosts}"), hosts)
    (estate.folder / "pki.yaml").write_text(manifest(hosts, key))
    done = pkibuild(estate.folder, "apply")
    if estate.journal < hosts:
        raise Failed(f"{estate.folder}: the journal has {estate.journal} lines for {hosts} hosts")
    return estate, done


def cold(bench: Bench, hosts: int, key: str = "ecdsa-p256") -> tuple[Estate, list[Run], Figure]:
    """Everything from nothing, against the bare loop."""
    bench.say(f"cold, {hosts} hosts, {key}")
    estates: list[Estate] = []

    def ours(_: int) -> Run:
        estate, done = build(bench, hosts, key)
        estates.append(estate)
        return done

    mine, others = in_turn(ours, lambda _: bench.bare(hosts, key), min(bench.rounds, 7), bench.budget)
    limits = {
        (1000, "ecdsa-p256"): (Limit(1.3), Limit(2.5)),
        (10_000, "ecdsa-p256"): (Limit(1.2), Limit(2.5)),
        (100, "rsa-2048"): (Limit(0.55), Limit(0.7)),
    }
    name = f"cold, {hosts} hosts, {key}"
    return estates[-1], mine, timed(name, mine, others, "bare loop", limits.get((hosts, key), NO_LIMITS))


def unchanged(bench: Bench, estate: Estate) -> Iterator[tuple[list[Run], Figure]]:
    """Nothing to do: as told from the cache, and with lock and artifacts looked at anew."""
    hosts = estate.hosts
    bench.say(f"nothing to do, {hosts} hosts")
    peer, peer_name, note = _nothing_peer(bench, estate)
    for _ in range(2):  # the first goes the long way, and writes the cache
        _plan(estate)
    for command in ("plan", "apply"):
        mine, others = in_turn(lambda _, command=command: _plan(estate, command), peer, bench.rounds, bench.budget)  # type: ignore[misc]  # mypy takes no default in a lambda's type
        limits = {10: (Limit(1.0), Limit(2.0)), 10_000: (Limit(1.2), Limit(5.0))}.get(hosts, NO_LIMITS)
        yield mine, timed(f"{command}, nothing to do, {hosts} hosts", mine, others, peer_name, limits, note)

    def without_cache(_: int) -> Run:
        shutil.rmtree(estate.folder / "out/.cache")
        return _plan(estate)

    mine, _ = in_turn(without_cache, None, min(bench.rounds, 5), bench.budget / 2)
    yield mine, timed(f"plan, nothing to do, no cache, {hosts} hosts", mine)


def _plan(estate: Estate, command: str = "plan") -> Run:
    done = pkibuild(estate.folder, command)
    if NOTHING not in done.output:
        raise Failed(f"{estate.folder}: something to do in a tree that was just built:\n{done.output}")
    return done


def _nothing_peer(bench: Bench, estate: Estate) -> tuple[Callable[[int], Run] | None, str, str]:
    """For a small tree the import of a YAML reader, for a larger one ninja on the same outputs."""
    if estate.hosts <= 10:
        return lambda _: run((sys.executable, "-c", "import yaml"), estate.folder), "import yaml", ""
    ninja = shutil.which("ninja")
    if ninja is None:
        return None, "", "ninja is not here"
    folder = bench.fresh("ninja")
    _write_ninja(folder, estate)
    command = (ninja, "-C", str(folder))
    run(command, folder)  # notes what it has seen
    if "no work to do" not in run(command, folder).output:
        raise Failed(f"{folder}: ninja finds something to do")
    return lambda _: run(command, folder), "ninja", ""


def _write_ninja(folder: Path, estate: Estate) -> None:
    """One edge a host, and one an authority, with the same outputs; a command that leaves them as they are."""
    lines = ["rule stamp", "  command = :", "  restat = 1", ""]
    units = itertools.groupby(estate.files(), key=lambda path: path.split("/")[1:3])
    root = str(estate.folder).replace(" ", "$ ").replace(":", "$:")
    for _, paths in units:
        lines.append(f"build {' '.join(f'{root}/{path}' for path in paths)}: stamp {root}/pki.yaml")
    (folder / "build.ninja").write_text("\n".join([*lines, ""]))


def one_change(bench: Bench, estate: Estate) -> tuple[list[Run], Figure]:
    """One alias more on one host, against a process that makes one certificate."""
    hosts = estate.hosts
    bench.say(f"one host changed, {hosts} hosts")
    path = estate.folder / "pki.yaml"

    def ours(number: int) -> Run:
        before = estate.journal
        path.write_text(with_alias(path.read_text(), hosts, number))
        done = pkibuild(estate.folder, "apply")
        if estate.journal != before + 1:
            raise Failed(f"{estate.folder}: {estate.journal - before} certificates issued:\n{done.output}")
        return done

    mine, others = in_turn(ours, lambda _: bench.bare(1), min(bench.rounds, 9), bench.budget)
    small = (Limit(1.5), Limit(3.0))
    limits = {10: small, 1000: small, 10_000: (Limit(2.5), Limit(1.5, "s"))}.get(hosts, NO_LIMITS)
    return mine, timed(f"one host changed, {hosts} hosts", mine, others, "bare, one certificate", limits)


def diffs(bench: Bench, hosts: int) -> Iterator[tuple[list[Run], Figure]]:
    """Two manifests compared, with no output folder: one host is another one, or all of them are."""
    bench.say(f"diff, {hosts} hosts")
    folder = bench.fresh("diff")
    old = manifest(hosts)
    (folder / "old.yaml").write_text(old)
    limits = {10_000: (Limit(1.5, "s"), Limit(5, "s"))}.get(hosts, NO_LIMITS)
    cases = {
        "one host changed": (with_alias(old, hosts, 0), 3),
        "another key for every host": (manifest(hosts, "ecdsa-p384"), 3 * hosts),
        "one alias more on every host": (with_aliases(old), 3 * hosts),
    }
    for what, (new, changed) in cases.items():
        (folder / "new.yaml").write_text(new)

        def ours(_: int, changed: int = changed) -> Run:
            done = pkibuild(folder, "diff", "old.yaml", "new.yaml")
            if f"Diff: {changed} changed;" not in done.output:
                raise Failed(f"{folder}: not {changed} changes:\n{done.output}")
            return done

        mine, _ = in_turn(ours, None, min(bench.rounds, 5), bench.budget / 2)
        yield mine, timed(f"diff, {what}, {hosts} hosts", mine, limits=limits)


def size(bench: Bench, hosts: int, *, memory: bool) -> Iterator[Figure]:
    """All figures of one size of tree; with `memory` also what each kind of run takes at most."""
    estate, built, figure = cold(bench, hosts)
    yield figure
    peaks = {"cold": built}
    for runs, figure in (*unchanged(bench, estate), one_change(bench, estate), *diffs(bench, hosts)):
        yield figure
        peaks[figure.name.rpartition(",")[0]] = runs
    if memory:
        goal, milestone = MEMORY.get(hosts, NO_LIMITS)
        for what, runs in peaks.items():
            found = megabytes(runs)
            yield Figure(f"memory: {what}, {hosts} hosts", found, unit="MB", goal=goal, milestone=milestone)


def growth(bench: Bench, sizes: Sequence[int]) -> Iterator[Figure]:
    """Cold builds of growing size, once each: what one more host costs at the end, against the middle."""
    times: list[float] = []
    for hosts in sizes:
        bench.say(f"growth, {hosts} hosts")
        done = build(bench, hosts)[1]
        times.append(done.seconds)
        yield timed(f"growth: cold, {hosts} hosts", [done])
        yield Figure(f"growth: memory, {hosts} hosts", (done.megabytes,), unit="MB")
    if len(sizes) >= 3:
        a, b, c = sizes[-3:]
        slopes = [(times[-2] - times[-3]) / (b - a), (times[-1] - times[-2]) / (c - b)]
        name = f"growth: a thousand hosts more, {b}–{c}"
        yield Figure(name, (slopes[1] * 1000,), (slopes[0] * 1000,), f"{a}–{b}", goal=Limit(1.2))
