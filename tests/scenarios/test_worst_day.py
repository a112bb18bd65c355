"""What a bad day brings, and what the next run makes of it: artifacts.md, row by row."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from contextlib import AbstractContextManager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from estate import AUTHORITIES, PASSPHRASE, Estate, aside, crl_number
from helpers import Project, Result, environment
from users import as_nobody, hand_over, needs_root

from pkibuild import cli
from pkibuild.core.diagnostics import fail
from pkibuild.observe.workspace import Workspace
from pkibuild.world import World
from pkibuild.world.tree import Tree

MANIFEST = (
    """\
version: 1
defaults: {issuer: web-ca}
"""
    + AUTHORITIES
    + """\
hosts:
  www:
    fqdn: www.abc.com
    formats: [pem, fullchain, chain, der, combined]
  mail: {fqdn: mail.abc.com, issuer: root}
  self: {fqdn: self.abc.com, issuer: self}
services:
  pop3: {type: qpopper, host: mail}
"""
)

WWW = "hosts/www/etc/ssl"
CONFIG = "hosts/mail/etc/qpopper/qpopper.conf"


ALIAS = ("fqdn: www.abc.com\n", "fqdn: www.abc.com\n    aliases: [abc.com]\n")
"""An edit for which `web-ca` has to sign."""


# -- an output folder that is not there, or not ours -------------------------------------------------------------


def test_a_missing_folder_never_makes_a_new_root(estate: Estate) -> None:
    with aside(estate.path("")):
        assert estate.refused() == ["authority-missing", "authority-missing"]
        assert "authority-missing" in estate.refused("plan")
    estate.settled()


def test_a_missing_authority_is_not_made_again(estate: Estate) -> None:
    with aside(estate.path("authorities/web-ca")):
        assert "authority-missing" in estate.refused()


def test_without_folder_and_lock_all_starts_over(estate: Estate) -> None:
    old = estate.authority("root")
    shutil.rmtree(estate.path(""))
    estate.lock.unlink()
    estate.apply()
    assert estate.authority("root") != old


def test_another_manifest_does_not_take_the_folder(estate: Estate) -> None:
    (estate.folder / "pki.yaml").rename(estate.folder / "other.yaml")
    assert estate.refused("apply", "other.yaml") == ["output-taken"]
    assert estate.refused("plan", "other.yaml") == ["output-taken"]


def test_two_manifests_do_not_take_one_new_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one's first run comes between the look at the folder and the lock on it."""
    estate = Estate(project)
    estate.write(MANIFEST)
    project.write(MANIFEST, "other.yaml")
    locked = Workspace.locked

    def late(workspace: Workspace) -> AbstractContextManager[None]:
        monkeypatch.setattr(Workspace, "locked", locked)
        assert estate.run("apply", "other.yaml").status == 0
        return locked(workspace)

    monkeypatch.setattr(Workspace, "locked", late)
    result = estate.run("apply")
    assert result.status == 1
    assert "error[output-taken]" in result.err


def test_after_a_rename_the_folder_is_taken_over(estate: Estate) -> None:
    (estate.folder / "pki.yaml").rename(estate.folder / "other.yaml")
    estate.lock.rename(estate.folder / "other.lock")
    assert estate.run("apply", "other.yaml", "--take-over").ok()
    assert estate.run("plan", "other.yaml", "--detailed-exitcode").ok()


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_hosts_lost_key_is_made_again(estate: Estate) -> None:
    estate.path(f"{WWW}/private/www.key").unlink()
    run = estate.apply()
    assert run.reasons("host/www/key") == ["key-missing"]
    assert run.actions[:2] == [("host/www/key", "rekey"), ("host/www/certificate", "reissue")]
    assert {id for id, _ in run.actions[2:]} == {"host/www/fullchain", "host/www/der", "host/www/combined"}


def test_a_missing_authoritys_key_is_a_warning_until_it_is_needed(estate: Estate) -> None:
    key = estate.path("authorities/web-ca/private/web-ca.key")
    with aside(key):
        run = estate.apply()
        assert run.actions == []
        assert "key-away" in run.warnings()
        estate.edit(*ALIAS)
        assert "key-missing" in estate.refused()
    assert ("host/www/certificate", "reissue") in estate.apply().actions


def test_the_key_of_another_host_is_never_paired_with_a_certificate(estate: Estate) -> None:
    stranger = estate.host_key("mail")
    place = estate.path(f"{WWW}/private/www.key")
    place.chmod(0o600)
    place.write_bytes(stranger)
    place.chmod(0o400)
    run = estate.apply()
    assert run.reasons("host/www/key") == ["key-mismatch"]
    assert estate.host_key("www") != stranger


def test_the_wrong_key_at_an_authoritys_place_is_told_and_touched_by_nobody(estate: Estate) -> None:
    place = estate.path("authorities/web-ca/private/web-ca.key")
    place.chmod(0o600)
    place.write_bytes(estate.host_key("www"))
    estate.edit(*ALIAS)
    assert "key-mismatch" in estate.refused()


@pytest.mark.parametrize(
    "garbage", [b"", b"no key\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_garbage_at_a_hosts_key_is_kept_aside(estate: Estate, garbage: bytes) -> None:
    place = estate.path(f"{WWW}/private/www.key")
    place.chmod(0o600)
    place.write_bytes(garbage)
    run = estate.apply()
    assert run.reasons("host/www/key") == ["key-mismatch"]
    assert garbage in [path.read_bytes() for path in place.parent.glob("www.g*.key")]


def test_garbage_at_an_authoritys_key_is_an_error(estate: Estate) -> None:
    place = estate.path("authorities/web-ca/private/web-ca.key")
    place.chmod(0o600)
    place.write_bytes(b"no key\n")
    assert "key-mismatch" in estate.refused()


def test_a_key_that_lies_ready_at_its_place_is_used(estate: Estate) -> None:
    estate.edit("services:", "  new: {fqdn: new.abc.com}\nservices:")
    place = estate.path("hosts/new/etc/ssl/private/new.key")
    place.parent.mkdir(parents=True, mode=0o700)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", place],
        check=True, capture_output=True,
    )  # fmt: skip
    place.chmod(0o400)
    key = place.read_bytes()
    run = estate.apply()
    assert run.actions == [("host/new/certificate", "new")]
    assert place.read_bytes() == key


def test_a_mode_that_was_widened_is_put_back(estate: Estate) -> None:
    for name, path in {
        "host/www/key": f"{WWW}/private/www.key",
        "authority/root/key": "authorities/root/private/root.key",
        "host/www/combined": f"{WWW}/private/www.pem",
    }.items():
        estate.path(path).chmod(0o644)
        run = estate.apply()
        assert run.actions == [(name, "restore")]
        assert run.reasons(name) == ["mode-changed"]
        assert estate.path(path).stat().st_mode & 0o777 == 0o400


def test_every_key_missing_is_a_clone(estate: Estate) -> None:
    for key in estate.path("").rglob("*.key"):
        key.unlink()
    for combined in estate.path("").rglob("*.pem"):
        combined.unlink()
    estate.edit(*ALIAS)
    assert "keys-elsewhere" in estate.refused()
    assert {one["id"] for one in estate.plan()["actions"]} >= {"host/www/certificate", "host/www/fullchain"}


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["gone", "garbage", "empty", "another"])
def test_a_certificate_comes_back_byte_for_byte(estate: Estate, damage: str) -> None:
    """From the journal, without a signature: no passphrase, no key."""
    for node, name in (
        ("host/www/certificate", f"{WWW}/certs/www.crt"),
        ("authority/root/certificate", "authorities/root/root.crt"),
        ("host/self/certificate", "hosts/self/etc/ssl/certs/self.crt"),
    ):
        path = estate.path(name)
        before = path.read_bytes()
        match damage:
            case "gone":
                path.unlink()
            case "garbage":
                path.write_bytes(b"garbage\n")
            case "empty":
                path.write_bytes(b"")
            case "another":
                path.write_bytes(estate.path("hosts/mail/etc/ssl/certs/mail.crt").read_bytes())
        issued = len(estate.issued())
        with aside(estate.path("authorities/web-ca/private/web-ca.key")):
            run = estate.apply(env={"ROOT_PASSPHRASE": ""})
        assert run.actions == [(node, "restore")]
        assert path.read_bytes() == before
        assert len(estate.issued()) == issued


@pytest.mark.parametrize("name", ["fullchain.crt", "chain.crt", "der"])
@pytest.mark.parametrize("damage", [None, b"garbage\n", b""])
def test_what_is_put_together_comes_back(estate: Estate, name: str, damage: bytes | None) -> None:
    path = estate.path(f"{WWW}/certs/www.{name}")
    before = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    run = estate.apply(env={"ROOT_PASSPHRASE": ""})
    assert [action for _, action in run.actions] == ["restore"]
    assert path.read_bytes() == before


def test_a_config_that_was_edited_is_put_back_and_a_copy_kept(estate: Estate) -> None:
    path = estate.path(CONFIG)
    before = path.read_bytes()
    path.write_bytes(before + b"set debug = true\n")
    run = estate.apply()
    assert run.actions == [("service/pop3@mail/qpopper.conf", "restore")]
    assert run.reasons("service/pop3@mail/qpopper.conf") == ["edited-by-hand"]
    assert path.read_bytes() == before
    (kept,) = estate.path(".cache/edited").rglob("qpopper.conf")
    assert kept.read_bytes() == before + b"set debug = true\n"
    assert kept.stat().st_mode & 0o077 == 0


def test_an_edit_by_hand_is_seen_without_the_lock_too(estate: Estate) -> None:
    estate.path(CONFIG).write_bytes(estate.path(CONFIG).read_bytes() + b"set debug = true\n")
    estate.lock.unlink()
    assert estate.apply().reasons("service/pop3@mail/qpopper.conf") == ["edited-by-hand"]


@pytest.mark.parametrize("damage", [None, b"garbage\n"])
def test_a_revocation_list_comes_back(estate: Estate, damage: bytes | None) -> None:
    number = crl_number(estate.crl("web-ca"))
    path = estate.path("authorities/web-ca/web-ca.crl")
    before = path.read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage)
    run = estate.apply(env={"ROOT_PASSPHRASE": ""})
    assert run.actions == [("authority/web-ca/crl", "restore")]
    assert path.read_bytes() == before
    assert crl_number(estate.crl("web-ca")) == number


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("hosts/new/etc/ssl/certs/new.crt", id="certificate"),
        pytest.param("hosts/new/etc/qpopper/qpopper.conf", id="config"),
        pytest.param("hosts/new/etc/ssl/certs/new.chain.crt", id="chain"),
    ],
)
def test_what_is_not_ours_is_never_overwritten(estate: Estate, name: str) -> None:
    estate.edit("services:", "  new: {fqdn: new.abc.com, issuer: root, formats: [pem, chain]}\nservices:")
    estate.edit("host: mail}", "hosts: [mail, new]}")
    path = estate.path(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this belongs to somebody else\n")
    assert "not-ours" in estate.refused()
    path.unlink()
    estate.apply()


def test_a_folder_at_the_place_of_a_file_is_told(estate: Estate) -> None:
    path = estate.path(f"{WWW}/certs/www.crt")
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    result = estate.run("apply")
    assert result.status == 1
    assert "error[" in result.err
    assert "Traceback" not in result.err
    assert (path / "mine.txt").read_text() == "mine"


# -- records -------------------------------------------------------------------------------------------------------


def test_a_damaged_journal_signs_nothing(estate: Estate) -> None:
    journal = estate.path("authorities/web-ca/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0].replace(b"2030", b"2031", 1), *lines[1:]]))
    assert "journal-damaged" in estate.refused()


@pytest.mark.parametrize("bad", [b"AAAAAAAA", b"!", b"A"], ids=["another", "no base64", "cut"])
def test_a_certificate_in_the_journal_that_nobody_can_read_is_not_made_again(estate: Estate, bad: bytes) -> None:
    """No later line vouches for the last one; without the lock nothing does."""
    path = estate.path("authorities/root/journal.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    assert b'"event":"issue","id":"authority/root/certificate"' in lines[1]
    at = lines[1].index(b'"der":"') + 17
    path.write_bytes(lines[0] + lines[1][:at] + bad + lines[1][at + 8 :])
    estate.path("authorities/root/root.crt").unlink()
    with estate.without_lock():
        assert set(estate.refused()) == {"journal-damaged"}


def test_a_torn_last_line_is_dropped(estate: Estate) -> None:
    journal = estate.path("authorities/web-ca/journal.jsonl")
    before = journal.read_bytes()
    journal.write_bytes(before + b'{"seq":9,"prev":"')
    estate.settled()
    estate.edit(*ALIAS)
    estate.apply()
    assert journal.read_bytes().startswith(before)
    assert len(estate.issued("host/www/certificate")) == 2


def test_a_journal_that_is_behind_signs_nothing(estate: Estate) -> None:
    """A backup was put back: the lock knows of certificates that the journal does not."""
    backup = estate.folder / "backup"
    shutil.copytree(estate.path("authorities/web-ca"), backup)
    estate.later("1h")
    estate.edit(*ALIAS)
    estate.apply()
    shutil.rmtree(estate.path("authorities/web-ca"))
    shutil.copytree(backup, estate.path("authorities/web-ca"))
    shutil.rmtree(backup)
    estate.later("1h")
    assert "journal-behind" in estate.refused()
    number = crl_number(estate.crl("web-ca"))
    estate.apply("--accept-lost-history", "web-ca")
    assert "gap" in [one["event"] for one in estate.journal("web-ca")]
    estate.later("25d")
    estate.apply()
    assert crl_number(estate.crl("web-ca")) > number


def test_a_gap_that_cannot_be_written_stays_a_loss(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is the last that knows what the journal has lost: it must not forget before the gap is written."""
    journal = estate.path("authorities/web-ca/journal.jsonl")
    before = journal.read_bytes()
    estate.edit(*ALIAS)
    estate.apply()
    journal.write_bytes(before)
    lock = (estate.folder / "pki.lock").read_bytes()

    def full(*_: object) -> None:
        raise fail("write-failed", "the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "append", full)
        assert estate.run("apply", "--accept-lost-history", "web-ca").status == 1
    assert (estate.folder / "pki.lock").read_bytes() == lock
    assert journal.read_bytes() == before
    estate.apply("--accept-lost-history", "web-ca")
    assert "gap" in [one["event"] for one in estate.journal("web-ca")]


@pytest.mark.parametrize("edit", [True, False], ids=["certificate", "list"])
def test_a_journal_that_is_behind_puts_nothing_back(estate: Estate, edit: bool) -> None:
    """What it has is older than what stands."""
    paths = [estate.path(f"authorities/web-ca/{name}") for name in ("journal.jsonl", "index.txt", "crlnumber")]
    backup = [path.read_bytes() for path in paths]
    estate.later("1h")
    if edit:
        estate.edit(*ALIAS)
        estate.apply()
        estate.edit(*reversed(ALIAS))
    else:
        estate.edit('web-ca.crl"}', 'web-ca.crl", validity: 20d}')
        estate.apply()
        estate.path("authorities/web-ca/web-ca.crl").unlink()
        estate.edit('web-ca.crl", validity: 20d}', 'web-ca.crl"}')
    for path, data in zip(paths, backup, strict=True):
        path.write_bytes(data)
    assert estate.refused() == ["journal-behind"]


def test_lost_history_is_accepted_only_where_some_is_lost(estate: Estate) -> None:
    assert estate.refused("apply", "--accept-lost-history", "web-ca") == ["no-lost-history"]


def test_the_number_of_a_list_never_goes_back(estate: Estate) -> None:
    """A whole backup, lock and all, is put back: the next list still has a higher number than any that was served."""
    backup = estate.copy(estate.folder.parent / "backup")
    estate.later("25d")
    estate.apply()
    served = crl_number(estate.crl("web-ca"))
    backup.now = estate.now
    backup.later("1h")
    backup.apply()
    assert crl_number(backup.crl("web-ca")) > served


def test_a_clock_that_went_back_signs_nothing(estate: Estate) -> None:
    estate.now -= 2 * 3600
    estate.settled()
    estate.edit(*ALIAS)
    assert "clock-went-back" in estate.refused()


def test_a_clock_a_little_slow_signs(estate: Estate) -> None:
    estate.now -= 1800
    estate.edit(*ALIAS)
    assert ("host/www/certificate", "reissue") in estate.apply().actions


def test_a_clock_a_little_slow_lists_what_was_revoked(estate: Estate) -> None:
    """A list tells of no revocation later than itself."""
    estate.later("2h")
    index = estate.path("authorities/web-ca/index.txt")
    _, end, _, rest = index.read_text().split("\t", 3)
    index.write_text(f"R\t{end}\t300101020000Z,superseded\t{rest}")
    estate.apply()
    estate.now -= 1800
    estate.edit('web-ca.crl"}', 'web-ca.crl", validity: 20d}')
    estate.apply()
    listed = estate.crl("web-ca")
    assert [one.revocation_date_utc for one in listed] == [listed.last_update_utc]


def test_conflict_markers_in_the_lock_are_told(estate: Estate) -> None:
    lines = estate.lock.read_text().splitlines(keepends=True)
    estate.lock.write_text(
        "".join([*lines[:2], "<<<<<<< HEAD\n", lines[2], "=======\n", ">>>>>>> theirs\n", *lines[3:]])
    )
    assert estate.refused() == ["lock-conflict"]


def test_a_newer_lock_is_refused(estate: Estate) -> None:
    estate.lock.write_text(estate.lock.read_text().replace('"format":1', '"format":99', 1))
    assert estate.refused() == ["lock-newer"]


def test_a_garbled_lock_is_made_again(estate: Estate) -> None:
    before = estate.lock.read_bytes()
    estate.lock.write_bytes(b"garbage\n\xff\xfe" + before[40:])
    run = estate.apply()
    assert run.actions == []
    assert "lock-garbled" in run.warnings()
    assert estate.lock.read_bytes() == before


def test_a_garbled_receipt_is_made_again(estate: Estate) -> None:
    receipt = estate.path("hosts/mail/.install.json")
    before = receipt.read_bytes()
    receipt.write_bytes(b"garbage")
    run = estate.apply()
    assert run.actions == []
    assert receipt.read_bytes() == before


# -- passphrases ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_what_hangs_on_a_closed_key_waits_and_the_rest_is_built(estate: Estate, passphrase: str) -> None:
    estate.edit(*ALIAS)
    estate.edit(
        "mail: {fqdn: mail.abc.com, issuer: root}", "mail: {fqdn: mail.abc.com, issuer: root, aliases: [pop.abc.com]}"
    )
    run = estate.apply(status=4, settled=False, env={"ROOT_PASSPHRASE": passphrase})
    assert run.pending == {"host/mail/certificate"}
    assert run.touched == {
        f"{WWW}/certs/www.crt", f"{WWW}/certs/www.fullchain.crt", f"{WWW}/certs/www.der", f"{WWW}/private/www.pem",
    }  # fmt: skip
    assert re.search(r"pki\.yaml:6:", run.err) or '"line": 6' in run.err, "the passphrase's place is shown"
    assert passphrase == "" or passphrase not in run.err
    assert estate.apply().actions == [("host/mail/certificate", "reissue")]


def test_nothing_can_be_built_without_the_roots_passphrase(project: Project) -> None:
    estate = Estate(project, env={})
    estate.write(MANIFEST)
    run = estate.apply(status=4, settled=False)
    assert {id for id in run.pending if id.startswith("authority/")} == {
        f"authority/{name}/{what}" for name in ("root", "web-ca") for what in ("key", "certificate", "crl", "crl-der")
    }
    assert {"host/self/key", "host/self/certificate"}.isdisjoint(run.pending)
    estate.env = {"ROOT_PASSPHRASE": PASSPHRASE}
    estate.apply()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{file: pass.txt}", "passphrase"),
        ("{command: [cat, pass.txt]}", "passphrase"),
        ("{command: [no-such-program]}", "passphrase"),
        ("{prompt: true}", "terminal"),
    ],
)
def test_every_source_that_gives_nothing_is_told(estate: Estate, source: str, says: str) -> None:
    estate.edit("{env: ROOT_PASSPHRASE}", source)
    estate.later("80d")  # both lists are due
    run = estate.apply(status=4, settled=False)
    assert "authority/root/crl" in run.pending
    assert "authority/web-ca/crl" not in run.pending
    assert says in run.err


@pytest.mark.parametrize("source", ["{file: pass.txt}", "{command: [cat, pass.txt]}"])
def test_every_source_opens_the_key(estate: Estate, source: str) -> None:
    (estate.folder / "pass.txt").write_text(PASSPHRASE + "\n")
    (estate.folder / "pass.txt").chmod(0o600)
    estate.edit("{env: ROOT_PASSPHRASE}", source)
    estate.later("80d")
    assert ("authority/root/crl", "refresh") in estate.apply(env={"ROOT_PASSPHRASE": ""}).actions


def test_a_hosts_key_can_be_encrypted(estate: Estate) -> None:
    estate.edit("  mail: {", "  vault: {fqdn: vault.abc.com, key: {passphrase: {env: ROOT_PASSPHRASE}}}\n  mail: {")
    estate.apply()
    path = estate.path("hosts/vault/etc/ssl/private/vault.key")
    assert b"ENCRYPTED" in path.read_bytes()
    assert path.with_suffix(".pub").exists()
    estate.edit("vault: {fqdn: vault.abc.com,", "vault: {fqdn: vault.abc.com, aliases: [v.abc.com],")
    run = estate.apply(env={"ROOT_PASSPHRASE": ""})
    assert run.actions == [("host/vault/certificate", "reissue")], "a re-issue needs the public half alone"
    estate.edit(", key: {passphrase: {env: ROOT_PASSPHRASE}}}", "}")
    run = estate.apply()
    assert run.actions == []
    assert "key-encryption" in run.warnings()


def test_the_public_half_of_an_encrypted_key_may_be_lost(estate: Estate) -> None:
    estate.path("authorities/root/private/root.pub").unlink()
    estate.later("80d")
    run = estate.apply()
    assert ("authority/root/crl", "refresh") in run.actions


# -- links, owners, room -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [f"{WWW}/certs/www.crt", CONFIG, f"{WWW}/private/www.key", "authorities/web-ca/journal.jsonl"]
)
def test_a_link_in_place_of_a_file_is_not_followed(estate: Estate, name: str) -> None:
    path, elsewhere = estate.path(name), estate.folder / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    estate.edit(*ALIAS)
    result = estate.run("apply")
    assert "Traceback" not in result.err
    assert elsewhere.read_bytes() == before
    if result.status == 0:
        assert not path.is_symlink()


@pytest.mark.parametrize(
    "name", ["hosts/www/etc/ssl/certs", "hosts/www", "hosts", "authorities/web-ca", "authorities/web-ca/private"]
)
def test_a_link_in_place_of_a_folder_is_not_followed(estate: Estate, name: str) -> None:
    path, elsewhere = estate.path(name), estate.folder / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    estate.edit(*ALIAS)
    before = {one: one.read_bytes() for one in elsewhere.rglob("*") if one.is_file()}
    assert "symlink" in estate.refused()
    assert {one: one.read_bytes() for one in elsewhere.rglob("*") if one.is_file()} == before


def test_the_folder_itself_may_be_a_link_of_the_users(estate: Estate) -> None:
    elsewhere = estate.folder.parent / "elsewhere"
    estate.path("").rename(elsewhere)
    (estate.folder / "pki").symlink_to(elsewhere)
    estate.settled()


@needs_root
def test_another_users_folder_is_refused(estate: Estate) -> None:
    result = run_as_nobody(estate, "apply")
    assert result.status == 1
    assert "error[foreign-owner]" in result.err
    assert "root" in result.err


@needs_root
def test_a_folder_that_cannot_be_written_is_told(estate: Estate) -> None:
    hand_over((estate.folder, *estate.folder.rglob("*")))
    estate.path(f"{WWW}/certs").chmod(0o555)
    estate.edit(*ALIAS)
    result = run_as_nobody(estate, "apply")
    assert result.status == 1
    assert "error[write-failed]" in result.err
    assert "Traceback" not in result.err
    estate.path(f"{WWW}/certs").chmod(0o755)
    assert run_as_nobody(estate, "apply").status == 0
    assert run_as_nobody(estate, "plan", "--detailed-exitcode").status == 0


@needs_root
def test_keys_of_root_in_a_users_folder_hinder_no_plan(estate: Estate) -> None:
    hand_over(one for one in (estate.folder, *estate.folder.rglob("*")) if "private" not in one.parts)
    result = run_as_nobody(estate, "plan", "--detailed-exitcode")
    assert (result.status, "Traceback" in result.err) == (0, False), result.err
    estate.edit(*ALIAS)
    result = run_as_nobody(estate, "apply")
    assert result.status == 1
    assert "web-ca.key`: permission denied" in result.err


@needs_root
def test_a_folder_that_cannot_be_reached_is_told(estate: Estate) -> None:
    closed = estate.folder / "closed"
    closed.mkdir(mode=0o700)
    estate.edit("version: 1\n", "version: 1\noutput: closed/pki\n")
    result = run_as_nobody(estate, "plan")
    assert result.status == 1
    assert "error[read-failed]" in result.err


def run_as_nobody(estate: Estate, *argv: str) -> Result:
    with as_nobody(estate.path("")):
        return estate.run(*argv)


def test_another_run_is_kept_out(estate: Estate) -> None:
    import fcntl

    with open(estate.path(".cache/run.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert estate.refused("apply", status=3) == ["output-locked"]
        estate.plan()


def test_a_run_that_waited_for_nothing_sees_what_another_one_built(project: Project) -> None:
    """The other one begins and ends after this one first looked, and before it holds the folder."""
    estate = Estate(project)
    estate.write(MANIFEST)

    class Late(Tree):
        def locked(self, name: str) -> AbstractContextManager[None]:
            estate.apply(settled=False)
            return super().locked(name)

    class Slow(World):
        def tree(self, root: str) -> Tree:
            return Late(root)

    with contextlib.chdir(estate.folder):
        assert cli.main(["apply", "-q"], Slow(environment(estate.environment()))) == 0
    assert len(estate.issued()) == 5
    estate.settled()


# -- a key whose numbers were damaged ----------------------------------------------------------------------------


def test_a_damaged_rsa_key_signs_nothing(project: Project) -> None:
    """Its public half still fits the certificate: only a trial tells, and nothing wrong gets into the journal."""
    estate = Estate(project)
    estate.write(
        "version: 1\ndefaults: {issuer: ca}\nauthorities: {ca: {subject: {common_name: CA}, key: rsa-2048}}\n"
        "hosts: {www: {fqdn: www.abc.com}}\n"
    )
    estate.apply()
    path = estate.path("authorities/ca/private/ca.key")
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(_with_other_exponent(whole))
    path.chmod(0o400)
    before = len(estate.issued())
    estate.edit("fqdn: www.abc.com", "fqdn: www.abc.com, aliases: [abc.com]")
    run = estate.run("apply")
    assert run.status == 4
    assert "key-closed" in run.err
    assert "what it signs does not verify" in run.err
    assert len(estate.issued()) == before
    path.chmod(0o600)
    path.write_bytes(whole)
    path.chmod(0o400)
    estate.apply()
    assert len(estate.issued()) == before + 1


def _with_other_exponent(pem: bytes) -> bytes:
    """The same public key with private numbers that are not its own."""
    numbers = load_pem_private_key(pem, None).private_numbers()  # type: ignore[union-attr]  # an RSA key
    private = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d + 2, numbers.dmp1 + 2, numbers.dmq1 + 2, numbers.iqmp, numbers.public_numbers
    )
    key = private.private_key(unsafe_skip_rsa_key_validation=True)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
