"""Fixtures for every test, and the rule that in CI no test of a real server is skipped."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `import helpers` from every folder of tests

from estate import Estate
from helpers import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder with the command line at hand; `project.write(manifest)` puts a manifest there."""
    return Project(tmp_path)


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """The module's `MANIFEST`, applied once."""
    made = Estate(Project(tmp_path_factory.mktemp("built")))
    made.write(request.module.MANIFEST)
    made.apply()
    return made


@pytest.fixture
def estate(built: Estate, tmp_path: Path) -> Estate:
    """A copy for one test of what is `built`."""
    return built.copy(tmp_path / "estate")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("server"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where every server must be there: {report.longrepr}"
    return report
