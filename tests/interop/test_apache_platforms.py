"""The real Apache httpd with the configurations of the other platforms, an ordinary user's, and hostile values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import machines
import pytest
from helpers import Project
from machines import Machine

from pkibuild.core.diagnostics import UserError
from pkibuild.rendering.renderer import Renderer

pytestmark = pytest.mark.server

MANIFEST = """\
version: 1
defaults: {issuer: myca, platform: user}
authorities:
  myca: {subject: {common_name: My CA}}
hosts:
  laptop: {home: "/home/joe", fqdn: joe.abc.com}
  six: {home: "/home/joe", fqdn: "2001:db8::1"}
services:
  web: {type: apache, host: laptop, redirect_http: true}
  web6: {type: apache, host: six, redirect_http: true}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("user"))
    project.write(MANIFEST)
    project.run("apply").ok()
    return project


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machines.needs("apache2", "curl", "openssl", "ss", "useradd")
    with machines.machine(["joe.abc.com"]) as made:
        made.ok("useradd", "--create-home", "--home-dir", "/home/joe", "joe")
        yield made


def joe(machine: Machine, *command: str, feed: bytes = b"") -> str:
    return machine.ok("runuser", "-u", "joe", "--", *command, feed=feed)


def test_an_ordinary_user_runs_a_whole_server(machine: Machine, built: Project) -> None:
    joe(machine, "tar", "-xpC", "/home/joe", feed=machines.bundle(built, "laptop"))
    joe(machine, "sh", "-ec", "mkdir -p ~joe/public_html; echo hello > ~joe/public_html/index.html")
    root = "/home/joe/root.crt"
    machine.write(root, built.path("authorities/myca/myca.crt").read_bytes())
    joe(machine, "apache2", "-f", "/home/joe/etc/apache2/web.conf", "-t")
    joe(machine, "apache2", "-f", "/home/joe/etc/apache2/web.conf", "-k", "start")
    machine.wait_for_port(8443)
    assert joe(machine, "curl", "-sS", "--cacert", root, "https://joe.abc.com:8443/") == "hello\n"
    head = joe(machine, "curl", "-sS", "-I", "http://joe.abc.com:8080/x")
    assert "Location: https://joe.abc.com:8443/x\r\n" in head
    joe(machine, "apache2", "-f", "/home/joe/etc/apache2/web.conf", "-k", "stop")


def test_a_server_may_be_known_by_an_address_of_ipv6_alone(machine: Machine, built: Project) -> None:
    joe(machine, "tar", "-xpC", "/home/joe", feed=machines.bundle(built, "six"))
    joe(machine, "mkdir", "-p", "/home/joe/public_html")
    joe(machine, "apache2", "-f", "/home/joe/etc/apache2/web6.conf", "-t")


# -- other platforms: the golden files, in a frame as their distributions have it ----------------------------------

GOLDEN = Path(__file__).parents[1] / "golden"
MODULES = ("mpm_event", "authz_core", "mime", "dir", "alias", "socache_shmcb", "ssl")
FRAMES = {
    "debian": "ServerRoot /etc/apache2\nDefine APACHE_RUN_DIR /run\nDefine APACHE_LOCK_DIR /run/lock\nListen 80\n"
    "Define APACHE_LOG_DIR /var/log\nListen 443\n",
    "redhat": "ServerRoot /etc/httpd\nListen 80\nListen 443 https\n",
    "freebsd": "ServerRoot /usr/local\nListen 80\n",
}


@pytest.mark.parametrize("platform", FRAMES)
@pytest.mark.parametrize("case", ["apache", "apache-full", "apache-publish"])
def test_the_configurations_of_all_platforms_are_valid(
    machine: Machine, built: Project, case: str, platform: str
) -> None:
    (golden,) = (GOLDEN / case / platform).rglob("web.conf")
    key = built.path("hosts/laptop/etc/ssl/private/laptop.key").read_bytes()
    certificate = built.path("hosts/laptop/etc/ssl/certs/laptop.fullchain.crt").read_bytes()
    tops = {"debian": "/etc/ssl", "redhat": "/etc/pki/tls", "freebsd": "/etc/ssl"}
    text = golden.read_text().replace("/usr/local/etc/ssl", "/etc/ssl")  # /usr is not the machine's own
    text = text.replace("/usr/local/www", "/srv/www")
    machine.write(f"{tops[platform]}/private/myhost.key", key)
    for name in ("myhost.fullchain.crt", "web.clients.crt"):
        machine.write(f"{tops[platform]}/certs/{name}", certificate)
    machine.shell("mkdir -p /etc/httpd/logs /run/httpd '/srv/www files' /srv/pki /srv/www/apache24/data")
    loads = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
    frame = f"{FRAMES[platform]}{loads}ServerName x\nTypesConfig /etc/mime.types\nErrorLog /var/log/e\nPidFile /run/p\n"
    machine.write("/etc/frame.conf", f"{frame}Include /etc/site.conf\n")
    machine.write("/etc/site.conf", text)
    assert "Syntax OK" in machine.ok("apache2", "-f", "/etc/frame.conf", "-t")
    machine.write("/etc/site.conf", text.replace("SSLEngine", "SSLEngin"))
    assert machine.run("apache2", "-f", "/etc/frame.conf", "-t").returncode != 0


# -- values, as the real server reads them -------------------------------------------------------------------------

VALUES = [
    "plain", "two words", "it's", 'say "x"', "back\\slash", "end\\", '\\"', "\\\\", "`id`", "$(id)", "$HOME", "a#b",
    "# a", "<a>", "</IfModule>", "%{HOST}", "%h", "a;b", "é日本", "a&b|c", "~!@^*()-_=+[]{}", "  lead",
    "'", "''", '"', "x" * 500, "{{ v }}", "{x}",
]  # fmt: skip
TEMPLATE = """\
Listen 127.0.0.1:8000
DocumentRoot /var/log
ErrorDocument 404 "%{env:SHOWN}"
{% for v in values %}
<Location /{{ loop.index }}/a>
    SetEnv SHOWN "={{ v }}"
</Location>
<Location /{{ loop.index }}/b>
    SetEnv SHOWN {{ v }}
</Location>
<Location /{{ loop.index }}/c>
    SetEnv SHOWN '={{ v }}'
    # {{ v }}.
</Location>
{% endfor %}
"""


def test_the_server_reads_back_every_value(machine: Machine) -> None:
    text = Renderer().render(TEMPLATE, "httpd", {"values": [one for one in VALUES if not refused(one)]}, "t")
    taken = [one for one in VALUES if not refused(one)]
    assert len(taken) == len(VALUES)
    loads = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "mime", "env")
    )
    frame = "ServerRoot /etc\nServerName x\nPidFile /run/v.pid\nErrorLog /var/log/v\nUser www-data\nGroup www-data\n"
    machine.write("/etc/values.conf", f"{frame}TypesConfig /etc/mime.types\n{loads}{text}")
    machine.ok("apache2", "-f", "/etc/values.conf", "-k", "start")
    machine.wait_for_port(8000)
    for number, value in enumerate(taken, 1):
        for way, expected in (("a", f"={value}"), ("b", value), ("c", f"={value}")):
            assert machine.ok("curl", "-sS", f"http://127.0.0.1:8000/{number}/{way}") == expected, (value, way)
    machine.ok("apache2", "-f", "/etc/values.conf", "-k", "stop")


def refused(value: str) -> bool:
    try:
        Renderer().render(TEMPLATE, "httpd", {"values": [value]}, "t")
    except UserError:
        return True
    return False
