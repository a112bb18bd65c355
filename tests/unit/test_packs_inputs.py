"""Bad values of services, through the command line: rows 57, 58, 59 and 64 of the table of bad inputs.

Each is refused at its place with nothing written, or says in the config exactly what was declared.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers import Project, Result

HEAD = """\
version: 1
authorities:
  myrootca: {subject: {common_name: ABC Company Root CA}}
  web-ca: {issuer: myrootca, subject: {common_name: ABC Company Web CA}}
hosts:
  myhost: {fqdn: www.abc.com, aliases: [abc.com], issuer: ISSUER}
services:
"""


def apply(project: Project, services: str, issuer: str = "myrootca") -> Result:
    project.write(HEAD.replace("ISSUER", issuer) + services)
    return project.run_here("apply")


def refused(project: Project, services: str, code: str, at: str, issuer: str = "myrootca") -> str:
    """The output of a run that was refused with `code` at the text `at`, nothing written."""
    done = apply(project, services, issuer)
    assert done.status == 1, done
    manifest = (project.folder / "pki.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(manifest, 1) if at in text)
    column = manifest[line - 1].index(at) + 1
    assert f"pki.yaml:{line}:{column}: error[{code}]" in done.err
    assert "Traceback" not in done.err
    assert not list(project.folder.rglob("*.key"))
    assert not list(project.folder.rglob("*.conf"))
    return done.err


def test_57_two_services_on_one_port(project: Project) -> None:
    services = "  one: {type: qpopper, host: myhost}\n  two: {type: apache, host: myhost, port: 995}\n"
    told = refused(project, services, "same-port", "{type: apache, host: myhost, port: 995}")
    assert "port 995" in told
    assert "pki.yaml:8:8: the other one is declared here" in told


def test_57_sites_share_their_port(project: Project) -> None:
    services = "  one: {type: apache, host: myhost, sites: [{names: [www.abc.com]}]}\n"
    assert apply(project, services + services.replace("one", "two").replace("www.", "")).status == 0


def test_57_two_files_at_one_path(project: Project) -> None:
    (project.folder / "x.j2").write_text("x\n")
    one = "{type: files, host: myhost, files: [{template: x.j2, path: /etc/x.conf}]}\n"
    two = one.replace("}]", ', mode: "0640"}]')
    told = refused(
        project, f"  one: {one}  two: {two}", "same-path", '{template: x.j2, path: /etc/x.conf, mode: "0640"}'
    )
    assert "/etc/x.conf" in told


def test_57_a_file_at_the_place_of_the_hosts_key(project: Project) -> None:
    (project.folder / "x.j2").write_text("x\n")
    path = "/etc/ssl/private/myhost.key"
    services = f"  one: {{type: files, host: myhost, files: [{{template: x.j2, path: {path}}}]}}\n"
    refused(project, services, "same-path", f"{{template: x.j2, path: {path}}}")


@pytest.mark.parametrize(
    "path", ["/etc/../x", "etc/x", "/etc/x/", "/", "/etc//x", "/etc/./x", '"/etc/x\\ny"', "/etc/-x/y"]
)
def test_58_paths_on_the_host(project: Project, path: str) -> None:
    (project.folder / "x.j2").write_text("x\n")
    done = apply(project, f"  one: {{type: files, host: myhost, files: [{{template: x.j2, path: {path}}}]}}\n")
    assert done.status == 1
    assert re.search(r"pki\.yaml:8:\d+: error\[[a-z-]+\]", done.err)
    assert not list(project.folder.rglob("*.key"))


@pytest.mark.parametrize("template", ["/etc/passwd", "../x.j2", "a/../../x.j2", '"x\\n"'])
def test_58_templates_stay_below_the_manifest(project: Project, template: str) -> None:
    done = apply(project, f"  one: {{type: files, host: myhost, files: [{{template: {template}, path: /etc/x}}]}}\n")
    assert done.status == 1
    assert re.search(r"pki\.yaml:8:\d+: error\[[a-z-]+\]", done.err)


def test_58_a_template_that_is_not_there(project: Project) -> None:
    services = "  one: {type: files, host: myhost, files: [{template: none.j2, path: /etc/x}]}\n"
    done = apply(project, services)
    assert done.status == 1
    assert "none.j2" in done.err
    assert not list(project.folder.rglob("*.key"))


HOSTILE = [
    "/srv/a b", "/srv/a'b", '/srv/a"b', "/srv/a\\b", "/srv/a\\", "/srv/a`b", "/srv/$(id)", "/srv/a#b", "/srv/<x>",
    "/srv/%{HTTP_HOST}", "/srv/a;b", "/srv/é", "/srv/${x}", "/srv/a\nb", "/srv/a\r", "/srv/a\0", "/srv/\u2028",
    "/srv/*", "/srv/a?", "/srv/[a]",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_59_a_value_cannot_break_out_of_a_config(project: Project, value: str) -> None:
    written = json.dumps(value)
    services = f"  web: {{type: apache, host: myhost, sites: [{{document_root: {written}}}]}}\n"
    if re.search(r"[\x00-\x1f\u2028*?\[]|\$\{", value):  # `<Directory>` takes patterns
        refused(project, services, "unsafe-value" if "${" in value else "bad-value", written)
        return
    apply(project, services).ok()
    text = project.path("hosts/myhost/etc/apache2/sites-available/web.conf").read_text()
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert re.search(rf'^    DocumentRoot "?{re.escape(escaped)}"?$', text, re.MULTILINE)
    assert text.count("<VirtualHost") == text.count("</VirtualHost>") == 1


@pytest.mark.parametrize("name", ["dnl", "index", "define"])
def test_59_a_host_named_like_a_macro(project: Project, name: str) -> None:
    project.write(
        HEAD.replace("myhost", name).replace("ISSUER", "myrootca") + f"  smtp: {{type: sendmail, host: {name}}}\n"
    )
    done = project.run_here("apply")
    assert done.status == 1
    assert "error[unsafe-value]" in done.err
    assert f"`{name}`" in done.err
    assert not list(project.folder.rglob("*.key"))


@pytest.mark.parametrize("value", ["a'b", "a`b", "a,b", "a b", "$(id)", "a\\nb", "dnl x"])
def test_59_values_of_the_mail_server(project: Project, value: str) -> None:
    services = f'  smtp: {{type: sendmail, host: myhost, smart_host: "{value}"}}\n'
    assert apply(project, services).status == 1
    assert not list(project.folder.rglob("*.key"))


@pytest.mark.parametrize("start", ["standalone", "inetd", "xinetd", "systemd"])
def test_59_a_manifest_may_be_called_anything(project: Project, start: str) -> None:
    name = "我的 'pki' \"x\" `dnl` ${x} %n.yaml"
    services = "  web: {type: apache, host: myhost}\n  smtp: {type: sendmail, host: myhost}\n"
    services += f"  pop3: {{type: qpopper, host: myhost, start: {start}}}\n"
    project.write(HEAD.replace("ISSUER", "myrootca") + services, name)
    project.run_here("apply", name).ok()
    for config in (one for one in project.path("hosts/myhost/etc").rglob("*") if one.is_file()):
        lines = [line for line in config.read_text(encoding="utf-8").splitlines() if name in line]
        assert all(line.startswith(("# ", "dnl ")) for line in lines)


def test_a_web_server_known_by_an_address_of_ipv6_alone(project: Project) -> None:
    head = HEAD.replace("ISSUER", "myrootca").replace("www.abc.com, aliases: [abc.com]", "'2001:db8::1'")
    project.write(head + "  web: {type: apache, host: myhost, redirect_http: true}\n")
    project.run_here("apply").ok()
    text = project.path("hosts/myhost/etc/apache2/sites-available/web.conf").read_text()
    assert text.count("    ServerName 2001-db8--1\n    ServerAlias 2001:db8::1\n") == 2
    assert " https://[2001:db8::1]$1\n" in text


def test_what_is_published_is_excepted_from_the_redirect_and_nothing_else(project: Project) -> None:
    apply(
        project, "  web: {type: apache, host: myhost, redirect_http: true, publish: {url: /a.b, folder: /srv}}\n"
    ).ok()
    text = project.path("hosts/myhost/etc/apache2/sites-available/web.conf").read_text()
    pattern = re.search(r"RedirectMatch permanent (\S+)", text)
    assert pattern is not None
    assert [bool(re.match(pattern[1], one)) for one in ("/a.b/x", "/axb/x", "/")] == [False, True, True]


def test_59_validate_finds_it_too(project: Project) -> None:
    project.write(
        HEAD.replace("ISSUER", "myrootca") + '  web: {type: apache, host: myhost, sites: [{document_root: "/${x}"}]}\n'
    )
    done = project.run_here("validate")
    assert done.status == 1
    assert "error[unsafe-value]" in done.err + done.out


def test_64_the_pop_server_under_an_intermediate(project: Project) -> None:
    told = refused(project, "  pop3: {type: qpopper, host: myhost}\n", "requires-issuer", "{type: qpopper", "web-ca")
    assert "stunnel" in told


def test_all_are_told_at_once(project: Project, tmp_path: Path) -> None:
    services = (
        "  pop3: {type: qpopper, host: myhost}\n"
        "  web: {type: apache, host: myhost, client_auth: required}\n"
        "  web2: {type: apache, host: myhost, port: 444, sites: [{names: [x.org]}]}\n"
        '  web3: {type: apache, host: myhost, port: 445, sites: [{document_root: "/${x}"}]}\n'
    )
    done = apply(project, services, "web-ca")
    assert done.status == 1
    for code in ("requires-issuer", "requires-option", "requires-names"):
        assert f"error[{code}]" in done.err
