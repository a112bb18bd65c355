"""`status` tells of every certificate and list what the plan would do with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from calendars import parse_calendar
from estate import WEB_CA, Estate
from exposition import parse_exposition
from helpers import Project, changed

from pkibuild.core.times import DAY, format_time, parse_duration, parse_time

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain]
  mail: {fqdn: mail.abc.com}
services:
  web: {type: apache, host: www}
  smtp: {type: sendmail, host: mail}
certificates:
  alice: {usage: [client], subject: {common_name: "Alice \\"Q\\\\A\\" Wu, 吳"}}
"""
)

ALL = {
    "authority/root/certificate", "authority/root/crl", "authority/web-ca/certificate", "authority/web-ca/crl",
    "host/www/certificate", "host/mail/certificate", "service/smtp@mail/msp/certificate",
    "certificate/alice/certificate",
}  # fmt: skip

CERTIFICATE, CRL, KEY = "hosts/www/etc/ssl/certs/www.crt", "authorities/web-ca/web-ca.crl", "hosts/www/etc/ssl/private"


def told(estate: Estate, *argv: str, status: int | None = None) -> dict[str, dict[str, Any]]:
    """The rows by id. Nothing is changed, and no passphrase is within reach."""
    before = estate.everything()
    result = estate.run("status", "--format", "json", *argv, env=dict.fromkeys(estate.env, ""))
    assert not changed(before, estate.everything())
    rows = json.loads(result.out)["rows"]
    fine = all(row["state"] in ("ok", "short") for row in rows)
    assert result.status == ((0 if fine else 2) if status is None else status), result.err
    return {row["id"]: row for row in rows}


def states(estate: Estate, *argv: str) -> dict[str, str]:
    """What is not `ok`."""
    return {id: row["state"] for id, row in told(estate, *argv).items() if row["state"] != "ok"}


def test_everything_is_told(estate: Estate) -> None:
    rows = told(estate)
    assert rows.keys() == ALL
    assert {row["state"] for row in rows.values()} == {"ok"}
    leaf = estate.host("www")
    row = rows["host/www/certificate"]
    assert int(row["serial"], 16) == leaf.serial_number
    assert parse_time(row["not_after"]) == leaf.not_valid_after_utc.timestamp()
    assert parse_time(row["not_before"]) == leaf.not_valid_before_utc.timestamp()
    assert (row["subject"], row["issuer"]) == (
        "CN=www.abc.com, O=ABC Company, C=TW",
        "CN=ABC Web CA, O=ABC Company, C=TW",
    )
    assert rows["authority/root/certificate"]["renew_at"] is None  # a root never renews by the clock
    crl = estate.crl("root")
    assert crl.next_update_utc is not None
    assert parse_time(rows["authority/root/crl"]["not_after"]) == crl.next_update_utc.timestamp()


def test_nothing_is_built_yet(project: Project) -> None:
    estate = Estate(project)
    estate.write(MANIFEST)
    assert states(estate) == dict.fromkeys(ALL, "not-built")
    assert not estate.path("").exists()


@pytest.mark.parametrize(
    "span", ["0d", "19d", "21d", "31d", "61d", "91d", "366d", "368d", "398d", "3300d", "6950d", "7400d"]
)
def test_it_is_the_plan_s_own_opinion(estate: Estate, span: str) -> None:
    """What the plan would do, and that alone, is not fine; roots apart, which are renewed by an edit."""
    rows = told(estate, "--at", span)
    plan = estate.plan("--at", span)
    actions = {
        one["id"]: {reason["code"] for reason in one["reasons"]}
        for one in plan["actions"]
        if one["kind"] in ("certificate", "crl")
    }
    waiting = {one["id"] for one in plan["pending"] if one["id"] in rows}
    told_bad = {id for id, row in rows.items() if row["state"] not in ("ok", "short")}
    assert told_bad - {"authority/root/certificate"} == actions.keys() | waiting
    now = estate.now + parse_duration(span)
    for id, codes in actions.items():
        row = rows[id]
        if parse_time(row["not_after"]) < now:
            assert row["state"] == "expired"
        elif codes <= {"due", "crl-due"}:
            assert row["state"] == "due"
            assert parse_time(row["renew_at"]) <= now
        else:
            assert row["state"] == "wrong"
    for row in rows.values():
        assert row["state"] != "ok" or row["renew_at"] is None or parse_time(row["renew_at"]) > now


def test_renew_at_is_when_the_plan_renews(estate: Estate) -> None:
    row = told(estate)["host/www/certificate"]
    when = parse_time(row["renew_at"])
    assert "host/www/certificate" not in {one["id"] for one in estate.plan("--at", format_time(when - 1))["actions"]}
    assert "host/www/certificate" in {one["id"] for one in estate.plan("--at", format_time(when))["actions"]}


def test_what_went_missing_or_was_changed(estate: Estate) -> None:
    estate.path(CERTIFICATE).unlink()
    estate.path(CRL).unlink()
    assert states(estate) == {"host/www/certificate": "missing", "authority/web-ca/crl": "missing"}
    estate.apply()
    estate.path(CRL + ".der").unlink()
    shutil.copy(estate.path("hosts/mail/etc/ssl/certs/mail.crt"), estate.path(CERTIFICATE))
    rows = told(estate)
    assert states(estate) == {"host/www/certificate": "wrong", "authority/web-ca/crl": "missing"}
    assert rows["authority/web-ca/crl"]["message"] == "in DER form: it is missing"
    assert rows["host/www/certificate"]["message"] == "it was changed by hand, and is put back"


def test_a_missing_host_key_is_wrong(estate: Estate) -> None:
    shutil.rmtree(estate.path(KEY))
    rows = told(estate)
    assert states(estate) == {"host/www/certificate": "wrong"}
    assert "its key is missing" in rows["host/www/certificate"]["message"]


def test_a_missing_authority_key_is_told_where_nothing_is_to_be_signed(estate: Estate) -> None:
    estate.path("authorities/root/private/root.key").unlink()
    assert states(estate) == {}
    assert "key of authority `root` is not here" in told(estate)["authority/root/certificate"]["message"]
    assert states(estate, "--at", "61d")["authority/root/crl"] == "due"


def test_an_edit_that_is_not_applied(estate: Estate) -> None:
    estate.edit("[abc.com]", "[abc.com, shop.abc.com]")
    assert states(estate) == {"host/www/certificate": "wrong"}
    assert told(estate)["host/www/certificate"]["message"].startswith("names changed")


def test_an_error_of_one_declaration_is_told_in_its_row(estate: Estate) -> None:
    estate.edit("ABC Web CA", "ABC Net CA")
    rows = told(estate)
    assert rows["authority/web-ca/certificate"]["state"] == "wrong"
    assert "this authority is protected" in rows["authority/web-ca/certificate"]["message"]
    assert rows["authority/root/certificate"]["state"] == "ok"


def test_an_authority_s_folder_is_missing(estate: Estate) -> None:
    shutil.rmtree(estate.path("authorities/web-ca"))
    rows = told(estate)
    assert rows["authority/web-ca/certificate"]["state"] == "missing"
    assert "`pki/authorities/web-ca`" in rows["authority/web-ca/certificate"]["message"]


def test_an_error_of_no_declaration_ends_the_run(estate: Estate) -> None:
    journal = estate.path("authorities/web-ca/journal.jsonl")
    journal.write_text(journal.read_text().replace('"seq":2', '"seq":3'))
    result = estate.run("status")
    assert (result.status, "error[journal-damaged]" in result.err) == (1, True)


def test_a_root_that_cuts_short_and_one_in_its_last_year(project: Project) -> None:
    estate = Estate(project)
    estate.write(MANIFEST.replace("ABC Root CA}\n", "ABC Root CA}\n    validity: 3y\n"))
    estate.apply()
    assert states(estate) == {"authority/root/certificate": "short"}
    row = told(estate)["authority/web-ca/certificate"]
    assert (row["renew_at"], row["message"]) == (None, "it ends with `root`")  # renewing it now would gain nothing
    estate.later("800d")
    estate.apply()
    rows = told(estate)
    assert rows["authority/root/certificate"]["state"] == "due"
    assert "renewed by an edit" in rows["authority/root/certificate"]["message"]


def test_an_older_generation_is_told_as_long_as_it_lives(estate: Estate) -> None:
    estate.edit("ABC Web CA}", "ABC Web CA}\n    key: {generation: 2}\n    protect: false")
    estate.later("1d")
    estate.apply()
    older = {"authority/web-ca/certificate@g1", "authority/web-ca/crl@g1"}
    assert told(estate).keys() == ALL | older
    assert states(estate, "--at", "21d").keys() >= {"authority/web-ca/crl", "authority/web-ca/crl@g1"}
    estate.path("authorities/web-ca/web-ca.g1.crt").unlink()
    assert states(estate) == {"authority/web-ca/certificate@g1": "missing"}
    assert told(estate, "--at", "500d").keys() == ALL


def test_within(estate: Estate) -> None:
    assert told(estate, "--within", "19d", status=0) == {}
    soon = told(estate, "--within", "21d", status=2)
    assert soon.keys() == {"authority/web-ca/crl"}
    assert soon["authority/web-ca/crl"]["state"] == "ok"
    assert told(estate, "--within", "380d", status=2).keys() == ALL - {
        "authority/root/certificate",
        "authority/web-ca/certificate",
    }
    estate.path(CERTIFICATE).unlink()
    assert told(estate, "--within", "1d", status=2).keys() == {"host/www/certificate"}
    result = estate.run("status", "--within", "soon")
    assert result.status == 64
    estate.apply()
    assert estate.run("status", "--within", "1d").out == "Nothing is or falls due within 1d.\n"


def test_a_clone_answers_from_the_lock(estate: Estate, tmp_path: Path) -> None:
    for key in estate.path("").rglob("*.key"):
        key.unlink()
    estate.path(CERTIFICATE).unlink()
    assert states(estate) == {}
    assert states(estate, "--at", "21d") == {"authority/web-ca/crl": "due"}
    assert "note: no key of this PKI is here, so this is a clone: told from the lock alone" in estate.run("status").err
    assert "clone" not in estate.run("status", "-q").err


# -- for programs ---------------------------------------------------------------------------------------------------


def test_prometheus(estate: Estate) -> None:
    result = estate.run("status", "--format", "prometheus", "--at", "21d")
    assert result.status == 2
    families = parse_exposition(result.out)
    rows = told(estate, "--at", "21d")
    ends = {sample.labels["id"]: sample.value for sample in families["pkibuild_not_after_timestamp_seconds"].samples}
    assert ends == {id: parse_time(row["not_after"]) for id, row in rows.items()}
    renewals = {sample.labels["id"]: sample.value for sample in families["pkibuild_renew_at_timestamp_seconds"].samples}
    assert renewals == {id: parse_time(row["renew_at"]) for id, row in rows.items() if row["renew_at"]}
    found = {sample.labels["id"]: sample.labels["state"] for sample in families["pkibuild_state"].samples}
    assert found == {id: row["state"] for id, row in rows.items()}
    described = {sample.labels["id"]: sample.labels for sample in families["pkibuild_info"].samples}
    for name in ("subject", "issuer", "serial"):
        assert {id: labels[name] for id, labels in described.items()} == {id: row[name] for id, row in rows.items()}
    assert r"\\" in result.out  # the name has what must be escaped
    assert {s.labels["state"]: s.value for s in families["pkibuild_artifacts"].samples if s.value} == {
        "ok": 7,
        "due": 1,
    }
    assert [one.value for one in families["pkibuild_status_timestamp_seconds"].samples] == [estate.now + 21 * DAY]


def test_calendar(estate: Estate) -> None:
    result = estate.run("status", "--format", "ics")
    assert result.status == 0
    calendar = parse_calendar(result.out.encode())
    rows = told(estate)
    events = {event.text("SUMMARY").partition(":")[0]: event for event in calendar.components}
    assert events.keys() == rows.keys()
    for id, event in events.items():
        assert event.value("DTSTART") == rows[id]["not_after"][:10].replace("-", "")
        assert event.value("DTSTAMP") == format_time(estate.now).replace("-", "").replace(":", "")
        assert f"serial: {rows[id]['serial']}" in event.text("DESCRIPTION") or id.endswith("/crl")
    assert f"subject: {rows['certificate/alice/certificate']['subject']}" in events[
        "certificate/alice/certificate"
    ].text("DESCRIPTION")
    estate.later("370d")
    estate.apply()
    renewed = parse_calendar(estate.run("status", "--format", "ics").out.encode())
    uids = {event.text("SUMMARY"): event.value("UID") for event in calendar.components}
    assert {event.text("SUMMARY"): event.value("UID") for event in renewed.components} == uids
