"""The lock is read once in a run, and again where anybody could have written it meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from helpers import Project

from pkibuild.cache.answer import TICK
from pkibuild.manifest import load
from pkibuild.plan import folder as folders
from pkibuild.plan.folder import Folder
from pkibuild.state.lock.lock import Lock
from pkibuild.world import World

MANIFEST = """\
version: 1
authorities: {ca: {subject: {common_name: CA}, key: ecdsa-p256}}
"""


@pytest.fixture
def opened(project: Project, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """As a run sees it before it holds the folder."""
    project.write(MANIFEST)
    project.run_here("apply").ok()
    monkeypatch.chdir(project.folder)
    time.sleep(TICK / 1e9 * 2)
    world = World()
    return Folder.open(load("pki.yaml", world), world, world.now())


def reads(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files are read as the lock when a run looks again."""
    found: list[str] = []
    real = folders.read_lock
    monkeypatch.setattr(folders, "read_lock", lambda path, name: (found.append(path), real(path, name))[1])
    folder.refresh()
    return found


def test_it_is_read_once(opened: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = opened.lock
    assert reads(opened, monkeypatch) == []
    assert opened.lock is before


def test_what_another_run_writes_is_read(opened: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with the size and the time of the one before."""
    path = Path(opened.lock_path)
    old, digest = path.stat(), opened.lock_digest
    path.write_bytes(path.read_bytes().replace(b"authority/ca/key", b"authority/cb/key"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert len(reads(opened, monkeypatch)) == 1
    assert "authority/cb/key" in opened.lock
    assert opened.lock_digest != digest


def test_one_that_was_written_just_now_is_read_again(opened: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.world.started = time.time() - 60
    Path(opened.lock_path).touch()
    assert len(reads(opened, monkeypatch)) == 1
    assert len(reads(opened, monkeypatch)) == 1


def test_one_that_goes_or_comes_is_noticed(opened: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(opened.lock_path)
    data = path.read_bytes()
    path.unlink()
    opened.refresh()
    assert (len(opened.lock), opened.lock_digest) == (0, "")
    path.write_bytes(data)
    opened.refresh()
    assert "authority/ca/key" in opened.lock


def test_what_is_written_counts_as_read(opened: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = opened.lock_digest
    opened.write_lock(opened.lock)
    assert opened.lock_digest == digest
    longer = opened.lock.with_changes({"host/x/key": b'{"id":"host/x/key","kind":"key"}'})
    opened.write_lock(longer)
    assert opened.lock_digest != digest
    assert "host/x/key" in Lock.parse(Path(opened.lock_path).read_bytes(), "pki.lock")
