"""The benchmark runs and tells every figure. How fast anything is, is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("bench")
    done = run(
        "--hosts", "2", "--rsa", "1", "--growth", "1", "--rounds", "1", "--folder", str(folder),
        "--json", str(folder / "figures.json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["figures.json"]  # the trees are gone
    found = {one["figure"]: one for one in json.loads((folder / "figures.json").read_text())["figures"]}
    assert all(name in done.stdout for name in found)
    return found


def test_every_kind_of_figure_is_told(told):
    assert set(told) == {
        "cold, 2 hosts, ecdsa-p256",
        "plan, nothing to do, 2 hosts",
        "apply, nothing to do, 2 hosts",
        "plan, nothing to do, no cache, 2 hosts",
        "one host changed, 2 hosts",
        "diff, one host changed, 2 hosts",
        "diff, another key for every host, 2 hosts",
        "diff, one alias more on every host, 2 hosts",
        "memory: cold, 2 hosts",
        "memory: plan, nothing to do, 2 hosts",
        "memory: apply, nothing to do, 2 hosts",
        "memory: plan, nothing to do, no cache, 2 hosts",
        "memory: one host changed, 2 hosts",
        "memory: diff, one host changed, 2 hosts",
        "memory: diff, another key for every host, 2 hosts",
        "memory: diff, one alias more on every host, 2 hosts",
        "cold, 1 hosts, rsa-2048",
        "growth: cold, 1 hosts",
        "growth: memory, 1 hosts",
    }


def test_figures_with_a_peer_have_a_ratio(told):
    for figure in told.values():
        ours, peer = figure["runs"]["ours"], figure["runs"]["peer"]
        assert len(ours) == 1
        assert figure["ours"] == ours[0] > 0
        assert (figure["ratio"] is None) == (not peer)
        assert not peer or figure["ratio"] == pytest.approx(ours[0] / peer[0])


def test_a_size_of_nothing_is_wrong_usage():
    done = run("--hosts", "0")
    assert done.returncode == 2
    assert "sizes are counted from 1" in done.stderr
