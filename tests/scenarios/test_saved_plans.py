"""`plan --out` and `apply --plan`: exactly what was reviewed, or nothing and why."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from estate import PASSPHRASE, WEB_CA, Estate
from helpers import ROOT, Project
from jsonschema import Draft202012Validator

from pkibuild.core.times import DAY
from pkibuild.world.tree import Tree

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain]
  mail: {fqdn: mail.abc.com}
  app: {fqdn: app.abc.com, formats: [pem, fullchain]}
services:
  web: {type: apache, host: www}
"""
)
CONFIG = "service/web@www/web.conf"
SCHEMA = json.loads((ROOT / "schemas/plan.schema.json").read_text())


@pytest.fixture
def estate(built: Estate, tmp_path: Path) -> Estate:
    """Two days later, with a new alias."""
    copied = built.copy(tmp_path / "estate")
    copied.later("2d")
    copied.edit("app.abc.com,", "app.abc.com, aliases: [shop.abc.com],")
    return copied


def save(estate: Estate, *argv: str, name: str = "plan.json") -> dict[str, Any]:
    result = estate.run("plan", "--out", name, *argv, env=dict.fromkeys(estate.env, ""))
    assert result.status == 0, result.err
    return dict(json.loads((estate.folder / name).read_text()))


def stale(estate: Estate, *argv: str, status: int = 5) -> str:
    """What is told by an `apply --plan` that has to refuse; nothing may be written."""
    before = estate.everything()
    told = estate.run("apply", "--plan", "plan.json", "--dry-run", *argv)
    assert told.status == status, told.err
    result = estate.run("apply", "--plan", "plan.json", *argv)
    assert result.status == status, result.err
    assert estate.everything() == before
    assert "Traceback" not in result.err
    assert result.err == told.err
    return result.err


# -- it holds ----------------------------------------------------------------------------------------------------------


def test_exactly_the_reviewed_plan_is_applied(estate: Estate) -> None:
    saved = save(estate)
    Draft202012Validator(SCHEMA).validate(saved)
    reviewed = [(one["id"], one["action"], one["changes"], one["paths"]) for one in saved["actions"]]
    assert ("host/app/certificate", "reissue") in [one[:2] for one in reviewed]
    estate.later("1h")
    assert estate.run("apply", "--plan", "plan.json", "--dry-run").status == 0
    result = estate.run("apply", "--plan", "plan.json", "--format", "json").ok()
    applied = json.loads(result.out)
    assert [(one["id"], one["action"], one["changes"], one["paths"]) for one in applied["actions"]] == reviewed
    estate.healthy()
    estate.settled()


def test_what_is_signed_is_dated_as_it_was_reviewed(estate: Estate) -> None:
    """Though midnight passes between."""
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "  mail: {fqdn: mail.abc.com}\n  new: {fqdn: new.abc.com}\n")
    estate.edit('web-ca.crl"}', 'web-ca.crl", validity: 20d}')
    saved = {one["id"]: one for one in save(estate)["actions"]}
    estate.later("20h")
    estate.run("apply", "--plan", "plan.json").ok()
    new = estate.host("new")
    assert f"until {new.not_valid_after_utc:%Y-%m-%d}" in saved["host/new/certificate"]["detail"]
    assert new.not_valid_after_utc.timestamp() == saved["host/new/certificate"]["makes"]["not_after"]
    changes = {one["field"]: one["after"] for one in saved["authority/web-ca/crl"]["changes"]}
    listed = estate.crl("web-ca").next_update_utc
    assert listed is not None
    assert changes["nextUpdate"] == [f"{listed:%Y-%m-%dT%H:%M:%SZ}"]
    # the journal tells when it was done
    assert {one["time"] for one in estate.issued("host/new/certificate")} == {"2030-01-03T20:00:00Z"}
    estate.healthy()
    estate.settled()


def test_an_empty_plan_does_nothing(estate: Estate) -> None:
    estate.apply()
    assert save(estate)["actions"] == []
    result = estate.run("apply", "--plan", "plan.json").ok()
    assert "Nothing to do" in result.out


def test_the_first_plan_of_all(tmp_path: Path) -> None:
    estate = Estate(Project(tmp_path))
    estate.write(MANIFEST)
    save(estate)
    assert not estate.path("").exists()
    estate.run("apply", "--plan", "plan.json").ok()
    estate.healthy()
    estate.settled()


@pytest.mark.parametrize(
    ("argv", "ids"),
    [
        (("--only", "host/app"), {"host/app/certificate", "host/app/fullchain"}),
        (("--only=service/web@www", "--only=host/app/certificate"), {"host/app/certificate", CONFIG}),
        (("--due",), set()),
        (("--prune=host/mail", "--only=host/app"), {"host/app/certificate", "host/app/fullchain"}),
    ],
)  # fmt: skip
def test_the_choice_of_actions_is_saved(estate: Estate, argv: tuple[str, ...], ids: set[str]) -> None:
    estate.edit("host: www}", "host: www, port: 8443}")
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "")
    assert {one["id"] for one in save(estate, *argv)["actions"]} == ids
    estate.later("1m")
    result = estate.run("apply", "--plan", "plan.json", "--format", "json").ok()
    assert {one["id"] for one in json.loads(result.out)["actions"]} == ids
    estate.healthy()


def test_a_pruned_key_goes_where_the_plan_says(estate: Estate) -> None:
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "")
    paths = [path for one in save(estate, "--prune")["actions"] for path in one["paths"] if path.startswith(".attic/")]
    assert len(paths) == 1
    estate.later("1d")
    estate.run("apply", "--plan", "plan.json").ok()
    assert estate.path(paths[0]).exists()
    assert not estate.path("hosts/mail").exists()


# -- it no longer holds ------------------------------------------------------------------------------------------------


def test_an_edit_that_asks_for_more(estate: Estate) -> None:
    save(estate)
    estate.edit("host: www}", "host: www, port: 8443}")
    assert "`service/web@www/web.conf`: would be done as well: render (" in stale(estate)


def test_an_edit_that_takes_something_back(estate: Estate) -> None:
    estate.edit("host: www}", "host: www, port: 8443}")
    save(estate)
    estate.edit(", port: 8443", "")
    told = stale(estate)
    assert "`service/web@www/web.conf`: is done, or not asked for any more: render (" in told
    assert told.count("error[") == 1


def test_an_edit_that_asks_for_something_else(estate: Estate) -> None:
    save(estate)
    estate.edit("shop.abc.com", "evil.abc.com")
    told = stale(estate)
    assert "`host/app/certificate`: profile.names.dns " in told
    assert "evil.abc.com" in told


def test_what_a_plans_lines_do_not_say_counts_as_well(estate: Estate) -> None:
    """Another name of a new certificate, another option of a new config."""
    estate.edit("  mail:", "  new: {fqdn: new.abc.com, aliases: [a.abc.com]}\n  mail:")
    estate.edit("services:\n", "services:\n  more: {type: apache, host: mail, port: 8443}\n")
    save(estate)
    estate.edit("a.abc.com]", "b.abc.com]")
    estate.edit("8443", "9443")
    told = stale(estate)
    assert "`host/new/certificate`: profile.names.dns " in told
    assert "`service/more@mail/more.conf`: inputs " in told


def test_an_edit_that_changes_nothing_is_none(estate: Estate) -> None:
    save(estate)
    estate.edit("hosts:\n", "\n# the hosts\nhosts:\n")
    estate.run("apply", "--plan", "plan.json").ok()


def test_a_file_changed_by_hand(estate: Estate) -> None:
    save(estate)
    estate.path("hosts/mail/etc/ssl/certs/mail.crt").unlink()
    assert "`host/mail/certificate`: would be done as well: restore (it is missing)" in stale(estate)


def test_something_became_due(estate: Estate) -> None:
    estate.until("2030-01-20T00:00:00Z")
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "  mail: {fqdn: mail.abc.com, validity: 10d}\n")
    save(estate)
    estate.later("6d")
    told = stale(estate)
    assert "`authority/web-ca/crl`: would be done as well: refresh (due" in told


def test_a_plan_that_would_be_due_at_once(estate: Estate) -> None:
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "  mail: {fqdn: mail.abc.com, validity: 10d}\n")
    save(estate)
    estate.later("9d")
    assert "`host/mail/certificate`: made so late it would be due at once" in stale(estate)
    estate.now -= 9 * DAY
    save(estate, "--only", "host/app")
    estate.later("9d")
    estate.run("apply", "--plan", "plan.json").ok()


def test_a_plan_of_the_future(estate: Estate) -> None:
    save(estate)
    estate.now -= 1
    assert "error[clock-went-back]" in stale(estate)


def test_another_run_did_a_part(estate: Estate) -> None:
    estate.edit("host: www}", "host: www, port: 8443}")
    save(estate)
    estate.apply("--only", "host/app", settled=False)
    told = stale(estate)
    assert "`host/app/certificate`: is done, or not asked for any more: reissue (" in told
    assert "something was built since, as the lock says" in told
    assert "web.conf" not in told


def test_a_plan_is_applied_once(estate: Estate) -> None:
    save(estate)
    estate.run("apply", "--plan", "plan.json").ok()
    told = stale(estate)
    assert "nothing is left to be done: all of it is done, or not asked for any more" in told
    assert told.count("error[") == 1


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    estate = Estate(Project(tmp_path))
    estate.write(MANIFEST)
    save(estate)
    estate.edit("  mail:", '  "n[1:30]": {fqdn: "n[1:30].abc.com"}\n  mail:')
    told = stale(estate)
    assert told.count("error[plan-changed]") == 21
    assert "and 40 more" in told
    assert not estate.path("").exists()


def test_a_killed_run_is_told_what_remains(estate: Estate) -> None:
    estate.edit("host: www}", "host: www, port: 8443}")
    save(estate)
    child = os.fork()
    if not child:  # in this process alone, which ends soon:
        Tree.step = lambda _, __, name: os._exit(9) if name.endswith("fullchain.crt") else None
        estate.run("apply", "--plan", "plan.json")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    told = stale(estate)
    assert "`host/app/certificate`: is done, or not asked for any more" in told
    assert "`host/app/fullchain`: reasons " in told  # what it is made of is there by now
    assert [one["id"] for one in save(estate)["actions"]] == ["host/app/fullchain"]
    estate.run("apply", "--plan", "plan.json").ok()
    estate.settled()


def test_what_waits_for_a_passphrase_remains(estate: Estate) -> None:
    estate.edit("  mail: {fqdn: mail.abc.com}\n", "  mail: {fqdn: mail.abc.com, issuer: root}\n")
    save(estate)
    assert estate.run("apply", "--plan", "plan.json", env={"ROOT_PASSPHRASE": ""}).status == 4
    assert "`host/app/certificate`: is done, or not asked for any more" in stale(estate)
    assert [one["id"] for one in save(estate)["actions"]] == ["host/mail/certificate"]
    estate.run("apply", "--plan", "plan.json").ok()
    estate.settled()


# -- from the lock alone -----------------------------------------------------------------------------------------------


def test_a_plan_from_the_lock_alone_is_applied_where_the_keys_are(estate: Estate, tmp_path: Path) -> None:
    estate.edit("host: www}", "host: www, port: 8443}")
    review = tmp_path / "review"
    review.mkdir()
    for name in ("pki.yaml", "pki.lock"):
        shutil.copy(estate.folder / name, review)
    reviewer = Estate(Project(review), estate.now, {})
    saved = save(reviewer, "--lock-only")
    assert saved["saved"]["lock_only"]
    assert {"host/app/certificate", "service/web@www/web.conf"} <= {one["id"] for one in saved["actions"]}
    shutil.copy(review / "plan.json", estate.folder)
    estate.later("1h")
    estate.run("apply", "--plan", "plan.json").ok()
    estate.settled()


def test_what_the_lock_does_not_know_makes_its_plan_stale(estate: Estate) -> None:
    save(estate, "--lock-only")
    config = estate.path("hosts/www/etc/apache2/sites-available/web.conf")
    config.write_text(config.read_text() + "# mine\n")
    assert f"`{CONFIG}`: would be done as well: restore (it was changed by hand" in stale(estate)


def test_a_clone_tells_whether_a_plan_holds(estate: Estate, tmp_path: Path) -> None:
    save(estate)
    reviewer = estate.copy(tmp_path / "clone")
    for name in ("hosts", *(one.relative_to(reviewer.folder / "pki") for one in reviewer.path("").rglob("private"))):
        shutil.rmtree(reviewer.path(str(name)), ignore_errors=True)
    assert reviewer.run("apply", "--plan", "plan.json", "--dry-run").status == 0
    assert "error[keys-elsewhere]" in reviewer.run("apply", "--plan", "plan.json").err
    reviewer.edit("shop.abc.com", "evil.abc.com")
    assert reviewer.run("apply", "--plan", "plan.json", "--dry-run").status == 5


# -- the file ----------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    estate = Estate(Project(tmp_path))
    (tmp_path / "pass").write_text(PASSPHRASE)
    (tmp_path / "pass").chmod(0o600)
    estate.write(MANIFEST.replace("{env: ROOT_PASSPHRASE}", "{file: pass}"))
    save(estate)
    data = (tmp_path / "plan.json").read_bytes()
    assert PASSPHRASE.encode() not in data
    assert str(tmp_path).encode() not in data
    assert b"PRIVATE KEY" not in data


def test_a_saved_plan_is_replaced_and_nothing_else(estate: Estate) -> None:
    save(estate)
    estate.edit("shop.abc.com", "cart.abc.com")
    assert "cart.abc.com" in json.dumps(save(estate))
    (estate.folder / "empty").touch()
    save(estate, name="empty")
    manifest = (estate.folder / "pki.yaml").read_bytes()
    for name in ("pki.yaml", "pki.lock", "pki"):
        result = estate.run("plan", "--out", name)
        assert result.status == 1
        assert "error[not-ours]" in result.err
    assert (estate.folder / "pki.yaml").read_bytes() == manifest


def test_a_stopped_plan_is_not_saved(estate: Estate) -> None:
    estate.edit("shop.abc.com", "'*.abc.com'")
    assert estate.run("plan", "--out", "plan.json", "--fail-on", "risk").status == 5
    assert not (estate.folder / "plan.json").exists()


def damaged(plan: dict[str, Any], **fields: Any) -> str:
    return json.dumps({**plan, **fields})


BAD = {
    "empty": lambda _: "",
    "no-json": lambda _: "version: 1\n",
    "cut": lambda saved: json.dumps(saved)[:-40],
    "a-list": lambda _: "[]",
    "a-plan-that-was-not-saved": lambda saved: json.dumps({k: v for k, v in saved.items() if k != "saved"}),
    "another-format": lambda saved: damaged(saved, format_version=2),
    "deep": lambda _: "[" * 100_000,
    "not-a-number": lambda saved: damaged(saved, unchanged=float("nan")),
    "a-huge-number": lambda saved: json.dumps(saved)[:-1] + ', "x": 1' + "0" * 10_000 + "}",
    "no-time": lambda saved: damaged(saved, now="yesterday"),
    "no-actions": lambda saved: damaged(saved, actions={}),
    "an-action-without-id": lambda saved: damaged(saved, actions=[{"id": 7}]),
    "an-action-that-is-none": lambda saved: damaged(saved, actions=["host/www/key"]),
    "options": lambda saved: damaged(saved, saved={**saved["saved"], "only": "host/app"}),
    "no-options": lambda saved: damaged(saved, saved={"version": saved["saved"]["version"]}),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_damaged_file_is_refused(estate: Estate, make: Any) -> None:
    (estate.folder / "plan.json").write_text(make(save(estate)))
    told = stale(estate, status=1)
    assert re.findall(r"error\[([a-z-]+)\]", told) == ["bad-plan"]


def test_a_file_that_is_not_there_or_no_text(estate: Estate) -> None:
    assert "error[read-failed]" in stale(estate, status=1)
    (estate.folder / "plan.json").write_bytes(b'{"saved": "\xff"}')
    assert "error[bad-plan]" in stale(estate, status=1)


def test_a_plan_of_another_version(estate: Estate) -> None:
    saved = save(estate)
    (estate.folder / "plan.json").write_text(damaged(saved, saved={**saved["saved"], "version": "0.9"}))
    assert "error[plan-version]" in stale(estate)
    save(estate)  # in its place


HOSTILE = {
    "an-action-more": lambda one: [one, {**one, "id": "host/\u202e\ud800\x1b[2J/key"}],
    "an-action-less": lambda one: [],
    "another-action": lambda one: [{**one, "action": {"a": ["\ud800"]}}],
    "another-reason": lambda one: [{**one, "reasons": [7, {"message": ["x"]}]}],
    "no-reasons": lambda one: [{**one, "reasons": None}],
    "another-end": lambda one: [{**one, "makes": {**one["makes"], "not_after": 253402300799}}],
    "another-path": lambda one: [{**one, "paths": ["../../etc/passwd"]}],
    "twice": lambda one: [one, one],
    "nothing-but-an-id": lambda one: [{"id": one["id"]}],
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_the_file_is_carried_out(estate: Estate, make: Any) -> None:
    """It is compared, and that is all."""
    saved = save(estate)
    first = saved["actions"][0]
    text = damaged(saved, actions=[*make(first), *saved["actions"][1:]])
    (estate.folder / "plan.json").write_text(text)
    told = stale(estate)
    assert "error[plan-changed]" in told
    assert not set(told) & set("\x1b\u202e")


def test_the_plan_of_another_manifest(estate: Estate) -> None:
    save(estate)
    (estate.folder / "pki.yaml").rename(estate.folder / "other.yaml")
    result = estate.run("apply", "other.yaml", "--plan", "plan.json")
    assert result.status == 1
    assert "error[other-plan]" in result.err


@pytest.mark.parametrize("argv", [("--only", "x"), ("--due",), ("--prune",), ("--take-over",),
                                  ("--accept-lost-history", "root")], ids=lambda argv: argv[0])  # fmt: skip
def test_what_a_saved_plan_has_settled_is_not_asked_again(estate: Estate, argv: tuple[str, ...]) -> None:
    save(estate)
    assert argv[0] in stale(estate, *argv, status=64)


def test_another_time_is_not_saved(estate: Estate) -> None:
    assert estate.run("plan", "--out", "plan.json", "--at", "30d").status == 64
    assert not (estate.folder / "plan.json").exists()


def test_limits_hold_as_well(estate: Estate) -> None:
    save(estate)
    assert "too-many-reissues" in stale(estate, "--max-reissue", "0")
