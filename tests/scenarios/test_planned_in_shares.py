"""What several processes decide on is what one alone would: the same plan, problems told as often, the same memory."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import pytest
from helpers import Project, Result

from pkibuild.observe import memos as cache
from pkibuild.plan import skip
from pkibuild.plan.compare.as_built import AsBuilt
from pkibuild.plan.planner import FEW
from pkibuild.world import World
from pkibuild.world.tree import Tree

HOSTS = FEW + 60
MANIFEST = f"""\
version: 1
defaults:
  subject: {{organization: ABC}}
  issuer: web-ca
  key: ecdsa-p256 # of hosts
authorities:
  root: {{key: ecdsa-p256, subject: {{common_name: Root}}}}
  web-ca: {{key: ecdsa-p256, issuer: root, subject: {{common_name: Web CA}}, crl: {{url: "http://pki.abc.com/web-ca.crl"}}}}
hosts:
  "h[001:{HOSTS}]": {{fqdn: "h[001:{HOSTS}].abc.com", formats: [fullchain, combined]}}
services:
  web: {{type: apache, hosts: ["h*"]}}
certificates:
  client: {{usage: [client], subject: {{common_name: client}}}}
"""


@pytest.fixture(params=[2, 3, 7])
def processors(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


def planned(project: Project, monkeypatch: pytest.MonkeyPatch, count: int, *argv: str) -> Result:
    monkeypatch.setattr(World, "processors", lambda _: count)
    return project.run_here(*(argv or ("plan",)), "--format", "json", env={"PKIBUILD_NOW": "2030-01-01T00:00:00Z"})


def same(project: Project, monkeypatch: pytest.MonkeyPatch, count: int, *argv: str) -> dict[str, Any]:
    """The plan by so many processes, which has to be the one by a single one, to the byte."""
    shutil.rmtree(project.path(".cache"), ignore_errors=True)
    alone = planned(project, monkeypatch, 1, *argv)
    shutil.rmtree(project.path(".cache"), ignore_errors=True)
    assert planned(project, monkeypatch, count, *argv) == alone
    text = alone.out or alone.err
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


@pytest.fixture
def built(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write(MANIFEST)
    planned(project, monkeypatch, 2, "apply").ok()
    return project


def test_of_nothing(project: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    project.write(MANIFEST.replace("common_name: Root}", "common_name: Root}, validity: 390d"))
    found = same(project, monkeypatch, processors)
    assert sum(one["id"].endswith("/certificate") for one in found["actions"]) == HOSTS + 3
    clamped = [one["message"] for one in found["warnings"] if one["code"] == "clamped"]
    assert [f"`host/h001` and {HOSTS} more would outlive `web-ca`" in one for one in clamped].count(True) == 1


def test_what_is_recorded_in_shares_is_what_one_process_reads_from_the_artifacts(
    built: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = built.path("")
    paths = [built.folder / "pki.lock", *folder.rglob("index.txt"), *folder.rglob(".install.json")]
    recorded = {path: path.read_bytes() for path in paths}
    assert len(recorded) == 1 + 2 + HOSTS + 1 + 2, "the lock, two indexes, and a receipt of every unit"
    for path in paths:
        path.unlink()
    shutil.rmtree(built.path(".cache"))
    planned(built, monkeypatch, 1, "apply").ok()
    assert {path: path.read_bytes() for path in paths} == recorded


def test_of_what_is_built(built: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    assert same(built, monkeypatch, processors)["actions"] == []
    built.path(f"hosts/h{HOSTS}/etc/ssl/certs/h{HOSTS}.crt").write_text("damaged")
    built.edit("ecdsa-p256 #", "ecdsa-p384 #")
    found = same(built, monkeypatch, processors)
    assert {one["action"] for one in found["actions"] if one["id"].endswith("/key")} == {"rekey"}
    assert any(one["id"] == f"host/h{HOSTS}/certificate" for one in found["actions"])


def test_what_is_gone_is_told_once(built: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    built.edit(f'h[001:{HOSTS}]":', f'h[003:{HOSTS}]":')
    built.edit(f"h[001:{HOSTS}].abc.com", f"h[003:{HOSTS}].abc.com")
    found = same(built, monkeypatch, processors)
    assert {one["id"].split("/")[1].rpartition("@")[2] for one in found["orphans"]} == {"h001", "h002"}


def test_a_diff(built: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    before = built.folder / "old.yaml"
    before.write_text(MANIFEST.replace("issuer: web-ca\n", "issuer: root\n").replace("web: {", "www: {"))
    found = same(built, monkeypatch, processors, "diff", "old.yaml", "pki.yaml")
    assert sum(one["id"].endswith("/certificate") for one in found["actions"]) == HOSTS + 1


def test_a_diff_of_what_goes_from_every_host(built: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    before = built.folder / "old.yaml"
    before.write_text(MANIFEST.replace("formats: [fullchain,", "formats: [fullchain, chain,"))
    found = same(built, monkeypatch, processors, "diff", "old.yaml", "pki.yaml")
    assert [one["id"] for one in found["orphans"]] == [f"host/h{number:03}/chain" for number in range(1, HOSTS + 1)]


def test_what_is_wrong_with_the_old_manifest_is_told_once(
    built: Project, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    before = built.folder / "old.yaml"
    web = 'web: {type: apache, hosts: ["h*"]}'
    assert web in MANIFEST
    bad = 'bad: {type: apache, client_auth: required, client_authorities: [ghost], hosts: ["h2*"]}'
    text = MANIFEST.replace(web, f'web: {{type: apache, hosts: ["h0*", "h1*"]}}\n  {bad}')
    before.write_text(text.replace("ecdsa-p256 #", "ecdsa-p384 #"))
    found = same(built, monkeypatch, processors, "diff", "old.yaml", "pki.yaml")
    assert [one["code"] for one in found["diagnostics"]] == ["unknown-issuer", "old-invalid"]


def test_a_diff_builds_in_each_process_what_that_compares(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = built.folder / "old.yaml"
    before.write_text(MANIFEST.replace("ecdsa-p256 #", "ecdsa-p384 #"))
    here: list[str] = []
    real = AsBuilt._build
    monkeypatch.setattr(
        AsBuilt, "_build", lambda own, unit, lain: (here.append(unit.id), real(own, unit, lain))[1], raising=True
    )
    planned(built, monkeypatch, 3, "diff", "old.yaml", "pki.yaml").ok()
    assert len(here) < HOSTS // 2


def test_a_fault_of_all_hosts_is_told_once(project: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    project.write(MANIFEST.replace("type: apache", "type: apache, client_auth: required, client_authorities: [ghost]"))
    found = same(project, monkeypatch, processors)
    assert [one["code"] for one in found["diagnostics"] if one["severity"] == "error"] == ["unknown-issuer"]


def test_what_forks_found_is_remembered(built: Project, monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    """With the next edit, none of those that were right is looked at again."""
    shutil.rmtree(built.path(".cache"))
    monkeypatch.setattr(skip, "TICK", 0)  # else what was just written is not yet believed
    planned(built, monkeypatch, processors).ok()
    tree = Tree(str(built.path("")))
    assert len(cache.read(tree).keys) == HOSTS + 3
    units = skip.read(tree).units
    assert len(units) == HOSTS + 1


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize("host", ["h001", "h200", f"h{HOSTS}"])
def test_files_that_forks_look_at(
    built: Project, monkeypatch: pytest.MonkeyPatch, processors: int, command: str, host: str
) -> None:
    """Whoever looked at it: what changed is noticed, and no other host is decided on again."""
    monkeypatch.setattr(skip, "TICK", 0)
    monkeypatch.setattr(skip, "FEW", 10)
    planned(built, monkeypatch, 1).ok()
    path = built.path(f"hosts/{host}/etc/ssl/certs/{host}.crt")
    data, told = path.read_bytes(), path.stat()
    path.write_bytes(b"?" + data[1:])
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    decided: list[str] = []
    real = skip.UnchangedUnits.decided
    monkeypatch.setattr(
        skip.UnchangedUnits, "decided", lambda own, unit, *rest: (decided.append(unit.id), real(own, unit, *rest))[1]
    )
    found = json.loads(planned(built, monkeypatch, processors, command).ok().out)
    assert [(one["id"], one["action"]) for one in found["actions"]] == [(f"host/{host}/certificate", "restore")]
    assert decided == [f"host/{host}"]
    assert path.read_bytes() == (data if command == "apply" else b"?" + data[1:])


def test_a_name_that_moves_to_one_of_many_new_hosts_stops_apply(
    built: Project, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    """An apply does not tell the fields of so many new certificates; it knows their names all the same."""
    built.edit(f'"h[001:{HOSTS}]":', f'"n[001:{HOSTS}]":')
    built.edit('hosts: ["h*"]', 'hosts: ["n*"]')
    monkeypatch.setattr(World, "processors", lambda _: processors)
    found = built.run_here("apply", "--fail-on", "name-moved", env={"PKIBUILD_NOW": "2030-01-01T00:00:00Z"})
    assert found.status == 5
    assert f"`DNS:h{HOSTS}.abc.com` comes from `host/h{HOSTS}`" in found.err
    assert not built.path("hosts/n001").exists()
