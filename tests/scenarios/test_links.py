"""Symbolic links that a pack wants: made, compared, bundled as links, and never followed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from estate import Estate
from helpers import Project, environment

PACK = """\
type: proxy
version: 1
files:
  - {name: config, path: "etc/proxy/available/{service.name}.conf", template: proxy.conf.j2}
  - {kind: link, path: "etc/proxy/enabled/{service.name}.conf", target: "{options.target}"}
"""
OPTIONS = """\
{"type": "object", "additionalProperties": false, "properties": {
  "target": {"description": "Where to.", "type": "string", "default": "../available/px.conf"}}}
"""
MANIFEST = """\
version: 1
packs: [proxy]
defaults: {issuer: root}
authorities:
  root: {subject: {common_name: ABC Root CA}, key: ecdsa-p256}
hosts:
  www: {fqdn: www.abc.com}
  home: {fqdn: home.abc.com, platform: user, home: /home/ima}
services:
  px: {type: proxy, host: www}
"""
LINK = "hosts/www/etc/proxy/enabled/px.conf"
ID = "service/px@www/enabled/px.conf"


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    made = Estate(Project(tmp_path))
    pack = tmp_path / "proxy"
    pack.mkdir()
    (pack / "service.yaml").write_text(PACK)
    (pack / "options.schema.json").write_text(OPTIONS)
    (pack / "proxy.conf.j2").write_text("on\n")
    made.write(MANIFEST)
    return made


def target(estate: Estate, value: str, host: str = "www") -> None:
    estate.write(MANIFEST.replace("proxy, host: www", f"proxy, host: {host}, target: {json.dumps(value)}"))


def bundle(estate: Estate) -> bytes:
    argv = [sys.executable, "-m", "pkibuild", "bundle", "www"]
    done = subprocess.run(argv, cwd=estate.folder, env=environment(estate.environment()), capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_link_is_made_and_bundled_as_one(estate: Estate, tmp_path: Path) -> None:
    run = estate.apply()
    assert (ID, "new") in run.actions
    assert os.readlink(estate.path(LINK)) == "../available/px.conf"
    (tmp_path / "host").mkdir()
    subprocess.run(["tar", "-xpC", str(tmp_path / "host")], input=bundle(estate), check=True)
    link = tmp_path / "host/etc/proxy/enabled/px.conf"
    assert os.readlink(link) == "../available/px.conf"
    assert link.read_text() == "on\n"
    receipt = json.loads(estate.path("hosts/www/.install.json").read_text())
    assert receipt["files"]["etc/proxy/enabled/px.conf"]["link"] == "../available/px.conf"


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("{paths.config}", "../available/px.conf"),
        ("/etc/proxy/available/px.conf", "../available/px.conf"),
        ("/usr/share/proxy/default.conf", "../../../usr/share/proxy/default.conf"),
        ("other.conf", "other.conf"),
        (".././available/px.conf", "../available/px.conf"),
    ],
)
def test_a_target_is_said_from_where_the_link_lies(estate: Estate, value: str, made: str) -> None:
    if "{" in value:
        (estate.folder / "proxy/service.yaml").write_text(PACK.replace("{options.target}", value))
    else:
        target(estate, value)
    estate.apply()
    assert os.readlink(estate.path(LINK)) == made


def test_another_target_and_a_hand_that_changed_it(estate: Estate) -> None:
    estate.apply()
    shutil.copy(estate.folder / "pki.yaml", estate.folder / "old.yaml")
    target(estate, "../available/other.conf")
    planned = [(one["id"], one["action"]) for one in estate.plan()["actions"]]
    assert planned == [(ID, "render")]
    alone = estate.plan("--lock-only")
    assert [(one["id"], one["action"]) for one in alone["actions"]] == planned
    diff = json.loads(estate.run("diff", "old.yaml", "pki.yaml", "--format", "json").ok().out)
    assert [(one["id"], one["action"]) for one in diff["actions"]] == planned
    (change,) = diff["actions"][0]["changes"]
    assert change["before"] == ["../available/px.conf"]
    estate.apply()
    path = estate.path(LINK)
    for spoil in (lambda: path.symlink_to("/etc/passwd"), lambda: path.write_text("mine\n")):
        path.unlink()
        spoil()
        assert "[altered]" in estate.run("bundle", "www").err or "[out-of-date]" in estate.run("bundle", "www").err
        run = estate.apply()
        assert run.reasons(ID) == ["edited-by-hand"]
        assert os.readlink(path) == "../available/other.conf"
    path.unlink()
    assert estate.apply().reasons(ID) == ["missing"]


def test_a_link_in_place_of_a_config_is_put_back_and_not_followed(estate: Estate, tmp_path: Path) -> None:
    estate.apply()
    victim = tmp_path / "victim"
    victim.write_text("untouched\n")
    path = estate.path("hosts/www/etc/proxy/available/px.conf")
    path.unlink()
    path.symlink_to(victim)
    run = estate.apply()
    assert run.reasons("service/px@www/px.conf") == ["edited-by-hand"]
    assert not path.is_symlink()
    assert victim.read_text() == "untouched\n"


def test_a_link_that_is_not_ours_is_left_alone(estate: Estate) -> None:
    path = estate.path(LINK)
    path.parent.mkdir(parents=True)
    path.symlink_to("/etc/passwd")
    assert estate.refused() == ["not-ours"]


def test_a_link_that_is_no_longer_wanted_is_an_orphan(estate: Estate) -> None:
    estate.apply()
    (estate.folder / "proxy/service.yaml").write_text(PACK.rsplit("\n", 2)[0] + "\n")
    assert [one["id"] for one in estate.plan()["orphans"]] == [ID]
    estate.apply("--prune")
    assert not estate.path(LINK).is_symlink()
    assert estate.path("hosts/www/etc/proxy/available/px.conf").exists()


@pytest.mark.parametrize(
    "value",
    ["../../../../etc/passwd", "/../etc/passwd", "", "../../..", "/", "//", "px.conf", "a\nb", "x/-rf", "/etc//x"],
)
def test_a_target_outside_of_the_hosts_tree_is_refused(estate: Estate, value: str) -> None:
    target(estate, value)
    assert set(estate.refused()) == {"bad-path"}


def test_an_ordinary_users_link_stays_below_the_home(estate: Estate) -> None:
    target(estate, "/etc/passwd", host="home")
    assert estate.refused() == ["bad-path"]
    target(estate, "/home/ima/", host="home")
    assert estate.refused() == ["bad-path"]
    target(estate, "/home/ima/etc/proxy/x", host="home")
    estate.apply()
    assert os.readlink(estate.path("hosts/home/etc/proxy/enabled/px.conf")) == "../x"


def test_nothing_lies_below_a_link(estate: Estate) -> None:
    """Whoever unpacks the bundle would write through it."""
    pack = estate.folder / "proxy/service.yaml"
    pack.write_text(PACK + '  - {path: "etc/proxy/enabled/{service.name}.conf/x", template: proxy.conf.j2}\n')
    assert estate.refused() == ["same-path"]
    pack.write_text(PACK + 'folders: [{path: "etc/proxy/enabled/px.conf/y"}]\n')
    assert estate.refused() == ["same-path"]
