"""The planner over the files of one small PKI: order, dependencies, needs and determinism of its plan."""

from __future__ import annotations

from typing import Any

import pytest
from estate import Estate
from helpers import Project

MANIFEST = """\
version: 1
defaults: {issuer: web-ca}
authorities:
  web-ca:
    issuer: root
    subject: {common_name: ABC Web CA}
    crl: {url: "http://pki.abc.com/web-ca.crl"}
  root: {subject: {common_name: ABC Root CA}}
hosts:
  www: {fqdn: www.abc.com, formats: [fullchain, combined]}
  mail: {fqdn: mail.abc.com}
services:
  web: {type: apache, host: www}
"""


@pytest.fixture
def estate(project: Project) -> Estate:
    made = Estate(project)
    made.write(MANIFEST)
    return made


def by_id(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in plan["actions"]}


def test_what_is_needed_comes_first(estate: Estate) -> None:
    plan = estate.plan()
    order = [one["id"] for one in plan["actions"]]
    assert len(order) == len(set(order))
    for action in plan["actions"]:
        for need in action["needs"]:
            assert order.index(need) < order.index(action["id"]), f"{action['id']} needs {need}"
    assert order.index("authority/root/certificate") < order.index("authority/web-ca/certificate")


def test_needs_name_what_this_plan_changes_alone(estate: Estate) -> None:
    estate.apply()
    estate.edit("fqdn: www.abc.com", "fqdn: www.abc.com, aliases: [abc.com]")
    actions = by_id(estate.plan())
    assert actions["host/www/certificate"]["needs"] == []
    assert actions["host/www/fullchain"]["needs"] == ["host/www/certificate"]


def test_paths_are_complete_and_no_two_actions_share_one(estate: Estate) -> None:
    plan = estate.plan()
    paths = [path for one in plan["actions"] for path in one["paths"]]
    assert all(paths)
    assert len(paths) == len(set(paths))


def test_every_action_has_a_reason_and_a_place(estate: Estate) -> None:
    for action in estate.plan()["actions"]:
        assert action["reasons"], action["id"]
        assert action["place"], action["id"]


def test_a_future_facet_is_a_change_and_a_known_one_cuts_off(estate: Estate) -> None:
    """A re-keyed authority reaches its leaves; one that is re-issued with name and key does not."""
    estate.apply()
    estate.later("1h")
    estate.edit("root: {subject", "root: {issued_since: 2030-01-01T00:30:00Z, subject")
    assert set(by_id(estate.plan())) == {"authority/root/certificate"}
    estate.edit(
        "root: {issued_since: 2030-01-01T00:30:00Z, subject", "root: {key: {generation: 2}, protect: false, subject"
    )
    actions = by_id(estate.plan())
    assert {"authority/root/key", "authority/root/certificate", "authority/web-ca/certificate"} <= set(actions)
    assert "host/mail/certificate" not in actions, "its issuer keeps name and key"
    assert "host/www/fullchain" in actions, "it holds the issuer's certificate"


def test_the_summary_counts_what_is_told(estate: Estate) -> None:
    plan = estate.plan()
    assert plan["summary"]["new"] == len(plan["actions"])
    estate.apply()
    after = estate.plan()
    assert after["summary"]["unchanged"] == len(plan["actions"])
    assert after["summary"]["new"] == after["summary"]["changed"] == 0


def test_the_next_renewal_is_when_something_is_due(estate: Estate) -> None:
    estate.apply()
    told = estate.plan()["next_renewal"]
    moment = told["time"]
    assert estate.plan("--at", moment)["actions"] != []
    estate.until(moment)
    estate.now -= 1
    assert estate.plan()["actions"] == []
    estate.now += 1
    assert estate.apply().actions != []


def test_problems_of_all_units_are_told_together(estate: Estate) -> None:
    estate.apply()
    for name in ("www", "mail"):
        path = estate.path(f"hosts/{name}/etc/ssl/certs/{name}.crt")
        path.unlink()
        path.mkdir()
    estate.edit("ABC Root CA", "XYZ Root CA")
    told = estate.refused("plan")
    assert "protected" in told
    assert len(told) == 3
