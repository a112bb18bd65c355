"""Plain `openssl ca` works in an authority's folder, before, between and after runs of pkibuild."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from estate import Estate, crl_number, serials
from helpers import Project

from pkibuild.core.times import format_time
from pkibuild.observe import memos as cache
from pkibuild.record import recorder
from pkibuild.state.journal.histories import Histories
from pkibuild.state.openssl import index as index_of
from pkibuild.world.tree import Tree

MANIFEST = """\
version: 1
defaults: {issuer: web-ca}
authorities:
  root:
    subject: {common_name: ABC Root CA}
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca:
    issuer: root
    subject: {common_name: ABC Web CA}
    crl: {url: "http://pki.abc.com/web-ca.crl"}
hosts:
  www: {fqdn: www.abc.com}
  mail: {fqdn: mail.abc.com}
"""


@pytest.fixture
def estate(project: Project) -> Estate:
    """Made at the real time, as `openssl ca` knows no other."""
    import time

    made = Estate(project, now=int(time.time()))
    made.write(MANIFEST)
    made.apply()
    return made


def openssl(estate: Estate, *argv: str, folder: str = "authorities/web-ca") -> None:
    done = subprocess.run(
        ["openssl", *argv], cwd=estate.path(folder), capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def request(estate: Estate, name: str) -> Path:
    """A request of a key of its own, for `NAME.abc.com`."""
    path = estate.folder / f"{name}.csr"
    openssl(
        estate, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", os.devnull, "-out", str(path), "-subj", f"/CN={name}.abc.com",
        "-addext", f"subjectAltName=DNS:{name}.abc.com",
    )  # fmt: skip
    return path


def sign(estate: Estate, name: str) -> x509.Certificate:
    out = estate.folder / f"{name}.crt"
    openssl(
        estate, "ca", "-batch", "-config", "openssl.cnf", "-notext", "-in", str(request(estate, name)), "-out", str(out)
    )
    return x509.load_pem_x509_certificate(out.read_bytes())


def revoke(estate: Estate, certificate: Path, reason: str) -> None:
    openssl(estate, "ca", "-batch", "-config", "openssl.cnf", "-revoke", str(certificate), "-crl_reason", reason)


def test_a_revoked_certificate_that_is_still_in_use_is_told(estate: Estate) -> None:
    revoke(estate, estate.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    assert "revoked-in-use" in estate.apply().warnings()
    for argv in ((), ("--lock-only",)):
        (told,) = (one for one in estate.plan(*argv)["warnings"] if one["code"] == "revoked-in-use")
        assert re.match(
            r"`host/www/certificate` was revoked on 20.{8} \(`key_compromise`\), and is still", told["message"]
        )
    estate.later("1d")
    estate.edit("fqdn: www.abc.com", f"fqdn: www.abc.com, issued_since: {format_time(estate.now)}")
    run = estate.apply()
    assert ("host/www/certificate", "reissue") in run.actions
    assert "revoked-in-use" not in run.warnings()
    assert "revoked-in-use" not in [one["code"] for one in estate.plan()["warnings"]]


def test_what_openssl_issues_and_revokes_is_taken_in(estate: Estate) -> None:
    theirs = sign(estate, "shop")
    kept = sign(estate, "wiki")
    ours = estate.host("www")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    revoke(estate, estate.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    openssl(estate, "ca", "-batch", "-config", "openssl.cnf", "-gencrl", "-out", str(estate.folder / "theirs.crl"))
    made = x509.load_pem_x509_crl((estate.folder / "theirs.crl").read_bytes())
    assert serials(made) == {theirs.serial_number, ours.serial_number}
    assert crl_number(made) == crl_number(estate.crl("web-ca")) + 1 or crl_number(made) > crl_number(
        estate.crl("web-ca")
    )

    estate.later("1m")
    planned = {one["id"]: one["action"] for one in estate.plan()["actions"]}
    assert planned["authority/web-ca/import"] == "import"
    run = estate.apply()
    assert ("authority/web-ca/import", "import") in run.actions
    assert ("authority/web-ca/crl", "refresh") in run.actions
    assert set(run.reasons("authority/web-ca/import")) == {"openssl-issued", "openssl-revoked", "openssl-crl"}
    listed = estate.crl("web-ca")
    assert serials(listed) == {theirs.serial_number, ours.serial_number}
    reasons = {one.serial_number: one.extensions.get_extension_for_class(x509.CRLReason).value.reason for one in listed}
    assert reasons == {
        theirs.serial_number: x509.ReasonFlags.superseded,
        ours.serial_number: x509.ReasonFlags.key_compromise,
    }
    assert crl_number(listed) > crl_number(made)
    known = {int(one["serial"], 16) for one in estate.issued()}
    assert {theirs.serial_number, kept.serial_number} <= known


def test_a_revocation_stays_and_openssl_goes_on(estate: Estate) -> None:
    first = sign(estate, "shop")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    estate.later("1m")
    estate.apply()
    second = sign(estate, "wiki")
    revoke(estate, estate.folder / "wiki.crt", "cessationOfOperation")
    estate.later("1m")
    estate.apply()
    assert serials(estate.crl("web-ca")) == {first.serial_number, second.serial_number}
    estate.later("25d")
    estate.apply()
    assert serials(estate.crl("web-ca")) == {first.serial_number, second.serial_number}
    openssl(estate, "ca", "-batch", "-config", "openssl.cnf", "-gencrl", "-out", str(estate.folder / "theirs.crl"))
    made = x509.load_pem_x509_crl((estate.folder / "theirs.crl").read_bytes())
    assert serials(made) == {first.serial_number, second.serial_number}
    assert crl_number(made) > crl_number(estate.crl("web-ca"))


def test_a_list_that_openssl_made_in_place_of_ours_stays(estate: Estate) -> None:
    """The journal knows only its number: it is not taken for an edit by hand, or the number would go back."""
    listed = estate.path("authorities/web-ca/web-ca.crl")
    openssl(estate, "ca", "-batch", "-config", "openssl.cnf", "-gencrl", "-out", str(listed))
    made = crl_number(estate.crl("web-ca"))
    run = estate.apply()
    assert ("authority/web-ca/import", "import") in run.actions
    assert ("authority/web-ca/crl", "restore") not in run.actions
    assert crl_number(estate.crl("web-ca")) == made
    listed.unlink()
    estate.apply()
    assert crl_number(estate.crl("web-ca")) > made


def test_a_list_with_a_high_number_that_another_signed_is_put_back(estate: Estate) -> None:
    before = estate.path("authorities/web-ca/web-ca.crl").read_bytes()
    forged = x509.load_pem_x509_crl(before)
    data = forged.public_bytes(Encoding.DER)
    number = crl_number(forged)
    raised = data.replace(number.to_bytes(4, "big"), (number + 9).to_bytes(4, "big"))
    assert raised != data
    estate.path("authorities/web-ca/web-ca.crl").write_bytes(raised)
    assert ("authority/web-ca/crl", "restore") in estate.apply().actions
    assert estate.path("authorities/web-ca/web-ca.crl").read_bytes() == before


@pytest.mark.parametrize("digits", [40, 6000])
def test_a_number_beyond_what_a_list_can_have_is_left_out(estate: Estate, digits: int) -> None:
    """In the journal it would stay for ever, and no list could be signed any more (RFC 5280 5.2.3)."""
    estate.path("authorities/web-ca/crlnumber").write_text("F" * digits + "\n")
    assert estate.plan()["actions"] == []
    estate.later("25d")
    estate.apply()
    assert crl_number(estate.crl("web-ca")).bit_length() < 40


def test_a_row_with_an_end_that_no_clock_can_tell_is_left_out(estate: Estate) -> None:
    """In the journal it would be a line that nobody can read."""
    index = estate.path("authorities/web-ca/index.txt")
    index.write_text(index.read_text() + "V\t99991299999999Z\t\t0A0B\tunknown\t/CN=x\n")
    assert "openssl-index" in estate.apply(settled=False).warnings()
    estate.settled()


def test_what_another_authority_issued_is_not_taken_in(estate: Estate) -> None:
    theirs = estate.authority("web-ca")
    path = estate.path(f"authorities/web-ca/newcerts/{theirs.serial_number:X}.pem")
    shutil.copy(estate.path("authorities/web-ca/web-ca.crt"), path)
    plan = estate.plan()
    assert plan["actions"] == []
    assert "openssl-certificate" in [one["code"] for one in plan["warnings"]]


def test_what_openssl_issued_verifies(estate: Estate) -> None:
    sign(estate, "shop")
    leaf = str(estate.folder / "shop.crt")
    chain = ["-CAfile", str(estate.path("authorities/root/root.crt")), "-untrusted", "web-ca.crt"]
    openssl(estate, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "shop.abc.com", *chain, leaf)


def test_a_run_of_a_part_loses_no_revocation(estate: Estate) -> None:
    """Until it is taken in, OpenSSL's own index is the only memory of what OpenSSL did."""
    theirs = sign(estate, "shop")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    estate.later("1m")
    estate.edit("mail: {fqdn: mail.abc.com}", "mail: {fqdn: mail.abc.com, aliases: [pop.abc.com]}")
    estate.apply("--only", "host/mail", settled=False)
    run = estate.apply()
    assert ("authority/web-ca/import", "import") in run.actions
    assert serials(estate.crl("web-ca")) == {theirs.serial_number}


def test_cron_takes_revocations_in(estate: Estate) -> None:
    theirs = sign(estate, "shop")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    estate.later("25d")
    estate.apply("--due")
    assert serials(estate.crl("web-ca")) == {theirs.serial_number}


def test_a_revocation_outlives_a_lost_history(estate: Estate) -> None:
    """The folder came back from an old backup; the committed lock still knows what the lost list revoked."""
    folder, backup = estate.path("authorities/web-ca"), estate.folder / "backup"
    shutil.copytree(folder, backup)
    theirs = sign(estate, "shop")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    ours = estate.host("www")
    revoke(estate, estate.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    estate.later("1m")
    estate.apply()
    shutil.rmtree(folder)
    backup.rename(folder)
    estate.later("1m")
    assert "journal-behind" in [one["code"] for one in estate.plan()["warnings"]]
    estate.apply("--accept-lost-history", "web-ca")
    gone = {theirs.serial_number, ours.serial_number}
    assert serials(estate.crl("web-ca")) == gone
    estate.later("25d")
    estate.apply()
    assert serials(estate.crl("web-ca")) == gone
    openssl(estate, "ca", "-gencrl", "-config", "openssl.cnf", "-out", str(estate.folder / "theirs.crl"))
    made = x509.load_pem_x509_crl((estate.folder / "theirs.crl").read_bytes())
    assert serials(made) == gone


def test_an_expired_revocation_leaves_the_list(estate: Estate) -> None:
    """After it has been in one that was issued beyond the certificate's end (RFC 5280 3.3)."""
    theirs = sign(estate, "shop")
    revoke(estate, estate.folder / "shop.crt", "superseded")
    estate.later("1m")
    estate.apply()
    estate.later("430d")
    estate.apply()
    assert estate.crl("web-ca").last_update_utc > theirs.not_valid_after_utc
    assert serials(estate.crl("web-ca")) == {theirs.serial_number}
    estate.later("25d")
    estate.apply()
    assert serials(estate.crl("web-ca")) == set()


def test_after_a_rekey_openssl_signs_with_the_new_key(estate: Estate) -> None:
    estate.later("1m")
    estate.edit(
        "    subject: {common_name: ABC Web CA}\n",
        "    subject: {common_name: ABC Web CA}\n    key: {generation: 2}\n    protect: false\n",
    )
    estate.apply()
    theirs = sign(estate, "shop")
    theirs.verify_directly_issued_by(estate.authority("web-ca"))
    revoke(estate, estate.folder / "shop.crt", "superseded")
    estate.later("1m")
    estate.apply()
    assert serials(estate.crl("web-ca")) == {theirs.serial_number}
    assert serials(estate.crl("web-ca", ".g1")) == set()


def test_a_revocation_of_an_older_generation_reaches_its_own_list(estate: Estate) -> None:
    old = estate.host("www")
    copy = estate.folder / "old.crt"
    copy.write_bytes(estate.path("hosts/www/etc/ssl/certs/www.crt").read_bytes())
    estate.later("1m")
    estate.edit(
        "    subject: {common_name: ABC Web CA}\n",
        "    subject: {common_name: ABC Web CA}\n    key: {generation: 2}\n    protect: false\n",
    )
    estate.apply()
    revoke(estate, copy, "keyCompromise")
    estate.later("1m")
    run = estate.apply()
    assert ("authority/web-ca/crl@g1", "refresh") in run.actions
    assert serials(estate.crl("web-ca", ".g1")) == {old.serial_number}
    assert serials(estate.crl("web-ca")) == set()


def test_openssls_own_backups_are_no_change(estate: Estate) -> None:
    sign(estate, "shop")
    estate.later("1m")
    estate.apply()
    names = os.listdir(estate.path("authorities/web-ca"))
    assert any(name.endswith(".old") for name in names)
    estate.settled()


# -- what was written last is remembered, and what OpenSSL does after that is noticed ------------------------------


@pytest.fixture
def remembered(estate: Estate) -> Estate:
    """With the memory of what was written; a run that finds nothing to do does not read the index row by row."""
    estate.settled()
    assert estate.path(".cache/openssl").exists()
    return estate


def parsed(estate: Estate, monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    """How often a run takes an index apart."""
    times: list[str] = []
    real = index_of.read_index

    def counted(data: bytes, name: str = "index.txt") -> Any:
        if data:
            times.append(name)
        return real(data, name)

    monkeypatch.setattr(index_of, "read_index", counted)
    estate.project.run_here(*(argv or ("plan",)), env=estate.environment()).ok()
    monkeypatch.undo()
    return len(times)


def test_an_index_as_it_was_written_is_not_taken_apart(remembered: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(remembered, monkeypatch) == 0
    remembered.edit("fqdn: www.abc.com", "fqdn: www.abc.com, aliases: [abc.com]")
    assert parsed(remembered, monkeypatch, "apply") == 0
    remembered.path(".cache/openssl").unlink()
    assert parsed(remembered, monkeypatch) == 2


def test_a_revocation_within_the_same_second_and_size_is_noticed(remembered: Estate) -> None:
    index = remembered.path("authorities/web-ca/index.txt")
    before = index.stat()
    revoke(remembered, remembered.path("hosts/www/etc/ssl/certs/www.crt"), "unspecified")
    shorter = re.sub(r"(?<=\t)unknown|,unspecified|\n\Z", "", index.read_text())  # what nobody needs makes room
    with index.open("r+") as file:
        file.write(shorter + "\n" * (before.st_size - len(shorter)))
        file.truncate()
    os.utime(index, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (index.stat().st_size, index.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    remembered.later("1m")
    run = remembered.apply()
    assert run.reasons("authority/web-ca/import") == ["openssl-revoked"]
    assert serials(remembered.crl("web-ca")) == {remembered.host("www").serial_number}


def test_a_certificate_without_a_row_is_noticed(remembered: Estate) -> None:
    index = remembered.path("authorities/web-ca/index.txt")
    before = index.read_bytes()
    made = sign(remembered, "shop")
    index.write_bytes(before)  # as if OpenSSL was killed before its index was in place
    assert "authority/web-ca/import" in {one["id"] for one in remembered.plan()["actions"]}
    remembered.apply()
    assert made.serial_number in {int(one["serial"], 16) for one in remembered.issued()}


def test_a_list_alone_is_noticed(remembered: Estate) -> None:
    openssl(remembered, "ca", "-batch", "-config", "openssl.cnf", "-gencrl", "-out", os.devnull)
    assert remembered.apply().reasons("authority/web-ca/import") == ["openssl-crl"]


def test_a_revocation_while_pkibuild_runs_is_noticed_by_the_next(remembered: Estate) -> None:
    """It comes when the files were looked at already: they are not overwritten, and not remembered as ours."""
    index = remembered.path("authorities/web-ca/index.txt")
    leaf = remembered.path("hosts/mail/etc/ssl/certs/mail.crt")
    real = recorder.write_openssl

    def late(*arguments: Any) -> None:
        if "\nR\t" not in index.read_text():
            revoke(remembered, leaf, "keyCompromise")
        real(*arguments)

    remembered.edit("fqdn: www.abc.com", "fqdn: www.abc.com, aliases: [abc.com]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "write_openssl", late)
        remembered.project.run_here("apply", env=remembered.environment()).ok()
    remembered.later("1m")
    run = remembered.apply()
    assert run.reasons("authority/web-ca/import") == ["openssl-revoked"]
    assert serials(remembered.crl("web-ca")) == {remembered.host("mail").serial_number}


def test_a_memory_from_elsewhere_is_not_believed(remembered: Estate, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A repository that carries `.cache/` along, made to say that the files are as pkibuild left them."""
    ours = remembered.path("hosts/www/etc/ssl/certs/www.crt")
    theirs = remembered.copy(tmp_path_factory.mktemp("theirs") / "pki")
    revoke(theirs, theirs.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    tree = Tree(str(theirs.path(".").resolve()))
    journal = Histories(tree).at("authorities/web-ca/journal.jsonl")
    index, number = (tree.read(f"authorities/web-ca/{name}") or b"" for name in ("index.txt", "crlnumber"))
    known = cache.read(tree)
    known.written["web-ca"] = index_of.Written(
        index_of._digest(index, number), journal.length, journal.head, "1970", "9999"
    )
    cache.write(tree, known)
    assert ours.read_bytes() == theirs.path("hosts/www/etc/ssl/certs/www.crt").read_bytes()
    shutil.copytree(theirs.path("authorities"), remembered.path("authorities"), dirs_exist_ok=True)
    shutil.copy(theirs.path(".cache/openssl"), remembered.path(".cache/openssl"))
    remembered.later("1m")
    assert remembered.apply().reasons("authority/web-ca/import") == ["openssl-revoked"]


# -- what a plan of all this holds ------------------------------------------------------------------------------------


def test_a_saved_plan_names_what_is_taken_in_and_the_lists_number_and_entries(estate: Estate) -> None:
    revoke(estate, estate.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    assert estate.run("plan", "--out", "plan.json").status == 0
    saved = json.loads((estate.folder / "plan.json").read_text())
    makes = {one["id"]: one["makes"] for one in saved["actions"]}
    serial = format(estate.host("www").serial_number, "x")
    ((id, taken_in),) = makes["authority/web-ca/import"]["revocations"]
    assert (id, taken_in["reason"]) == ("host/www/certificate", "key_compromise")
    (entry,) = makes["authority/web-ca/crl"]["revoked"]
    assert entry["serial"].lstrip("0") == taken_in["serial"].lstrip("0") == serial
    assert makes["authority/web-ca/crl"]["signer"]["unit"] == "authority/web-ca"
    number = makes["authority/web-ca/crl"]["number"]
    assert estate.run("apply", "--plan", "plan.json").status == 0
    assert crl_number(estate.crl("web-ca")) == number


def test_a_saved_plan_is_refused_when_another_revocation_came(estate: Estate) -> None:
    revoke(estate, estate.path("hosts/www/etc/ssl/certs/www.crt"), "keyCompromise")
    assert estate.run("plan", "--out", "plan.json").status == 0
    revoke(estate, estate.path("hosts/mail/etc/ssl/certs/mail.crt"), "superseded")
    refused = estate.run("apply", "--plan", "plan.json")
    assert refused.status == 5
    assert "authority/web-ca/import" in refused.err
