"""A host whose platform changes keeps its key and certificate, and a service may get another name."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from estate import Estate, spki
from helpers import Project, environment

MANIFEST = """\
version: 1
defaults: {issuer: web-ca, subject: {organization: ABC}}
authorities:
  root: {subject: {common_name: ABC Root CA}, key: ecdsa-p256}
  web-ca: {issuer: root, subject: {common_name: ABC Web CA}}
hosts:
  www:
    fqdn: www.abc.com
    platform: debian
    formats: [pem, combined]
  mail: {fqdn: mail.abc.com, issuer: root}
services:
  web: {type: apache, host: www}
  smtp: {type: sendmail, host: mail}
"""
OLD, NEW = "hosts/www/etc/ssl", "hosts/www/etc/pki/tls"


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    made = Estate(Project(tmp_path))
    made.write(MANIFEST)
    made.apply()
    shutil.copy(made.folder / "pki.yaml", made.folder / "old.yaml")
    return made


def the_three_agree(estate: Estate) -> dict[str, Any]:
    """The plan, which the lock alone and the two manifests alone tell as well."""
    plan = estate.plan()
    review = estate.folder / "review"
    review.mkdir(exist_ok=True)
    for name in ("pki.yaml", "pki.lock"):
        shutil.copy(estate.folder / name, review)
    alone = Estate(Project(review), estate.now, {}).plan("--lock-only")
    diff = json.loads(estate.run("diff", "old.yaml", "pki.yaml", "--format", "json").ok().out)
    shutil.rmtree(review)
    assert told(alone) == told(plan) == told(diff)
    return plan


def told(plan: dict[str, Any]) -> Any:
    actions = [
        (one["id"], one["action"], [reason["code"] for reason in one["reasons"]], one["paths"])
        for one in plan["actions"]
    ]
    return actions, [(one["id"], one["paths"]) for one in plan["orphans"]], plan["pending"]


# -- another platform ----------------------------------------------------------------------------------------------


def test_another_platform_moves_key_and_certificate(estate: Estate) -> None:
    key, certificate = estate.host_key("www"), estate.host("www")
    issued = estate.issued()
    estate.edit("platform: debian", "platform: redhat")
    plan = the_three_agree(estate)
    assert not plan["orphans"]
    run = estate.apply()
    assert ("host/www/key", "restore") in run.actions
    assert ("host/www/certificate", "restore") in run.actions
    assert ("host/www/combined", "restore") in run.actions
    assert run.reasons("host/www/key") == ["path-changed"]
    assert estate.path(f"{NEW}/private/www.key").read_bytes() == key
    assert estate.certificate(f"{NEW}/certs/www.crt") == certificate
    assert estate.issued() == issued
    assert not estate.path(OLD).exists()
    assert estate.path(f"{NEW}/private").stat().st_mode & 0o777 == 0o700
    assert not estate.plan()["orphans"]
    with estate.without_lock():
        assert not estate.plan()["orphans"]


def test_a_moved_certificate_is_issued_again_where_it_says_something_else(estate: Estate) -> None:
    public = spki(estate.host("www"))
    estate.edit("    platform: debian\n", "    platform: redhat\n    aliases: [abc.com]\n")
    the_three_agree(estate)
    run = estate.apply()
    assert run.reasons("host/www/certificate") == ["names-changed", "path-changed"]
    assert ("host/www/key", "restore") in run.actions
    assert spki(estate.certificate(f"{NEW}/certs/www.crt")) == public
    assert not estate.path(OLD).exists()


def test_a_moved_key_that_is_replaced_is_kept_beside_its_successor(estate: Estate) -> None:
    key = estate.host_key("www")
    estate.edit("    platform: debian\n", "    platform: redhat\n    key: {generation: 2}\n")
    the_three_agree(estate)
    run = estate.apply()
    assert ("host/www/key", "rekey") in run.actions
    assert estate.path(f"{NEW}/private/www.g1.key").read_bytes() == key
    assert not estate.path(OLD).exists()


def test_a_self_signed_host_moves_and_signs_with_its_key(estate: Estate) -> None:
    estate.edit("issuer: root}\nservices", "issuer: root}\n  own: {fqdn: own.abc.com, issuer: self}\nservices")
    estate.apply()
    key = estate.host_key("own")
    estate.edit("issuer: self}", "issuer: self, platform: freebsd, aliases: [self.abc.com]}")
    run = estate.apply()
    assert run.reasons("host/own/certificate") == ["names-changed", "path-changed"]
    assert estate.path("hosts/own/usr/local/etc/ssl/private/own.key").read_bytes() == key


def test_without_the_receipt_the_lock_knows_where_it_lies(estate: Estate) -> None:
    key = estate.host_key("www")
    estate.path("hosts/www/.install.json").unlink()
    estate.edit("platform: debian", "platform: redhat")
    estate.apply()
    assert estate.path(f"{NEW}/private/www.key").read_bytes() == key


def test_the_clock_moves_nothing(estate: Estate) -> None:
    estate.edit("platform: debian", "platform: redhat")
    assert estate.plan("--due")["actions"] == []


def test_what_was_left_at_the_old_path_is_an_orphan_and_goes_to_the_attic(estate: Estate) -> None:
    """As where a backup of the folder was unpacked over it."""
    shutil.copytree(estate.path("hosts/www"), estate.folder / "copy", symlinks=True)
    estate.edit("platform: debian", "platform: redhat")
    estate.apply()
    receipt = estate.path("hosts/www/.install.json").read_bytes()
    shutil.copytree(estate.folder / "copy", estate.path("hosts/www"), dirs_exist_ok=True)
    shutil.rmtree(estate.folder / "copy")
    assert estate.path("hosts/www/.install.json").read_bytes() != receipt
    plan = estate.plan()
    assert plan["actions"] == []
    assert f"{OLD}/private/www.key" in [path for one in plan["orphans"] for path in one["paths"]]
    assert not [risk for one in plan["orphans"] for risk in one["risks"]]
    estate.apply("--prune")
    assert not estate.path(OLD).exists()
    assert list(estate.path(".attic").rglob("www.key"))
    assert estate.path(f"{NEW}/private/www.key").exists()


def test_a_bundle_holds_no_old_path(estate: Estate) -> None:
    estate.edit("platform: debian", "platform: redhat")
    refused = estate.run("bundle", "www")
    assert refused.status == 1
    assert "[out-of-date]" in refused.err
    estate.apply()
    done = subprocess.run(
        [sys.executable, "-m", "pkibuild", "bundle", "www"],
        cwd=estate.folder,
        env=environment(estate.environment()),
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        names = tar.getnames()
    assert "etc/pki/tls/private/www.key" in names
    assert not [name for name in names if name.startswith(("etc/ssl", "etc/apache2"))]


# -- another name of a service -------------------------------------------------------------------------------------


def test_a_renamed_service_keeps_its_own_key_and_certificate(estate: Estate) -> None:
    key = estate.path("hosts/mail/etc/mail/private/mail-msp.key").read_bytes()
    certificate = estate.path("hosts/mail/etc/mail/certs/mail-msp.crt").read_bytes()
    issued = estate.issued()
    estate.edit("  smtp: {", "  mta: {")
    plan = the_three_agree(estate)
    assert plan["orphans"] == []
    run = estate.apply()
    assert ("service/mta@mail/msp/certificate", "adopt") in run.actions
    assert not [one for one in run.actions if one[1] in ("new", "rekey", "reissue", "prune")]
    assert estate.path("hosts/mail/etc/mail/private/mail-msp.key").read_bytes() == key
    assert estate.path("hosts/mail/etc/mail/certs/mail-msp.crt").read_bytes() == certificate
    assert estate.issued() == issued
    assert "service/smtp@mail" not in estate.lock.read_text()


def test_pruning_while_a_service_gets_another_name_takes_nothing_of_it(estate: Estate) -> None:
    estate.edit("  smtp: {", "  mta: {")
    run = estate.apply("--prune")
    assert not [one for one in run.actions if one[1] == "prune"]
    assert estate.path("hosts/mail/etc/mail/private/mail-msp.key").exists()
    assert not estate.path(".attic").exists()


def test_an_adopted_certificate_comes_back_from_the_journal(estate: Estate) -> None:
    path = estate.path("hosts/mail/etc/mail/certs/mail-msp.crt")
    before = path.read_bytes()
    estate.edit("  smtp: {", "  mta: {")
    estate.apply()
    path.unlink()
    estate.lock.unlink()
    run = estate.apply()
    assert run.actions == [("service/mta@mail/msp/certificate", "restore")]
    assert path.read_bytes() == before
    index = estate.path("authorities/root/index.txt").read_text().splitlines()
    assert len({line.split("\t")[3] for line in index}) == len(index)


def test_a_renamed_service_whose_certificate_is_another_one_now_keeps_its_key(estate: Estate) -> None:
    key = estate.path("hosts/mail/etc/mail/private/mail-msp.key").read_bytes()
    estate.edit("  smtp: {", "  mta: {")
    estate.edit("fqdn: mail.abc.com", "fqdn: mx.abc.com")
    the_three_agree(estate)
    run = estate.apply()
    assert ("service/mta@mail/msp/certificate", "reissue") in run.actions
    assert estate.path("hosts/mail/etc/mail/private/mail-msp.key").read_bytes() == key


def test_a_certificate_of_another_host_is_not_taken_over(estate: Estate) -> None:
    """Its key stands beside it: two hosts would have one key."""
    for path in ("etc/ssl/private/{}.key", "etc/ssl/certs/{}.crt"):
        target = estate.path(f"hosts/new/{path.format('new')}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(estate.path(f"hosts/mail/{path.format('mail')}"), target)
    estate.edit("services:\n", "  new: {fqdn: mail.abc.com, issuer: root}\nservices:\n")
    assert estate.refused() == ["not-ours"]
