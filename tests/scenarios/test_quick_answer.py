"""The answer from the cache: given only where it was made, and only while everything that it hangs on is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from helpers import Project

from pkibuild import __version__
from pkibuild.cache import answer as quick
from pkibuild.cache.seal import RUN_LOCK
from pkibuild.cache.stamps import stamp

MANIFEST = """\
version: 1
include: [{include}]
defaults: {issuer: ca}
authorities:
  ca: {subject: {common_name: CA}}
hosts:
  www: {fqdn: www.abc.com}
"""


def settled(project: Project, include: str = "") -> None:
    """Build, and let a plan be remembered."""
    project.write(MANIFEST.replace("{include}", include))
    project.run("apply").ok()
    time.sleep(quick.TICK / 1e9 * 2)
    project.run("plan").ok()
    assert project.path(quick.ANSWER).exists()


def answered(project: Project) -> bool:
    """Whether a plan would be told from the cache."""
    os.chdir(project.folder)
    return quick.answer(["plan"]) == 0


@pytest.fixture(autouse=True)
def _stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())
    monkeypatch.delenv("PKIBUILD_NOW", raising=False)


def test_an_unchanged_tree_is_answered_for_until_something_changes(project: Project) -> None:
    settled(project)
    assert answered(project)
    project.edit("www.abc.com", "web.abc.com")
    assert not answered(project)
    assert "host/www/certificate" in project.run("plan").ok().out


@pytest.mark.parametrize("name", ["ca.g1.crt", "ca.g1.crl", "ca.g1.crl.der"])
def test_what_an_older_generation_left_is_looked_at(project: Project, name: str) -> None:
    """Its files may be written to without their folder's time changing."""
    settled(project)
    declared = '{subject: {common_name: CA}, crl: {url: "http://abc.com/ca.crl"}}'
    project.edit("{subject: {common_name: CA}}", declared)
    project.run("apply").ok()
    project.edit(declared, declared[:-1] + ", protect: false, key: {generation: 2}}")
    project.run("apply", "--only", "authority/ca/*").ok()  # the host's certificate is under the first generation still
    project.run("apply", "--only", "authority/ca/*").ok()
    path = project.path(f"authorities/ca/{name}")
    whole = path.read_bytes()
    project.run("apply").ok()
    time.sleep(quick.TICK / 1e9 * 2)
    project.run("plan").ok()
    assert answered(project)
    with path.open("r+b") as file:
        file.write(whole[:9] + b"?")
    assert not answered(project)
    assert name in project.run("plan", "--format", "json").ok().out


def test_an_edit_behind_a_link_is_seen(project: Project) -> None:
    """A manifest may be a link into another place, as many tools put it there."""
    settled(project)
    real = project.folder / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    (project.folder / "pki.yaml").rename(real)
    (project.folder / "pki.yaml").symlink_to(real)
    time.sleep(quick.TICK / 1e9 * 2)
    project.run("plan").ok()
    assert answered(project)
    real.write_text(real.read_text().replace("www.abc.com", "web.abc.com"))
    assert not answered(project)
    assert "host/www/certificate" in project.run("plan").ok().out


def test_a_file_that_comes_into_a_folder_behind_a_link_is_seen(project: Project) -> None:
    real = project.folder / "real"
    real.mkdir()
    (project.folder / "more").symlink_to(real)
    (real / "mail.yaml").write_text("hosts: {mail: {fqdn: mail.abc.com}}\n")
    settled(project, "more/*.yaml")
    assert answered(project)
    (real / "shop.yaml").write_text("hosts: {shop: {fqdn: shop.abc.com}}\n")
    assert not answered(project)


def test_an_answer_that_came_with_a_checkout_is_not_given(project: Project) -> None:
    """It may say anything; even to decode it would be too much."""
    settled(project)
    text = ("nothing to do", "nothing to do", "", "")
    forged = (0.0, 1e10, {"plan": text, "apply": text}, [])
    path = project.path(quick.ANSWER)
    real = path.read_bytes()
    first = repr((__version__, (quick.FORMAT, "pki.yaml", os.geteuid()), (1, 2, 3, 4, 5))).encode() + b"\n"
    for data in (json.dumps(forged).encode(), first + json.dumps(forged).encode()):
        path.write_bytes(data)
        assert not answered(project)
    path.write_bytes(real)
    assert answered(project)
    home = project.path(RUN_LOCK)
    home.touch()
    assert not answered(project), "another folder, as after a checkout"
    home.unlink()
    path.write_bytes(repr((__version__, (quick.FORMAT, "pki.yaml", os.geteuid()), None)).encode() + b"\n" + real)
    assert not answered(project)


@pytest.mark.parametrize("name", ["keys", "units"])
def test_what_was_not_remembered_here_is_not_believed(project: Project, name: str) -> None:
    settled(project)
    memory = project.path(f".cache/{name}")
    home = stamp(str(project.path(RUN_LOCK)))
    assert repr(home).encode() in memory.read_bytes().split(b"\n")[0]
    memory.write_bytes(b"\xdb" + b"\xff" * 40)  # a list of four thousand million things
    project.path(quick.ANSWER).unlink()
    assert "Nothing to do" in project.run("plan").ok().out


# -- a long list is looked at by two processes ----------------------------------------------------------------------


@pytest.fixture
def long(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    settled(project)
    monkeypatch.setattr(quick, "LONG", 0)
    assert answered(project)
    return project


@pytest.mark.parametrize(
    "name",
    [
        ".pkibuild",
        "authorities/ca/ca.crt",
        "authorities/ca/index.txt",
        "authorities/ca/private/ca.key",
        "hosts/www/.install.json",
        "hosts/www/etc/ssl/certs/www.crt",
        "hosts/www/etc/ssl/private/www.key",
    ],
)
def test_what_changes_is_seen_whoever_looks_at_it(long: Project, name: str) -> None:
    long.path(name).touch()
    assert not answered(long)


def test_both_processes_have_something_to_look_at(long: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each half says is counted where it is said."""
    looked = long.folder / "looked"
    real = quick._half_unchanged

    def counted(root: str, half: memoryview) -> bool:
        with looked.open("a") as file:
            file.write(f"{os.getpid()} {len(json.loads(bytes(half)))}\n")
        return real(root, half)

    monkeypatch.setattr(quick, "_half_unchanged", counted)
    assert answered(long)
    (one, first), (other, second) = (map(int, line.split()) for line in looked.read_text().splitlines())
    assert {os.getpid()} < {one, other}
    assert abs(first - second) <= 1


@pytest.mark.parametrize("when", ["at once", "too late"])
def test_a_process_that_dies_is_no_answer(long: Project, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    here, real = os.getpid(), quick._half_unchanged

    def dying(root: str, half: memoryview) -> bool:
        found = when == "at once" or real(root, half)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    monkeypatch.setattr(quick, "_half_unchanged", dying)
    assert not answered(long)


def test_a_short_list_takes_no_second_process(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(project)
    monkeypatch.delattr(os, "fork")
    assert answered(project)


def test_no_process_is_left(long: Project) -> None:
    long.path("hosts/www/.install.json").touch()
    assert not answered(long)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# -- whose it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".cache", ".cache/answer"])
def test_what_others_may_write_is_not_believed(project: Project, name: str) -> None:
    settled(project)
    assert answered(project)
    path = project.path(name)
    path.chmod(path.stat().st_mode | 0o020)
    assert not answered(project)


def test_caches_can_be_turned_off(project: Project) -> None:
    settled(project)
    done = project.run("plan", env={"PKIBUILD_CACHE": "off"}).ok()
    assert "Nothing to do" in done.out
    shutil.rmtree(project.path(".cache"))
    project.run("plan", env={"PKIBUILD_CACHE": "off"}).ok()
    assert not project.path(".cache").exists()
