"""The real Apache httpd on Debian with what `apply` made: each site, each client."""

from __future__ import annotations

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
    crl: {url: "http://www.abc.com/pki/myrootca.crl"}
  web-ca:
    issuer: myrootca
    subject: {common_name: ABC Company Web CA}
  staffca:
    subject: {common_name: ABC Company Staff CA}
hosts:
  web:
    fqdn: www.abc.com
    aliases: [abc.com, wiki.abc.com, staff.abc.com, "*.shop.abc.com"]
    issuer: web-ca
services:
  site:
    type: apache
    host: web
    redirect_http: true
    publish: {url: /pki, folder: /srv/pki}
    client_authorities: [staffca]
    sites:
      - {names: [www.abc.com, abc.com], document_root: /srv/www}
      - {names: [wiki.abc.com], document_root: "/srv/the wiki"}
      - {names: [staff.abc.com], document_root: /srv/staff, client_auth: required}
      - {names: ["*.shop.abc.com"], document_root: /srv/shop}
  old:
    type: apache
    host: web
    port: 8443
    tls_profile: modern
    sites: [{names: [www.abc.com], document_root: /srv/www}]
certificates:
  alice: {usage: [client], issuer: staffca, subject: {common_name: Alice Wu}}
  mallory: {usage: [client], issuer: web-ca, subject: {common_name: Mallory}}
"""

SITES = {
    "www.abc.com": "www",
    "abc.com": "www",
    "wiki.abc.com": "the wiki",
    "a.shop.abc.com": "shop",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("apache"))
    project.write(MANIFEST)
    project.run("apply").ok()
    return project


@pytest.fixture(scope="module")
def server(built: Project) -> Iterator[Machine]:
    machines.needs("apache2", "curl", "openssl", "ss")
    with machines.machine([*SITES, "staff.abc.com"]) as machine:
        machine.lay(machines.bundle(built, "web"))
        for folder in ("www", "the wiki", "staff", "shop"):
            machine.write(f"/srv/{folder}/index.html", f"<p>{folder}</p>\n")
        machine.write("/srv/pki/myrootca.crt", built.path("authorities/myrootca/myrootca.crt").read_bytes())
        machine.write("/srv/pki/myrootca.crl", built.path("authorities/myrootca/myrootca.crl.der").read_bytes())
        machine.shell(
            "a2enmod -q ssl socache_shmcb mime alias authz_core; a2ensite -q site old; a2dissite -q 000-default"
        )
        machine.ok("apache2ctl", "-t")
        machine.ok("apache2ctl", "start")
        machine.wait_for_port(443)
        yield machine


@pytest.fixture(scope="module")
def root(server: Machine, built: Project) -> str:
    server.write("/root/root.crt", built.path("authorities/myrootca/myrootca.crt").read_bytes())
    return "/root/root.crt"


@pytest.mark.parametrize(("name", "folder"), SITES.items())
def test_each_site_answers_with_its_own_page(server: Machine, root: str, name: str, folder: str) -> None:
    assert server.ok("curl", "-sS", "--cacert", root, f"https://{name}/") == f"<p>{folder}</p>\n"


@pytest.mark.parametrize("name", SITES)
def test_each_site_shows_the_built_certificate_with_its_chain(
    server: Machine, root: str, built: Project, name: str
) -> None:
    shown = connect(server, root, name)
    assert "Verify return code: 0 (ok)" in shown
    served = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.DOTALL)
    assert "".join(served) == built.path("hosts/web/etc/ssl/certs/web.fullchain.crt").read_text()
    assert len(served) == 2


def connect(server: Machine, root: str, name: str, *more: str, port: int = 443) -> str:
    return server.ok(
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-verify_hostname", name,
        "-verify_return_error", "-showcerts", "-CAfile", root, *more, feed=b"Q\n",
    )  # fmt: skip


def test_a_client_that_does_not_know_the_root_refuses(server: Machine) -> None:
    done = server.run("curl", "-sS", "https://www.abc.com/")
    assert done.returncode == 60


def test_a_name_that_the_certificate_lacks_is_refused(server: Machine, root: str) -> None:
    done = server.run("curl", "-sS", "--cacert", root, "--resolve", "x.org:443:127.0.0.1", "https://x.org/")
    assert done.returncode == 60


def test_a_site_can_ask_for_client_certificates(server: Machine, root: str, built: Project) -> None:
    for name in ("alice", "mallory"):
        server.write(f"/root/{name}.crt", built.path(f"certificates/{name}/{name}.crt").read_bytes())
        server.write(f"/root/{name}.key", built.path(f"certificates/{name}/private/{name}.key").read_bytes())
    curl = ["curl", "-sS", "--cacert", root]
    staff = "https://staff.abc.com/"
    assert server.ok(*curl, "--cert", "/root/alice.crt", "--key", "/root/alice.key", staff) == "<p>staff</p>\n"
    assert server.run(*curl, staff).returncode != 0
    assert server.run(*curl, "--cert", "/root/mallory.crt", "--key", "/root/mallory.key", staff).returncode != 0


@pytest.mark.parametrize(
    ("asked", "told"), [("wiki.abc.com",) * 2, ("abc.com", "www.abc.com"), ("a.shop.abc.com",) * 2]
)
def test_plain_http_leads_to_https(server: Machine, asked: str, told: str) -> None:
    head = server.ok("curl", "-sS", "-I", f"http://{asked}/a/b?c=d")
    assert "HTTP/1.1 301" in head
    assert f"Location: https://{told}/a/b?c=d\r\n" in head


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("file", "type_"),
    [("myrootca.crt", "application/x-x509-ca-cert"), ("myrootca.crl", "application/x-pkcs7-crl")],
)
def test_certificates_and_lists_are_published(server: Machine, root: str, scheme: str, file: str, type_: str) -> None:
    head = server.ok("curl", "-sS", "-I", "--cacert", root, f"{scheme}://www.abc.com/pki/{file}")
    assert "200 OK" in head
    assert f"Content-Type: {type_}" in head


def test_profiles_set_the_protocols(server: Machine, root: str) -> None:
    connect(server, root, "www.abc.com", "-tls1_2")
    connect(server, root, "www.abc.com", "-tls1_3")
    connect(server, root, "www.abc.com", "-tls1_3", port=8443)
    refused = ("openssl", "s_client", "-connect", "127.0.0.1:8443", "-servername", "www.abc.com", "-tls1_2")
    assert server.run(*refused, feed=b"Q\n").returncode != 0
    old = ("openssl", "s_client", "-connect", "127.0.0.1:443", "-cipher", "ALL:@SECLEVEL=0", "-tls1_1")
    assert server.run(*old, feed=b"Q\n").returncode != 0


def test_sessions_are_resumed(server: Machine, root: str) -> None:
    connect(server, root, "www.abc.com", "-tls1_2", "-sess_out", "/root/session")
    shown = connect(server, root, "www.abc.com", "-tls1_2", "-sess_in", "/root/session")
    assert "Reused, TLSv1.2" in shown


def test_the_error_log_is_clean(server: Machine) -> None:
    log = server.read("/var/log/apache2/error.log")
    assert "resuming normal operations" in log
    told = [line for line in log.splitlines() if re.search(r":(warn|error|crit|emerg)\]", line)]
    assert not [line for line in told if "AH01882" not in line]  # that one is about Debian's own build of mod_ssl
