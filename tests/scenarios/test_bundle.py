"""One host's files as a tar stream, unpacked by the real tar."""

from __future__ import annotations

import grp
import io
import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from estate import Estate
from helpers import ROOT, Project, environment

MANIFEST = """\
version: 1
defaults:
  subject: {country: TW, organization: ABC Company}
  issuer: web-ca
authorities:
  root:
    subject: {common_name: ABC Root CA}
    key: {algorithm: ecdsa-p256, passphrase: {env: ROOT_PASSPHRASE}}
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca: {issuer: root, subject: {common_name: ABC Web CA}}
hosts:
  www: {fqdn: www.abc.com, aliases: [abc.com], formats: [pem, fullchain, combined]}
  mail: {fqdn: mail.abc.com, issuer: root}
  home: {fqdn: home.abc.com, issuer: root, platform: user, home: /home/ima}
services:
  web: {type: apache, host: www}
  smtp: {type: sendmail, host: mail}
  own: {type: qpopper, host: home, listen: [stls]}
  site: {type: apache, host: home, port: 8443}
  other: {type: apache, host: home, port: 9443}
"""

MAIL = {
    "etc/mail/certs/": ("root", "root", 0o755),
    "etc/mail/certs/mail-msp.crt": ("root", "root", 0o644),
    "etc/mail/certs/mail.ca.crt": ("root", "root", 0o644),
    "etc/mail/private/": ("root", "smmsp", 0o750),
    "etc/mail/private/mail-msp.key": ("root", "smmsp", 0o640),
    "etc/mail/sendmail.mc": ("root", "root", 0o644),
    "etc/mail/site.config.m4": ("root", "root", 0o644),
    "etc/mail/submit.mc": ("root", "root", 0o644),
    "etc/ssl/certs/mail.crt": ("root", "root", 0o644),
    "etc/ssl/private/mail.key": ("root", "root", 0o400),
}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="tar sets owners as root only")


def bundle(estate: Estate, host: str, status: int = 0) -> bytes:
    """The stream that the command writes."""
    before = estate.everything()
    result = subprocess.run(
        [sys.executable, "-m", "pkibuild", "bundle", host],
        cwd=estate.folder,
        env=environment(estate.environment(dict.fromkeys(estate.env, ""))),
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert result.returncode == status, result.stderr.decode()
    assert estate.everything() == before
    return result.stdout if status == 0 else result.stderr


def refused(estate: Estate, host: str) -> str:
    """The diagnostic's code and message."""
    told = bundle(estate, host, status=1).decode()
    assert "run `pkibuild apply`" in told
    return told[told.index("error[") :].partition("\n")[0]


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {one.name + ("/" if one.isdir() else ""): one for one in archive}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def test_it_holds_what_the_receipt_lists(estate: Estate) -> None:
    found = members(bundle(estate, "mail"))
    assert {name: (one.uname, one.gname, one.mode) for name, one in found.items()} == MAIL
    assert {one.uid for one in found.values()} == {one.gid for one in found.values()} == {0}
    data = bundle(estate, "www")
    for name, one in members(data).items():
        if one.isfile():
            assert content(data, name) == estate.path(f"hosts/www/{name}").read_bytes()
    assert members(data)["etc/ssl/private/www.pem"].mode == 0o400


def test_no_folder_of_the_system_is_in_it(estate: Estate) -> None:
    own = {
        "mail": {"etc/mail/private/", "etc/mail/certs/"},
        "home": {"etc/ssl/private/", "var/log/apache2/", "var/run/apache2/"},
    }
    for host in ("www", "mail", "home"):
        listed = subprocess.run(["tar", "-t"], input=bundle(estate, host), capture_output=True, check=True).stdout
        folders = [line for line in listed.decode().splitlines() if line.endswith("/")]
        assert sorted(folders) == sorted(own.get(host, set()))
        assert b".install.json" not in listed


def unpack(data: bytes, root: Path, *options: str) -> None:
    root.mkdir()
    subprocess.run(["tar", *options, "-xpC", str(root)], input=data, check=True, capture_output=True)


@as_root
def test_unpacked_by_root_everything_is_as_the_packs_say(estate: Estate, tmp_path: Path) -> None:
    try:
        group = grp.getgrnam("smmsp").gr_gid
    except KeyError:  # a host without the group: the key stays with root, and nobody else reads it
        group = 0
    there = tmp_path / "host"
    there.mkdir()
    (there / "etc/mail").mkdir(parents=True)
    (there / "etc/ssl/private").mkdir(parents=True)
    (there / "etc/ssl/private").chmod(0o710)  # as Debian's ssl-cert has it
    (there / "etc").chmod(0o711)
    (there / "etc/mail").chmod(0o2755)
    subprocess.run(["tar", "-xpC", str(there)], input=bundle(estate, "mail"), check=True)
    for name, (_, owning, mode) in MAIL.items():
        found = (there / name).stat()
        assert stat.S_IMODE(found.st_mode) == mode, name
        assert (found.st_uid, found.st_gid) == (0, group if owning == "smmsp" else 0), name
    assert stat.S_IMODE((there / "etc/ssl/private").stat().st_mode) == 0o710
    assert stat.S_IMODE((there / "etc").stat().st_mode) == 0o711
    assert stat.S_IMODE((there / "etc/mail").stat().st_mode) == 0o2755


def test_unpacked_by_a_user_it_is_all_his_own(estate: Estate, tmp_path: Path) -> None:
    data = bundle(estate, "home")
    assert {(one.uname, one.gname) for one in members(data).values()} == {("", "")}
    unpack(data, tmp_path / "home", "--no-same-owner")
    key = tmp_path / "home/etc/ssl/private/home.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert (tmp_path / "home/etc/qpopper/stls.conf").exists() or list((tmp_path / "home/etc/qpopper").iterdir())


def test_the_same_folder_gives_the_same_bytes_and_a_new_config_is_newer(estate: Estate) -> None:
    first = bundle(estate, "mail")
    estate.later("1h")
    assert bundle(estate, "mail") == first
    for path in estate.path("hosts/mail").rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    estate.edit("type: sendmail, host: mail", "type: sendmail, host: mail, smtps: false")
    estate.apply()
    times = {name: one.mtime for name, one in members(bundle(estate, "mail")).items()}
    assert times["etc/mail/sendmail.mc"] > times["etc/mail/submit.mc"] == 1_000_000_000  # so that make sees it


# -- what it refuses --------------------------------------------------------------------------------------------------


def test_a_host_that_is_not_declared(estate: Estate) -> None:
    told = bundle(estate, "wwww", status=1).decode()
    assert "error[unknown-host]: host `wwww` is not declared" in told
    assert "did you mean `www`?" in told


def test_a_host_that_is_not_built(estate: Estate, project: Project) -> None:
    fresh = Estate(project)
    fresh.write(MANIFEST)
    assert refused(fresh, "www").startswith("error[not-built]: host `www` is not built: `host/www/key`")
    estate.edit("  www: {", "  db: {fqdn: db.abc.com}\n  www: {")
    assert refused(estate, "db").startswith("error[not-built]")
    assert members(bundle(estate, "www"))  # others go on


def test_a_manifest_that_was_not_applied(estate: Estate) -> None:
    estate.edit("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]")
    assert refused(estate, "www").startswith(
        "error[out-of-date]: host `www` is not as the manifest says: `host/www/certificate`: names changed"
    )
    assert members(bundle(estate, "mail"))


def test_a_group_that_was_changed_and_not_applied(estate: Estate) -> None:
    estate.project.write("hello\n", "motd.j2")
    estate.edit(
        "services:\n", "services:\n  motd: {type: files, host: www, files: [{template: motd.j2, path: /etc/motd}]}\n"
    )
    estate.apply()
    assert members(bundle(estate, "www"))["etc/motd"].gname == "root"
    estate.edit("path: /etc/motd}", "path: /etc/motd, group: adm}")
    assert refused(estate, "www").startswith("error[out-of-date]")
    estate.apply()
    assert members(bundle(estate, "www"))["etc/motd"].gname == "adm"


def test_what_is_due_still_serves_and_what_expired_does_not(estate: Estate) -> None:
    estate.later("370d")
    assert members(bundle(estate, "www"))
    estate.later("30d")
    assert refused(estate, "www").startswith("error[out-of-date]: host `www` is not as the manifest says")


@pytest.mark.parametrize(
    "path",
    ["etc/ssl/certs/www.crt", "etc/ssl/certs/www.fullchain.crt", "etc/apache2/sites-available/web.conf"],
)
def test_a_file_that_was_changed_by_hand(estate: Estate, path: str) -> None:
    file = estate.path(f"hosts/www/{path}")
    data = file.read_bytes()
    file.write_bytes(data + b"# mine\n")
    assert refused(estate, "www").startswith(("error[altered]", "error[out-of-date]"))
    file.unlink()
    assert refused(estate, "www").startswith("error[")
    secret = estate.folder / "secret"
    secret.write_bytes(data)
    file.symlink_to(secret)
    assert bundle(estate, "www", status=1)


def test_another_key_is_refused(estate: Estate) -> None:
    own, other = (estate.path(f"hosts/{name}/etc/ssl/private/{name}.key") for name in ("www", "mail"))
    own.unlink()
    shutil.copy(other, own)
    assert refused(estate, "www").startswith("error[out-of-date]")


def test_a_link_in_place_of_a_folder_is_not_followed(estate: Estate) -> None:
    folder = estate.path("hosts/www/etc/ssl/certs")
    folder.rename(estate.folder / "elsewhere")
    folder.symlink_to(estate.folder / "elsewhere")
    assert b"error[symlink]" in bundle(estate, "www", status=1)


def test_what_is_no_longer_wanted_is_not_in_it(estate: Estate) -> None:
    estate.edit("formats: [pem, fullchain, combined]", "formats: [pem]")
    estate.edit("  smtp: {type: sendmail, host: mail}\n", "")
    estate.apply()
    assert members(bundle(estate, "mail")).keys() == {
        "etc/ssl/certs/mail.crt",
        "etc/ssl/private/mail.key",
    }
    assert "etc/ssl/private/www.pem" not in members(bundle(estate, "www"))
    assert estate.path("hosts/www/etc/ssl/private/www.pem").exists()


def test_a_clone_bundles_nothing(estate: Estate) -> None:
    for key in estate.path("").rglob("*.key"):
        key.unlink()
    assert refused(estate, "www").startswith("error[keys-elsewhere]")


def test_a_terminal_gets_no_tar(estate: Estate) -> None:
    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pkibuild", "bundle", "www"],
            cwd=estate.folder, env={**environment(estate.environment()), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE,
        )  # fmt: skip
    finally:
        os.close(slave)
        os.close(master)
    assert done.returncode == 1
    assert b"error[tar-to-terminal]" in done.stderr


def test_the_receipt_names_what_is_to_be_run_on_the_host(estate: Estate) -> None:
    receipt = json.loads(estate.path("hosts/www/.install.json").read_text())
    assert {"service": "web", "argv": ["a2ensite", "-q", "web"]} in receipt["enables"]
    assert receipt["checks"] == [{"service": "web", "argv": ["apache2ctl", "-t"]}]
    assert receipt["reloads"] == [{"service": "web", "argv": ["systemctl", "reload", "apache2"]}]
    assert receipt["starts"] == [{"service": "web", "argv": ["systemctl", "enable", "--now", "apache2"]}]
