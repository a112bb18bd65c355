"""Planning from the manifest and the lock alone gives what planning on the tree itself gives.

A tree is built; manifest and lock alone are copied elsewhere; the manifest is edited in the same way on both sides.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from estate import WEB_CA, Estate
from helpers import Project

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain, chain, combined]
  mail:
    fqdn: mail.abc.com
    issuer: root
  app: {fqdn: app.abc.com, key: {rotate: on-renewal}}
services:
  web: {type: apache, host: www}
  smtp: {type: sendmail, host: mail}
certificates:
  alice:
    usage: [client]
    subject: {common_name: Alice Wu}
    formats: [pem, combined]
    key: {algorithm: ecdsa-p256, passphrase: {env: ROOT_PASSPHRASE}}
"""
)


@pytest.fixture
def review(tmp_path: Path) -> Callable[[Estate], Estate]:
    """A folder that has a PKI's manifest and lock, and nothing else."""

    def made(estate: Estate) -> Estate:
        folder = tmp_path / "review"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("pki.yaml", "pki.lock"):
            shutil.copy(estate.folder / name, folder)
        return Estate(Project(folder), estate.now, {})

    return made


def told(plan: dict[str, Any]) -> dict[str, Any]:
    """What both plans must agree on. A config's old text is not in the lock."""
    return {
        "actions": [
            (one["id"], one["action"], one["reasons"], one["risks"], *_changes(one)) for one in plan["actions"]
        ],
        "orphans": [(one["id"], one["paths"], one["risks"], one["hint"]) for one in plan["orphans"]],
        "pending": plan["pending"],
        "warnings": [(one["code"], one["message"]) for one in plan["warnings"]],
        "summary": plan["summary"],
        "next": plan["next_renewal"],
    }


def _changes(action: dict[str, Any]) -> tuple[Any, ...]:
    return () if action["kind"] == "config" else (action["changes"], action["paths"], action["detail"])


EDITS = {
    "alias-added": ("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]"),
    "alias-removed": ("    aliases: [abc.com]\n", ""),
    "algorithm": ("  app: {fqdn: app.abc.com, key: {", "  app: {fqdn: app.abc.com, key: {algorithm: ecdsa-p384, "),
    "generation": ("key: {rotate: on-renewal}", "key: {generation: 2}"),
    "validity": ("fqdn: mail.abc.com", "fqdn: mail.abc.com\n    validity: 90d"),
    "default-validity": ("  issuer: web-ca\nauth", "  issuer: web-ca\n  validity: 200d\nauth"),
    "new-host": ("  app: {", "  db: {fqdn: db.abc.com}\n  app: {"),
    "removed-host": ("  app: {fqdn: app.abc.com, key: {rotate: on-renewal}}\n", ""),
    "other-issuer": ("    issuer: root\n  app", "    issuer: web-ca\n  app"),
    "port": ("host: www}", "host: www, port: 8443}"),
    "root-issued-since": ("ABC Root CA}\n", "ABC Root CA}\n    issued_since: 2030-01-02\n"),
    "root-validity": ("ABC Root CA}\n", "ABC Root CA}\n    validity: 30y\n"),
    "rekey-intermediate": ("ABC Web CA}", "ABC Web CA}\n    key: {generation: 2}\n    protect: false"),
    "rekey-root": ("ROOT_PASSPHRASE}}\n    crl", "ROOT_PASSPHRASE}, generation: 2}\n    protect: false\n    crl"),
    "renamed-subject": ("ABC Web CA}", "ABC Net CA}\n    protect: false"),
    "crl-validity": ("root.crl\", validity: 90d", "root.crl\", validity: 60d"),
    "crl-url": ("http://pki.abc.com/web-ca.crl", "http://crl.abc.com/web-ca.crl"),
    "crl-removed": ("    crl: {url: \"http://pki.abc.com/web-ca.crl\"}\n", ""),
    "new-service": ("services:\n", "services:\n  pop3: {type: qpopper, host: mail, listen: [stls]}\n"),
    "removed-service": ("  smtp: {type: sendmail, host: mail}\n", ""),
    "moved-service": ("web: {type: apache, host: www}", "web: {type: apache, host: app}"),
    "format-added": ("formats: [pem, fullchain, chain, combined]", "formats: [pem, fullchain, chain, combined, der]"),
    "format-removed": ("formats: [pem, fullchain, chain, combined]", "formats: [pem]"),
    "platform": ("fqdn: mail.abc.com", "fqdn: mail.abc.com\n    platform: redhat"),
    "usage": ("fqdn: mail.abc.com", "fqdn: mail.abc.com\n    usage: [server, client]"),
    "constraints": ("ABC Web CA}", "ABC Web CA}\n    name_constraints: {permitted: {dns: [abc.com]}}"),
    "new-authority": ("hosts:\n", "  mail-ca: {issuer: root, subject: {common_name: Mail CA}}\nhosts:\n"),
    "person-removed": (MANIFEST[MANIFEST.index("certificates:") :], ""),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_planned_alike(estate: Estate, review: Callable[[Estate], Estate], edit: tuple[str, str]) -> None:
    elsewhere = review(estate)
    for one in (estate, elsewhere):
        one.later("2d")
        one.edit(*edit)
    whole, alone = estate.plan(), elsewhere.plan("--lock-only")
    assert whole["actions"] or whole["orphans"]
    assert told(alone) == told(whole)
    # … in the tree itself too, where the old texts are at hand
    here = estate.plan("--lock-only")
    assert told(here) == told(whole)
    assert [one["changes"] for one in here["actions"]] == [one["changes"] for one in whole["actions"]]


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_an_edit_left_behind_is_planned_alike(
    estate: Estate, review: Callable[[Estate], Estate], edit: tuple[str, str]
) -> None:
    """After the edit was applied, and the next one made."""
    estate.edit(*edit)
    estate.later("2d")
    estate.apply()
    elsewhere = review(estate)
    assert told(elsewhere.plan("--lock-only")) == told(estate.plan())
    for one in (estate, elsewhere):
        one.edit("fqdn: www.abc.com", "fqdn: www.abc.com\n    usage: [server, client]")
    whole = estate.plan()
    assert "host/www/certificate" in {one["id"] for one in whole["actions"]}
    assert told(elsewhere.plan("--lock-only")) == told(whole)


@pytest.mark.parametrize("moment", ["20d", "60d", "300d", "380d", "3300d", "6970d"])
def test_time_is_planned_alike(estate: Estate, review: Callable[[Estate], Estate], moment: str) -> None:
    alone, whole = review(estate).plan("--lock-only", "--at", moment), estate.plan("--at", moment)
    assert whole["actions"]
    assert told(alone) == told(whole)


def test_retired_generations_are_planned_alike_as_long_as_they_live(
    estate: Estate, review: Callable[[Estate], Estate]
) -> None:
    estate.edit(*EDITS["rekey-intermediate"])
    estate.later("1d")
    estate.apply()
    estate.edit("\n    protect: false", "")
    elsewhere = review(estate)
    lists = set()
    for moment in ("1d", "25d", "390d", "430d", "500d"):
        whole = estate.plan("--at", moment)
        assert told(elsewhere.plan("--lock-only", "--at", moment)) == told(whole), moment
        lists |= {(moment, one["id"]) for one in whole["actions"] if one["id"].endswith("/crl@g1")}
    assert lists == {("25d", "authority/web-ca/crl@g1"), ("390d", "authority/web-ca/crl@g1")}


def test_revocations_stay_in_the_list(estate: Estate, review: Callable[[Estate], Estate]) -> None:
    """The lock does not say what is revoked, but for what stands in the last list."""
    index = estate.path("authorities/web-ca/index.txt")
    status, end, _, rest = index.read_text().split("\t", 3)
    assert status == "V"
    index.write_text(f"R\t{end}\t300101000000Z,superseded\t{rest}")
    estate.later("1d")
    estate.apply()
    estate.later("25d")
    whole, alone = estate.plan(), review(estate).plan("--lock-only")
    assert "authority/web-ca/crl" in {one["id"] for one in whole["actions"]}
    assert told(alone) == told(whole)


def test_it_reads_nothing_but_manifest_and_lock(estate: Estate) -> None:
    """Whatever became of the files, the lock is believed."""
    expected = told(estate.plan("--lock-only"))
    shutil.rmtree(estate.path("authorities"))
    estate.path("hosts/www/etc/ssl/certs/www.crt").write_text("not a certificate")
    estate.path(".pkibuild").write_text('{"format": 1, "manifest": "../other.yaml"}')
    assert told(estate.plan("--lock-only")) == expected
    assert expected["actions"] == []
    result = estate.run("plan", "--lock-only")
    assert "planned from the lock alone" in result.out


def test_without_a_lock_all_is_new(estate: Estate, review: Callable[[Estate], Estate]) -> None:
    elsewhere = review(estate)
    elsewhere.lock.unlink()
    plan = elsewhere.plan("--lock-only")
    assert {one["action"] for one in plan["actions"]} == {"new"}
    assert plan["notes"] == ["there is no lock: all is planned as new"]


def test_a_lock_that_cannot_be_read_is_an_error_where_nothing_else_is(
    estate: Estate, review: Callable[[Estate], Estate]
) -> None:
    elsewhere = review(estate)
    data = elsewhere.lock.read_text()
    elsewhere.lock.write_text(data.replace('{"id":"host/www/key"', '{"id"'))
    assert elsewhere.refused("plan", "--lock-only") == ["lock-garbled"]
    elsewhere.lock.write_text("<<<<<<< HEAD\n" + data)
    assert elsewhere.refused("plan", "--lock-only") == ["lock-conflict"]


def test_what_is_left_behind_is_told_at_every_plan(estate: Estate) -> None:
    """Also when the unit that it lies with is known to be as it should be."""
    estate.edit(*EDITS["removed-service"])
    first = estate.plan()["orphans"]
    estate.apply()
    assert first
    for _ in range(4):
        assert [one["id"] for one in estate.plan()["orphans"]] == [one["id"] for one in first]


# -- clones ------------------------------------------------------------------------------------------------------------


def clone_of(estate: Estate, folder: Path) -> Estate:
    """What git would give: manifest, lock, and what the output folder's allow-list lets in."""
    there = folder / "pki"
    for path in estate.path("authorities").rglob("*"):
        if path.suffix in (".crt", ".crl", ".jsonl"):
            target = there / path.relative_to(estate.path(""))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("pki.yaml", "pki.lock"):
        shutil.copy(estate.folder / name, folder)
    return Estate(Project(folder), estate.now, {})


def test_a_clone_plans_from_the_lock_and_builds_nothing(estate: Estate, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    clone = clone_of(estate, folder)
    assert clone.plan()["actions"] == []
    for one in (estate, clone):
        one.edit(*EDITS["alias-added"])
    plan = clone.plan()
    assert told(plan) == told(estate.plan())
    assert any("this is a clone" in note for note in plan["notes"])
    assert clone.refused("apply") == ["keys-elsewhere"]
    assert not clone.path(".cache").exists()


def test_some_keys_make_it_no_clone(estate: Estate, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    clone = clone_of(estate, folder)
    for name in ("root", "web-ca"):
        shutil.copytree(estate.path(f"authorities/{name}/private"), clone.path(f"authorities/{name}/private"))
    plan = clone.plan()
    assert plan["notes"] == []
    assert {(one["id"], one["action"]) for one in plan["actions"]} >= {("host/www/key", "rekey")}


# -- authorities that went missing -------------------------------------------------------------------------------------


def test_a_missing_folder_makes_no_new_authority(estate: Estate, review: Callable[[Estate], Estate]) -> None:
    elsewhere = review(estate)
    for command in ("plan", "apply"):
        assert elsewhere.refused(command) == ["authority-missing", "authority-missing"]
    shutil.rmtree(estate.path("authorities/web-ca"))
    assert estate.refused("apply") == ["authority-missing"]


def test_a_renamed_authority_is_no_new_one(estate: Estate, review: Callable[[Estate], Estate]) -> None:
    elsewhere = review(estate)
    for one in (estate, elsewhere):
        one.write(MANIFEST.replace("web-ca:", "net-ca:").replace("issuer: web-ca", "issuer: net-ca"))
        assert one.refused("plan", "--lock-only") == ["authority-missing"]
    result = estate.run("apply")
    assert result.status == 1
    assert "under the name `web-ca`" in result.err
    with estate.without_lock():  # the folder that nothing declares any more tells as well
        assert estate.refused("apply") == ["authority-missing"]


def test_another_output_makes_no_new_authority(estate: Estate, review: Callable[[Estate], Estate]) -> None:
    elsewhere = review(estate)
    for one in (estate, elsewhere):
        one.edit("version: 1\n", "version: 1\noutput: elsewhere\n")
    result = estate.run("apply")
    assert (result.status, estate.folder.joinpath("elsewhere/authorities").exists()) == (1, False)
    assert "`pki/authorities/root`" in result.err
    assert "move that folder to `elsewhere`" in result.err
    warnings = [one["code"] for one in elsewhere.plan("--lock-only")["warnings"]]
    assert warnings == ["output-changed"]
    shutil.rmtree(estate.folder / "elsewhere", ignore_errors=True)
    estate.path("").rename(estate.folder / "elsewhere")
    plan = json.loads(estate.run("plan", "--format", "json").out)
    assert (plan["actions"], plan["warnings"]) == ([], [])


def test_an_authority_that_was_pruned_from_the_manifest_may_be_followed_by_another(estate: Estate) -> None:
    """Another subject is another authority."""
    estate.write(
        MANIFEST.replace("web-ca:", "net-ca:").replace("issuer: web-ca", "issuer: net-ca").replace("Web CA", "Net CA")
    )
    plan = estate.plan()
    assert ("authority/net-ca/key", "new") in {(one["id"], one["action"]) for one in plan["actions"]}
    assert [one["id"] for one in plan["orphans"]] == ["authority/web-ca/certificate"]
