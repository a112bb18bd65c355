"""The real Sendmail with what `apply` made: STARTTLS, SMTPS, and the submission program with its own certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import machines
import pytest
from helpers import Project
from machines import Machine

pytestmark = pytest.mark.server

MANIFEST = """\
version: 1
defaults:
  subject: {country: TW, organization: ABC Company}
authorities:
  myrootca:
    subject: {common_name: ABC Company Root CA}
    key: rsa-2048
  mail-ca:
    issuer: myrootca
    subject: {common_name: ABC Company Mail CA}
hosts:
  myhost:
    fqdn: mail.abc.com
    aliases: [abc.com]
    issuer: ISSUER
    key: ALGORITHM
services:
  smtp: {type: sendmail, host: myhost, log_level: 14}
"""


@pytest.fixture(
    scope="module",
    params=[("myrootca", "rsa-2048"), ("mail-ca", "ecdsa-p256"), ("self", "ecdsa-p256")],
    ids=["root", "intermediate", "self"],
)
def built(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Project:
    issuer, algorithm = request.param
    project = Project(tmp_path_factory.mktemp("sendmail"))
    project.write(MANIFEST.replace("ISSUER", issuer).replace("ALGORITHM", algorithm))
    project.run("apply").ok()
    return project


@pytest.fixture(scope="module")
def server(built: Project) -> Iterator[Machine]:
    machines.needs("sendmail", "m4", "openssl", "ss")
    with machines.machine(["mail.abc.com", "abc.com"]) as machine, machine.logging():
        machine.lay(machines.bundle(built, "myhost"))
        own, root = "hosts/myhost/etc/ssl/certs/myhost.crt", "authorities/myrootca/myrootca.crt"
        self_signed = "issuer: self" in (built.folder / "pki.yaml").read_text()
        machine.write("/root/root.crt", built.path(own if self_signed else root).read_bytes())
        receipt = json.loads(built.path("hosts/myhost/.install.json").read_text())
        for build in receipt["builds"]:
            machine.shell(f"{' '.join(build['argv'])} > /{build['target']}")
        machine.shell("for d in mta msp stampdir; do install -d -o smmta -g smmsp -m 2775 /run/sendmail/$d; done")
        machine.ok("newaliases")
        for check in receipt["checks"]:
            machine.ok(*check["argv"])
        machine.ok("sendmail", "-L", "sm-mta", "-bd")
        machine.wait_for_port(465)
        yield machine


@pytest.mark.parametrize("how", [("25", "-starttls", "smtp"), ("465",)], ids=["starttls", "smtps"])
def test_the_built_certificate_is_served_with_its_chain(server: Machine, built: Project, how: tuple[str, ...]) -> None:
    port, *more = how
    shown = server.ok(
        "openssl", "s_client", "-connect", f"mail.abc.com:{port}", *more, "-verify_hostname", "mail.abc.com",
        "-verify_return_error", "-showcerts", "-CAfile", "/root/root.crt", feed=b"QUIT\n",
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in shown
    served = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.DOTALL)
    assert served[0] == built.path("hosts/myhost/etc/ssl/certs/myhost.crt").read_text()


def test_every_option_arrives_in_the_built_configuration(server: Machine) -> None:
    """m4 swallows a misspelt name silently."""
    options = {
        "CACERT_PATH": "CACertPath",
        "CACERT": "CACertFile",
        "SERVER_CERT": "ServerCertFile",
        "SERVER_KEY": "ServerKeyFile",
        "CLIENT_CERT": "ClientCertFile",
        "CLIENT_KEY": "ClientKeyFile",
        "DONT_BLAME_SENDMAIL": "DontBlameSendmail",
        "SERVER_SSL_OPTIONS": "ServerSSLOptions",
        "CLIENT_SSL_OPTIONS": "ClientSSLOptions",
        "LOG_LEVEL": "LogLevel",
        "CF_VERSION": "",
    }
    for name, count in (("sendmail", 9), ("submit", 8)):
        built = server.read(f"/etc/mail/{name}.cf")
        said = re.findall(r"^`?define\(`conf(\w+)', `([^']*)'\)", server.read(f"/etc/mail/{name}.mc"), re.MULTILINE)
        assert len(said) >= count
        for option, value in said:
            if options[option]:
                assert re.search(rf"^O {options[option]}=.*{re.escape(value)}$", built, re.MULTILINE), option


def test_no_file_is_unsafe(server: Machine) -> None:
    log = server.read("/var/log/test.log")
    assert "unsafe" not in log
    assert not re.search(r"(CA|Cert|Key)(Path|File)? missing|TLS.* (error|failed, list ignored)", log)


def test_the_submission_program_authenticates_with_its_own_certificate(server: Machine) -> None:
    server.forget_log()
    server.ok("runuser", "-u", "nobody", "--", "sendmail", "-i", "root@mail.abc.com", feed=b"Subject: test\n\nhello\n")
    client = server.wait_for_log("STARTTLS=client", "verify=")
    assert "relay=[127.0.0.1]" in client
    assert "verify=OK" in client
    shown = server.wait_for_log("STARTTLS=server", "verify=")
    assert "verify=OK" in shown
    assert "CN=myhost-msp" in server.wait_for_log("STARTTLS=server", "cert-subject=").replace("+20", " ")
    assert "Message accepted for delivery" in server.wait_for_log("stat=Sent")
    test_no_file_is_unsafe(server)


def test_a_key_that_others_can_read_is_noticed(server: Machine) -> None:
    """The log says so: what the test above asserts can fail."""
    server.ok("chmod", "0644", "/etc/mail/private/myhost-msp.key")
    try:
        server.ok("runuser", "-u", "nobody", "--", "sendmail", "-i", "root@mail.abc.com", feed=b"Subject: 2\n\nhello\n")
        assert "myhost-msp.key" in server.wait_for_log("unsafe")
    finally:
        server.ok("chmod", "0640", "/etc/mail/private/myhost-msp.key")
