"""`graph --why`: what it says will follow from a change is what a plan does then; and it can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from estate import WEB_CA, Estate
from helpers import Project, run_here

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain, combined]
  mail: {fqdn: mail.abc.com, issuer: root, formats: [pem, der]}
services:
  web: {type: apache, host: www}
  smtp: {type: sendmail, host: mail}
certificates:
  alice: {usage: [client], subject: {common_name: Alice}}
"""
)
KEY = "it is another key"
AGAIN = "it is issued again"
KEPT = "it is issued again, its name and key as before"
OTHER = "it gets another name or key, or ends earlier"


@pytest.fixture
def estate(built: Estate, tmp_path: Path) -> Estate:
    copied = built.copy(tmp_path / "estate")
    copied.later("2d")
    return copied


def why(estate: Estate, id: str) -> dict[str, Any]:
    return dict(json.loads(estate.run("graph", "--why", id, "--format", "json").ok().out))


def told(estate: Estate, id: str) -> str:
    return estate.run("graph", "--why", id).ok().out


SINCE = "    issued_since: 2030-01-03\n"
FREE = "    protect: false\n"
FOLLOWS = {
    "a renewed root": ("authority/root/certificate", KEPT, "ABC Root CA}\n", f"ABC Root CA}}\n{SINCE}"),
    "a renewed authority": ("authority/web-ca/certificate", KEPT, "ABC Web CA}\n", f"ABC Web CA}}\n{SINCE}"),
    "a renamed authority": ("authority/web-ca/certificate", OTHER, "ABC Web CA}\n", f"ABC Net CA}}\n{FREE}"),
    "a renamed root": ("authority/root/certificate", OTHER, "ABC Root CA}\n", f"ABC Top CA}}\n{FREE}"),
    "an authority's key": ("authority/web-ca/key", KEY, "Web CA}\n", f"Web CA}}\n    key: {{generation: 2}}\n{FREE}"),
    "a root's key": ("authority/root/key", KEY, "    key: {", f"{FREE}    key: {{generation: 2, "),
    "a host's key": ("host/www/key", KEY, "fqdn: www.abc.com", "fqdn: www.abc.com\n    key: {generation: 2}"),
    "a host's usage": ("host/www/certificate", AGAIN, "www.abc.com", "www.abc.com\n    usage: [server, client]"),
}


@pytest.mark.parametrize(("id", "when", "old", "new"), FOLLOWS.values(), ids=FOLLOWS)
def test_what_follows_is_what_a_plan_does(estate: Estate, id: str, when: str, old: str, new: str) -> None:
    said = {one["if"]: set(one["ids"]) for one in why(estate, id)["consequences"]}
    estate.edit(old, new)
    done = {one["id"] for one in estate.plan()["actions"] if one["action"] != "retire"}
    assert id in done
    assert done - {id} == said.get(when, set())


def test_another_platform_moves_files_and_configs_follow(estate: Estate) -> None:
    said = {id for one in why(estate, "host/www/key")["consequences"] if one["facets"] == ["path"] for id in one["ids"]}
    estate.edit("fqdn: www.abc.com", "fqdn: www.abc.com\n    platform: redhat")
    assert said == {"service/web@www/web.conf"}
    assert said <= {one["id"] for one in estate.plan()["actions"]}


def test_the_lines_that_ask_for_it_are_told(estate: Estate) -> None:
    lines = estate.folder.joinpath("pki.yaml").read_text().splitlines()

    def asked(id: str) -> list[str]:
        return [lines[one["line"] - 1].strip() for one in why(estate, id)["asked_for_by"]]

    assert asked("host/www/certificate") == ["www:", "issuer: web-ca"]
    assert asked("host/www/fullchain") == [
        "www:",
        "formats: [pem, fullchain, combined]",
        "web: {type: apache, host: www}",
    ]
    assert asked("authority/web-ca/crl") == ["web-ca:", 'crl: {url: "http://pki.abc.com/web-ca.crl"}']
    assert asked("service/web@www/web.conf") == ["web: {type: apache, host: www}", "www:"]
    assert asked("certificate/alice/key") == ["alice: {usage: [client], subject: {common_name: Alice}}"]
    assert "  pki.yaml:6  root:" in told(estate, "authority/root/key")


def test_what_it_is_made_from_goes_up_to_the_root(estate: Estate) -> None:
    needs = {one["id"]: (one["by"], one["facets"]) for one in why(estate, "host/www/fullchain")["made_from"]}
    assert needs["host/www/certificate"] == ("host/www/fullchain", ["bytes"])
    assert needs["authority/root/key"][0] == "authority/web-ca/certificate"
    assert needs["host/www/key"] == ("host/www/certificate", ["public"])


def test_no_artifacts_are_needed(tmp_path: Path) -> None:
    Project(tmp_path).write(MANIFEST)
    result = run_here("graph", "--why", "host/www/key", cwd=tmp_path)
    assert result.ok().out.startswith("host/www/key\n  key, hosts/www/etc/ssl/private/www.key\n")
    assert not (tmp_path / "pki").exists()


def test_a_fleet_is_told_in_one_line(estate: Estate) -> None:
    estate.edit("  mail:", '  "web[1:300]": {fqdn: "web[1:300].abc.com", formats: [pem, chain]}\n  mail:')
    short = told(estate, "authority/web-ca/key")
    assert "  certificate  host/www/certificate … host/web300/certificate (301)" in short
    assert "  chain" in short
    assert len(short.splitlines()) < 30
    everything = estate.run("graph", "--why", "authority/web-ca/key", "-v").ok().out
    assert "host/web123/certificate" in everything
    ids = why(estate, "authority/web-ca/key")["consequences"][0]["ids"]
    assert "host/web123/chain" in ids


def test_what_hangs_on_nothing_says_so(estate: Estate) -> None:
    assert "nothing else is made from it" in told(estate, "service/web@www/web.conf")


@pytest.mark.parametrize(
    ("id", "hint"),
    [
        ("host/www/certificat", "did you mean `host/www/certificate`?"),
        ("host/www", "it has `host/www/key`, `host/www/certificate`"),
        ("service/web@www", "it has `service/web@www/web.conf`"),
        ("authority/web-ca/crl@g1", "ask for `authority/web-ca/crl`"),
        ("\x1b[2J", "`pkibuild graph` shows what there is"),
        ("", "`pkibuild graph` shows what there is"),
    ],
)
def test_an_unknown_id_is_told_with_the_nearest(estate: Estate, id: str, hint: str) -> None:
    result = estate.run("graph", "--why", id)
    assert result.status == 1
    assert "error[unknown-id]" in result.err
    assert hint in result.err
    assert "\x1b" not in result.err


def test_every_id_can_be_asked_about(estate: Estate) -> None:
    ids = estate.run("graph", "--ids").ok().out.splitlines()
    assert {"host/mail/der", "service/smtp@mail/msp/key", "authority/root/crl-der"} <= set(ids)
    for id in ids:
        found = why(estate, id)
        assert found["asked_for_by"], id
        assert all("line" in one for one in (*found["asked_for_by"], *found["made_from"])), id


def test_it_is_not_drawn(estate: Estate) -> None:
    assert estate.run("graph", "--why", "host/www/key", "--format", "svg").status == 64
