"""A run is killed at every single change that it makes on disk; the next run finishes the work.

Each run to be killed is a fork of this process, which ends at the n-th call of `Tree.step`. In a second round the power
fails at the same moment: what was not flushed by then is an empty file.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest
from estate import AUTHORITIES, Estate, public_of
from helpers import Project, environment

from pkibuild.observe.workspace import RUNNING
from pkibuild.world.tree import Tree

MANIFEST = (
    """\
version: 1
defaults: {issuer: web-ca}
"""
    + AUTHORITIES
    + """\
hosts:
  www:
    fqdn: www.abc.com
    formats: [pem, combined]
    validity: 90d
  mail: {fqdn: mail.abc.com, issuer: root}
  self: {fqdn: self.abc.com, issuer: self}
services:
  pop3: {type: qpopper, host: mail}
"""
)

Edit = Callable[[Estate], None]
KILLED = 77


def first(estate: Estate) -> None:
    """Everything is new."""


def rekeyed_authority(estate: Estate) -> None:
    """A generation is skipped: the replaced key is that of the first one all the same."""
    estate.later("1d")
    estate.edit(
        "    subject: {common_name: ABC Web CA}\n",
        "    subject: {common_name: ABC Web CA}\n    key: {generation: 3}\n    protect: false\n",
    )


def rekeyed_root(estate: Estate) -> None:
    estate.later("1d")
    estate.edit(
        "key: {algorithm: ecdsa-p256, passphrase",
        "protect: false\n    key: {generation: 2, algorithm: ecdsa-p256, passphrase",
    )


def rekeyed_host(estate: Estate) -> None:
    estate.later("1d")
    estate.edit("    fqdn: www.abc.com\n", "    fqdn: www.abc.com\n    key: {generation: 2}\n")


def rotated(estate: Estate) -> None:
    estate.edit("    fqdn: www.abc.com\n", "    fqdn: www.abc.com\n    key: {rotate: on-renewal}\n")
    estate.apply()
    estate.later("85d")


def lists_due(estate: Estate) -> None:
    estate.later("61d")


def missing_key(estate: Estate) -> None:
    estate.path("hosts/www/etc/ssl/private/www.key").unlink()


def moved(estate: Estate) -> None:
    """All of a host lies elsewhere, and one key is replaced besides."""
    estate.later("1d")
    estate.edit("    formats: [pem, combined]\n", "    formats: [pem, combined]\n    platform: redhat\n")
    estate.edit("issuer: self}", "issuer: self, platform: freebsd, key: {generation: 2}}")


def removed(estate: Estate) -> None:
    estate.edit("  mail: {fqdn: mail.abc.com, issuer: root}\n", "")
    estate.edit("services:\n  pop3: {type: qpopper, host: mail}\n", "")


def revoked(estate: Estate) -> None:
    """As `openssl ca -revoke` does it: the status and the time of the first row."""
    index = estate.path("authorities/web-ca/index.txt")
    status, end, _, rest = index.read_text().split("\t", 3)
    assert status == "V"
    index.write_text(f"R\t{end}\t300101000000Z,superseded\t{rest}")


@pytest.fixture(scope="module")
def shelf() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of files are made and flushed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def fresh(shelf: Path) -> Estate:
    folder = shelf / "fresh"
    folder.mkdir()
    estate = Estate(Project(folder))
    estate.write(MANIFEST)
    return estate


@pytest.fixture(scope="module")
def built(fresh: Estate, shelf: Path) -> Estate:
    estate = fresh.copy(shelf / "built")
    estate.apply()
    return estate


CASES = [
    pytest.param(first, (), id="first"),
    pytest.param(rekeyed_authority, (), id="rekeyed-authority"),
    pytest.param(rekeyed_root, (), id="rekeyed-root"),
    pytest.param(rekeyed_host, (), id="rekeyed-host"),
    pytest.param(rotated, (), id="rotated"),
    pytest.param(lists_due, (), id="lists-due"),
    pytest.param(missing_key, (), id="missing-key"),
    pytest.param(moved, (), id="moved"),
    pytest.param(removed, ("--prune",), id="prune"),
    pytest.param(revoked, (), id="import"),
]


@pytest.mark.parametrize("end", ["killed", "power-cut", "disk-full"])
@pytest.mark.parametrize(("edit", "argv"), CASES)
def test_the_next_run_finishes_what_a_killed_one_began(
    fresh: Estate, built: Estate, shelf: Path, edit: Edit, argv: tuple[str, ...], end: str
) -> None:
    shelf = Path(tempfile.mkdtemp(dir=shelf))
    base = (fresh if edit is first else built).copy(shelf / "base")
    edit(base)
    whole = base.copy(shelf / "whole")
    steps = dying_run(whole, argv, None, end)
    assert steps
    layout, remembered, count = shape(whole), nodes(whole), len(whole.issued())
    gone = {one["public"] for one in base.issued()} - publics(base)
    remove(whole)
    for step in range(1, steps + 1):
        estate = base.copy(shelf / "estate")
        dying_run(estate, argv, step, end)
        told = f"killed before step {step} of {steps}"
        committed = {one["public"] for one in estate.issued()} - gone
        result = estate.run("apply", *argv)
        assert result.status == 0, f"{told}: {result.err}{result.out}"
        estate.healthy()
        assert committed <= publics(estate), f"{told}: a key is lost"
        assert len(estate.issued()) == count, f"{told}: something was issued again"
        assert shape(estate) == layout, told
        assert nodes(estate) == remembered, told
        assert estate.plan()["actions"] == [], told
        remove(estate)
    remove(base)


def dying_run(estate: Estate, argv: tuple[str, ...], last: int | None, end: str) -> int:
    """`apply` in a fork that ends before its change (or write) number `last`; how many it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            _die(estate, argv, last, end, writer)
        finally:  # it must never come back into pytest
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == (KILLED if last else 0), f"exit {code}"
    return int(said or 0)


def _die(estate: Estate, argv: tuple[str, ...], last: int | None, end: str, writer: int) -> NoReturn:
    """The child's life."""
    count = _Count(last, end, estate)
    # Only in this process, which ends soon:
    Tree.step = lambda tree, what, name: count.step(tree)
    Tree.flush = lambda tree: count.flushed(tree)
    os.write = count.write
    result = estate.run("apply", *argv)
    os.write = count.really_write
    if last is None:
        os.write(writer, str(count.number).encode())
        os._exit(result.status)
    told = "error[write-failed]" in result.err and "the disk is full" in result.err and "Traceback" not in result.err
    # A memory for the next run alone may go unwritten without a word.
    os._exit(KILLED if result.status == 0 or (result.status == 1 and told) else 2)


class _Count:
    """Counts what a run does, and ends it."""

    def __init__(self, last: int | None, end: str, estate: Estate) -> None:
        self.number = 0
        self.last = last
        self.end = end
        self.trees: dict[int, Tree] = {}
        self.safe = {one.stat().st_ino for one in estate.folder.rglob("*") if one.is_file()}
        self.really_flush = Tree.flush
        self.really_write = os.write

    def step(self, tree: Tree) -> None:
        if self.end == "disk-full":
            return
        self.number += 1
        self.trees[id(tree)] = tree
        if self.number == self.last:
            if self.end == "power-cut":
                for one in self.trees.values():
                    _forget(one, self.safe)
            os._exit(KILLED)

    def flushed(self, tree: Tree) -> None:
        self.really_flush(tree)
        self.safe.update(one.stat().st_ino for one in Path(tree.root).rglob("*") if one.is_file())

    def write(self, descriptor: int, data: bytes) -> int:
        if self.end == "disk-full":
            self.number += 1
            if self.last is not None and self.number >= self.last:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.really_write(descriptor, data)


def _forget(tree: Tree, safe: set[int]) -> None:
    """What was written and not flushed is lost: only the names have reached the disk."""
    for name in tree._dirty:
        path = Path(tree.path(name))
        if path.is_file() and path.stat().st_ino not in safe:
            os.truncate(path, 0)


def shape(estate: Estate) -> dict[str, int]:
    """Every path with its mode."""
    return {
        path.relative_to(estate.folder).as_posix(): path.lstat().st_mode
        for path in estate.folder.rglob("*")
        if ".cache" not in path.parts
    }


def nodes(estate: Estate) -> set[str]:
    """What the lock remembers."""
    return {json.loads(line).get("id", "") for line in estate.lock.read_text().splitlines()}


def publics(estate: Estate) -> set[str]:
    """Digests of the public halves of every key that there is, in whatever place."""
    keys = (path for path in estate.folder.rglob("*.key*") if path.is_file() and path.stat().st_size)
    return {sha256(public_of(path)).hexdigest() for path in keys}


def remove(estate: Estate) -> None:
    shutil.rmtree(estate.folder)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1])
def test_a_real_kill(fresh: Estate, tmp_path: Path, after: float) -> None:
    """SIGKILL to the program itself, some time after its first file appears."""
    estate = fresh.copy(tmp_path / "estate")
    process = subprocess.Popen(
        [sys.executable, "-m", "pkibuild", "apply", "-q"],
        cwd=estate.folder,
        env=environment(estate.environment()),
        stderr=subprocess.DEVNULL,
    )
    while not estate.path(".pkibuild").exists() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(after)
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.wait()
    committed = {one["public"] for one in estate.issued()}
    assert estate.run("apply").status == 0
    estate.healthy()
    assert committed <= publics(estate)
    assert len(estate.issued()) == 5
    estate.settled()


FLEET = """\
version: 1
defaults: {issuer: ca}
authorities:
  ca: {subject: {common_name: CA}}
hosts:
  "n[0001:0700]": {fqdn: "n[0001:0700].abc.com"}
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_workers_end_with_their_run(project: Project, number: signal.Signals) -> None:
    """The run is ended while others work for it: none of them stays, and none holds the folder."""
    estate = Estate(project)
    estate.write(FLEET)
    process = subprocess.Popen(
        [sys.executable, "-m", "pkibuild", "apply", "-q", "--jobs", "2"],
        cwd=estate.folder,
        env=environment(estate.environment()),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (workers := children(process.pid)) and process.poll() is None:
        time.sleep(0.002)
    assert workers
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == (130 if number == signal.SIGINT else -number), err.decode()
    assert b"Traceback" not in err
    deadline = time.monotonic() + 10
    while any(alive(one) for one in workers):
        assert time.monotonic() < deadline, "a worker stays"
        time.sleep(0.01)
    finished(estate, 701)


def test_a_worker_that_is_killed_is_told(project: Project) -> None:
    estate = Estate(project)
    estate.write(FLEET)
    process = subprocess.Popen(
        [sys.executable, "-m", "pkibuild", "apply", "-q", "--jobs", "2"],
        cwd=estate.folder,
        env=environment(estate.environment()),
        stderr=subprocess.PIPE,
    )
    running = project.path(RUNNING)  # forks that plan are done by then
    while not (running.exists() and (workers := children(process.pid))) and process.poll() is None:
        time.sleep(0.002)
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 1
    assert b"error[worker-died]" in err
    assert b"Traceback" not in err
    finished(estate, 701)


SHARED = """\
version: 1
defaults: {issuer: ca}
authorities:
  ca: {subject: {common_name: CA}}
hosts:
  "n[001:150]": {fqdn: "n[001:150].abc.com", formats: [pem, fullchain, combined]}
services:
  web: {type: apache, hosts: ["*"]}
"""


@pytest.mark.parametrize("part", range(1, 9))
def test_a_kill_while_others_work(shelf: Path, part: int) -> None:
    """All processes of a run end at once, at a moment at which any of them is about to change something."""
    estate = Estate(Project(Path(tempfile.mkdtemp(dir=shelf))))
    estate.write(SHARED)
    whole = estate.copy(shelf / f"whole{part}")
    steps = killed_together(whole, None)
    layout, remembered = shape(whole), nodes(whole)
    assert killed_together(estate, steps * part // 9) < steps
    committed = {one["public"] for one in estate.issued()}
    finished(estate, 151)
    assert committed <= publics(estate), "a key is lost"
    assert shape(estate) == layout
    assert nodes(estate) == remembered


def finished(estate: Estate, count: int) -> None:
    """The next run does what is left, and no more."""
    assert estate.run("apply").status == 0
    estate.healthy()
    assert len(estate.issued()) == count
    assert len({one["id"] for one in estate.issued()}) == count
    assert estate.plan()["actions"] == []


def killed_together(estate: Estate, last: int | None) -> int:
    """`apply` in a fork that ends, with its workers, before change `last` of all of them; how many there were."""
    counter = mmap.mmap(-1, 8)

    def step(*_: object) -> None:
        number = int.from_bytes(counter[:], "big") + 1
        counter[:] = number.to_bytes(8, "big")
        if last is not None and number >= last:
            os.killpg(0, signal.SIGKILL)

    child = os.fork()
    if not child:
        status = 1
        try:
            os.setpgid(0, 0)
            Tree.step = step  # type: ignore[method-assign]  # only in this process, which ends soon
            status = estate.run("apply", "--jobs", "2").status
        finally:  # it must never come back into pytest
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (0 if last is None else -signal.SIGKILL)
    wait_for_group(child)
    return int.from_bytes(counter[:], "big")


def wait_for_group(group: int) -> None:
    """Workers that were killed with their parent hold the run lock until they are gone, a moment later."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def test_what_a_worker_meets_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    estate = Estate(project)
    estate.write(SHARED)
    write = os.write

    def limited(descriptor: int, data: bytes) -> int:
        if os.getpid() != here and bytes(data[:17]) == b"-----BEGIN CERTIF":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    here = os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", limited)
        result = estate.run("apply", "--jobs", "2")
    assert result.status == 1
    assert "error[write-failed]" in result.err
    assert "the disk is full" in result.err
    assert "Traceback" not in result.err
    finished(estate, 151)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
