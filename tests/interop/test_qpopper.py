"""POP3 with what `apply` made.

Qpopper itself cannot be had any more. Its configuration is held against a parser written from its source's grammar
(pop_config.c, pop_init.c), and the key and certificate that the configuration names serve POP3 and POP3S in Dovecot,
which like Qpopper sends the leaf alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import machines
import pytest
from helpers import Project
from machines import Machine

MANIFEST = """\
version: 1
defaults:
  subject: {country: TW, organization: ABC Company}
authorities:
  myrootca:
    subject: {common_name: ABC Company Root CA}
hosts:
  myhost:
    fqdn: pop.abc.com
    issuer: myrootca
services:
  pop3:
    type: qpopper
    host: myhost
    listen: [stls, pop3s]
    start: systemd
    ciphers: "HIGH:!aNULL"
    timeout: 300
"""

STRINGS = re.compile(
    "auth-file|bulldir|cache-dir|cache-name|config-file|drac-host|group-no-server-mode|group-server-mode|"
    "home-dir-mail|kerberos-service|log-login|mail-command|nonauth-file|spool-dir|temp-dir|temp-name|"
    "tls-cipher-list|tls-identity-file|tls-passphrase|tls-private-key-file|tls-server-cert-file|tracefile"
)
BOOLS = re.compile(
    "auto-delete|bulldb-nonfatal|check-hash-dir|check-old-spool-loc|check-password-expired|debug|downcase-user|"
    "fast-update|group-bulletins|keep-temp-drop|kerberos|no-atomic-open|old-style-uid|reverse-lookup|server-mode|"
    "shy|spool-options|statistics|timing|tls-workarounds|trim-domain|update-on-abort|update-status-headers|"
    "user-options|uw-kluge|uw-kludge"
)
INTEGERS = re.compile(
    "announce-expire|announce-login-delay|bulldb-max-tries|hash-spool|mail-lock-check|max-bulletins|timeout|tls-options"
)
MNEMONICS = {
    "tls-support": ("default", "none", "stls", "alternate-port"),
    "tls-version": ("default", "sslv23", "all"),  # the others do not build or mean TLS 1.0
    "clear-text-password": ("default", "never", "tls", "ssl", "always", "local"),
    "chunky-writes": ("default", "always", "tls", "ssl", "never"),
    "log-facility": ("mail", *(f"local{number}" for number in range(8))),
}
STATEMENT = re.compile(
    r"""[ \t]*(?P<verb>set|reset)[ \t]+(?P<name>[A-Za-z-]+)
        (?:[ \t]*=[ \t]*(?P<value>"[^"]*"|'[^']*'|`[^`]*`|[^ \t"'`\#]+))?[ \t]*(?:\#.*)?""",
    re.VERBOSE | re.IGNORECASE,
)


def read(text: str) -> dict[str, str | int | bool]:
    """A configuration as Qpopper 4 reads it. Raises ValueError where it prints "Unable to process config file"."""
    found: dict[str, str | int | bool] = {}
    if not text.endswith("\n"):
        raise ValueError("the last line needs a newline")
    for line in text.split("\n")[:-1]:
        if len(line) >= 1000 or not line.isascii() or re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            raise ValueError(f"bad line {line!r}")
        if re.fullmatch(r"[ \t]*(#.*)?", line):
            continue
        statement = STATEMENT.fullmatch(line)
        if statement is None:
            raise ValueError(f"bad statement {line!r}")
        name = statement["name"].lower()
        found[name] = value_of(name, statement["verb"].lower(), statement["value"])
    return found


def value_of(name: str, verb: str, value: str | None) -> str | int | bool:
    if BOOLS.fullmatch(name):
        if value is None:
            return verb == "set"
        return {"true": True, "1": True, "false": False, "0": False}[value.lower()] is (verb == "set")
    if value is None or verb == "reset":
        raise ValueError(f"{name} needs a value")
    if STRINGS.fullmatch(name):
        return value[1:-1] if value[0] in "\"'`" else value
    if INTEGERS.fullmatch(name):
        if not re.fullmatch(r"0[0-7]*|0x[0-9a-fA-F]+|[1-9][0-9]*", value):
            raise ValueError(f"{value} is no integer")
        return int(value, 8 if re.fullmatch(r"0[0-7]+", value) else 0)
    if value.lower() not in MNEMONICS[name]:
        raise ValueError(f"{value} is no value of {name}")
    return value.lower()


@pytest.mark.parametrize(
    "text",
    [
        "set tls-support = stls",
        "set tls-support = 'stls'\n",
        "set statistics = yes\n",
        "set timeout = -1\n",
        "set x y\n",
        "set tls-support = stls\r\n",
        "set clear-text-password = tls always\n",
        "tls-support = stls\n",
    ],
)
def test_the_parser_refuses_what_the_server_refuses(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("qpopper"))
    project.write(MANIFEST)
    project.run("apply").ok()
    return project


def config(project: Project, name: str) -> dict[str, str | int | bool]:
    return read(project.path(f"hosts/myhost/etc/qpopper/{name}").read_text())


def test_both_configurations_say_what_the_seed_says(built: Project) -> None:
    common = {
        "clear-text-password": "tls",
        "statistics": True,
        "tls-private-key-file": "/etc/ssl/private/myhost.key",
        "tls-server-cert-file": "/etc/ssl/certs/myhost.crt",
        "tls-cipher-list": "HIGH:!aNULL",
        "timeout": 300,
    }
    assert config(built, "qpopper.conf") == {**common, "tls-support": "stls"}
    assert config(built, "qpopper-s.conf") == {**common, "tls-support": "alternate-port"}


def test_key_and_certificate_are_as_the_server_wants_them(built: Project) -> None:
    """It takes the first certificate of the file alone, and a key that is not encrypted."""
    said = config(built, "qpopper-s.conf")
    certificate = built.path(f"hosts/myhost{said['tls-server-cert-file']}").read_text()
    key = built.path(f"hosts/myhost{said['tls-private-key-file']}").read_text()
    assert certificate.count("BEGIN CERTIFICATE") == 1
    assert key.startswith("-----BEGIN PRIVATE KEY-----\n")


def test_the_units_are_taken_by_systemd(built: Project, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "popper").write_text("#!/bin/sh\n")
    (tmp_path / "popper").chmod(0o755)
    units = []
    for unit in built.path("hosts/myhost/etc/systemd/system").iterdir():
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/usr/sbin/popper", str(tmp_path / "popper")))
        units.append(str(copy))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert len(units) == 4
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line]


DOVECOT = """\
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
protocols = pop3
listen = *
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
mail_location = maildir:/var/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home=/var/mail/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 110
  }}
  inet_listener pop3s {{
    port = 995
    ssl = yes
  }}
}}
"""


@pytest.fixture(scope="module")
def server(built: Project) -> Iterator[Machine]:
    machines.needs("dovecot", "curl", "openssl", "ss")
    said = config(built, "qpopper-s.conf")
    with machines.machine(["pop.abc.com"]) as machine:
        machine.lay(machines.bundle(built, "myhost"))
        machine.write("/root/root.crt", built.path("authorities/myrootca/myrootca.crt").read_bytes())
        paths = {"certificate": said["tls-server-cert-file"], "key": said["tls-private-key-file"]}
        machine.write("/etc/pop.conf", DOVECOT.format(**paths))
        machine.write("/var/mail/joe/new/1", "From: a@abc.com\nSubject: hello\n\nbody\n")
        machine.shell("mkdir -p /var/mail/joe/cur /var/mail/joe/tmp; chown -R mail:mail /var/mail/joe")
        machine.shell("dovecot -c /etc/pop.conf > /var/log/dovecot.out 2>&1")
        machine.wait_for_port(995)
        yield machine


@pytest.mark.server
@pytest.mark.parametrize("how", [("110", "-starttls", "pop3"), ("995",)], ids=["stls", "pop3s"])
def test_the_built_leaf_alone_is_enough(server: Machine, built: Project, how: tuple[str, ...]) -> None:
    port, *more = how
    shown = server.ok(
        "openssl", "s_client", "-connect", f"pop.abc.com:{port}", *more, "-verify_hostname", "pop.abc.com",
        "-verify_return_error", "-showcerts", "-CAfile", "/root/root.crt", feed=b"QUIT\n",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in shown
    served = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.DOTALL)
    assert served == [built.path("hosts/myhost/etc/ssl/certs/myhost.crt").read_text()]


@pytest.mark.server
@pytest.mark.parametrize("options", [["pop3s://pop.abc.com/1"], ["--ssl-reqd", "pop3://pop.abc.com/1"]])
def test_mail_is_read_over_verified_tls(server: Machine, options: list[str]) -> None:
    text = server.ok("curl", "-sS", "--cacert", "/root/root.crt", "--user", "joe:secret", *options)
    assert "Subject: hello" in text


@pytest.mark.server
def test_who_does_not_know_the_root_reads_nothing(server: Machine) -> None:
    assert server.run("curl", "-sS", "--user", "joe:secret", "pop3s://pop.abc.com/1").returncode == 60
