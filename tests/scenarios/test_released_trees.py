"""No version re-issues by being newer: trees made by every released version stay up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from estate import Estate
from helpers import Project
from released import archives, make, unpack


@pytest.fixture(params=archives(), ids=lambda archive: archive.name.removesuffix(".tar.gz"))
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Estate:
    return unpack(request.param, tmp_path)


def test_there_is_one() -> None:
    assert archives()


def test_a_released_tree_is_up_to_date(released: Estate) -> None:
    """A newer version may write a config anew; keys, certificates, lists and what holds them it leaves alone."""
    for lock in (True, False):
        if not lock:
            released.lock.unlink()
        plan = released.plan()
        assert [one for one in plan["actions"] if (one["kind"], one["action"]) != ("config", "render")] == []
        assert plan["orphans"] == []
        assert plan["pending"] == []


def test_a_released_tree_goes_on(released: Estate) -> None:
    """Without a passphrase, with nothing to sign; then a renewal, with the keys kept."""
    run = released.apply(env={"ROOT_PASSPHRASE": ""})
    assert all(path.endswith((".conf", ".mc", ".m4")) for path in run.touched)
    keys = {path: path.read_bytes() for path in released.path("").rglob("*.key")}
    released.later("380d")
    run = released.apply()
    assert ("host/www/certificate", "reissue") in run.actions
    assert {path: path.read_bytes() for path in keys} == keys


def test_this_version_makes_such_a_tree(project: Project) -> None:
    estate = Estate(project)
    make(estate)
    assert estate.plan()["actions"] == []
