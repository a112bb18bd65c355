"""The lock's file is parsed once in a run, and again where another run has written it meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import Project

from pkibuild.manifest import load
from pkibuild.observe.workspace import Workspace
from pkibuild.state.lock.committed import LockFile, load_lock, store_lock
from pkibuild.state.lock.lock import Lock
from pkibuild.world import World

MANIFEST = """\
version: 1
authorities: {ca: {subject: {common_name: CA}, key: ecdsa-p256}}
"""
EMPTY = Lock("pki.yaml", "pki")


@pytest.fixture
def before(project: Project, monkeypatch: pytest.MonkeyPatch) -> LockFile:
    """As a run reads it before it holds the folder."""
    project.write(MANIFEST)
    project.run_here("apply").ok()
    monkeypatch.chdir(project.folder)
    world = World()
    workspace = Workspace.of(load("pki.yaml", world), world)
    return load_lock(workspace.lock_path, workspace.lock_name, EMPTY)


def again(before: LockFile) -> LockFile:
    return load_lock(before.path, "pki.lock", EMPTY, before)


def test_the_same_bytes_are_not_parsed_again(before: LockFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Lock, "parse")
    assert again(before) is before


def test_what_another_run_writes_is_read(before: LockFile) -> None:
    path = Path(before.path)
    path.write_bytes(path.read_bytes().replace(b"authority/ca/key", b"authority/cb/key"))
    after = again(before)
    assert "authority/cb/key" in after.lock
    assert after.digest != before.digest


def test_one_that_goes_or_comes_is_noticed(before: LockFile) -> None:
    path = Path(before.path)
    path.unlink()
    gone = again(before)
    assert (gone.lock, gone.digest) == (EMPTY, "")
    path.write_bytes(before.data)
    assert "authority/ca/key" in again(gone).lock


def test_what_is_written_counts_as_read(before: LockFile) -> None:
    assert store_lock(before, before.lock) is before
    longer = before.lock.with_changes({"host/x/key": b'{"id":"host/x/key","kind":"key"}'})
    after = store_lock(before, longer)
    assert after.digest != before.digest
    assert again(after) is after
    assert "host/x/key" in Lock.parse(Path(before.path).read_bytes(), "pki.lock")
