"""The built-in packs: their own form, what each asks for, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import packs as given
import pytest
from jsonschema import Draft202012Validator

from pkibuild.documents import Disk, read_document
from pkibuild.model.desired import Rights
from pkibuild.model.manifest import SELF, Names
from pkibuild.packs.loader import BUILT_IN, built_in_types
from pkibuild.packs.options import complete
from pkibuild.packs.pack import Port
from pkibuild.packs.validate import check_descriptor, check_options

PACKS = given.packs()
TYPES = built_in_types()
WEB = ("services", "web")


@pytest.mark.parametrize("name", TYPES)
def test_built_in_packs_are_valid(name: str) -> None:
    """They are not validated when they are loaded: this is where it is done."""
    descriptor = read_document(Disk(), f"{BUILT_IN}/{name}/service.yaml", name)
    options = read_document(Disk(), f"{BUILT_IN}/{name}/options.schema.json", name)
    assert [*check_descriptor(descriptor), *check_options(options)] == []
    assert descriptor.data["type"] == name


@pytest.mark.parametrize("name", TYPES)
def test_every_template_is_used_and_every_file_read_is_there(name: str) -> None:
    folder = Path(BUILT_IN) / name
    assert {Path(path).name for path in PACKS[name].files_read} == {path.name for path in folder.iterdir()}


def schemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from schemas(below, f"{path}.{name}")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")
    for below in schema.get("anyOf", ()):
        yield from schemas(below, path)


@pytest.mark.parametrize("name", TYPES)
def test_every_option_is_described(name: str) -> None:
    for path, schema in schemas(PACKS[name].options_schema):
        assert "$ref" not in schema, path
        if path and not path.endswith("[]") and ("anyOf" in schema or "type" in schema):
            assert schema.get("description") or "anyOf" not in schema, path
        if re.fullmatch(r"\.[a-z_]+", path) and "description" in schema:
            assert "examples" in schema, path


@pytest.mark.parametrize("name", TYPES)
def test_examples_and_defaults_are_valid(name: str) -> None:
    for path, schema in schemas(PACKS[name].options_schema):
        validator = Draft202012Validator(schema)
        for value in [*schema.get("examples", ()), *([schema["default"]] if "default" in schema else [])]:
            assert [error.message for error in validator.iter_errors(value)] == [], path


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("end", ["\n", "\r", "\0", "\x1b", "\u2028", "x\ny"])
def test_no_option_takes_a_control_character(name: str, end: str) -> None:
    """Neither at its end, where `$` of Python's patterns would let a newline through, nor within."""
    for path, schema in schemas(PACKS[name].options_schema):
        if schema.get("type") != "string" or path.startswith(".values"):
            continue
        validator = Draft202012Validator(schema)
        for value in schema.get("examples", ["www.abc.com", "/a/b", "a", "127.0.0.1"]):
            assert not validator.is_valid(f"{value}{end}"), path


def test_loading_the_built_in_packs_imports_no_heavy_library() -> None:
    code = (
        "import sys; from pkibuild.packs.loader import load_packs; import pkibuild.packs.expand;"
        "from pkibuild.core.diagnostics import Problems; p = load_packs([], Problems()); [p[n] for n in p];"
        "print([m for m in ('jinja2', 'jsonschema', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_defaults_are_filled_in_at_every_depth() -> None:
    schema = {
        "properties": {
            "a": {"default": [{}], "items": {"properties": {"b": {"default": 1}, "c": {}}}},
            "d": {"properties": {"e": {"default": 2}}},
        }
    }
    assert complete(schema, {}) == {"a": [{"b": 1}]}
    assert complete(schema, {"a": [{"b": 5}, {"c": 6}], "d": {}}) == {"a": [{"b": 5}, {"b": 1, "c": 6}], "d": {"e": 2}}


# -- what each wants -------------------------------------------------------------------------------------------------


def test_the_web_server_wants_the_full_chain_and_can_share_its_port() -> None:
    found = given.expanded(PACKS["apache"], {"redirect_http": True})
    assert found.formats == ("fullchain",)
    assert [(port.number, port.sharable) for port in found.ports] == [(443, True), (80, True)]
    assert found.check == (("apache2ctl", "-t"),)


def test_an_ordinary_user_gets_high_ports_and_his_own_rights() -> None:
    found = given.expanded(PACKS["apache"], {}, given.a_host("user"))
    assert [port.number for port in found.ports] == [8443]
    config = next(file for file in found.files if file.kind == "file")
    assert config.path == "etc/apache2/web.conf"
    assert config.rights == Rights("", "", 0o644)
    assert found.check == (("/usr/sbin/apache2", "-f", "/home/joe/etc/apache2/web.conf", "-t"),)
    assert {folder.path for folder in found.folders} == {"var/log/apache2", "var/run/apache2"}


def test_clients_authorities_are_laid_beside_the_hosts_certificate() -> None:
    found = given.expanded(PACKS["apache"], {"client_auth": "required", "client_authorities": ["myrootca"]})
    (copy,) = found.copies
    assert (copy.path, copy.parts) == ("etc/ssl/certs/web.clients.crt", ("authority/myrootca",))
    (text,) = given.texts(found).values()
    assert "SSLCACertificateFile /etc/ssl/certs/web.clients.crt\n" in text
    assert "SSLVerifyClient require\n" in text


def test_one_site_can_differ_in_client_authentication() -> None:
    sites = [{"names": ["www.abc.com"], "client_auth": "none"}, {"names": ["abc.com"]}]
    options = {"client_auth": "optional", "client_authorities": ["myrootca"], "sites": sites}
    (text,) = given.texts(given.expanded(PACKS["apache"], options)).values()
    first, second = text.split("<VirtualHost")[1:]
    assert "SSLVerifyClient" not in first
    assert "SSLVerifyClient optional\n" in second


@pytest.mark.parametrize(
    ("type_", "options", "host", "code", "place"),
    [
        ("apache", {"client_auth": "required"}, {}, "requires-option", WEB),
        ("apache", {"sites": [{"client_auth": "optional"}]}, {}, "requires-option", WEB),
        ("apache", {"sites": [{"names": ["x.org"]}]}, {}, "requires-names", (*WEB, "sites", 0, "names", 0)),
        ("apache", {"client_authorities": ["myrotca"]}, {}, "unknown-issuer", (*WEB, "client_authorities", 0)),
        ("apache", {"client_authorities": ["web-ca"]}, {}, "not-a-root", (*WEB, "client_authorities", 0)),
        ("apache", {}, {"usages": ("client",)}, "requires-usage", WEB),
        ("qpopper", {}, {"issuer": "web-ca"}, "requires-issuer", ("services", "pop3")),
        ("sendmail", {}, {"platform": "user", "home": "/home/joe"}, "requires-platform", ("services", "smtp")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_place(
    type_: str, options: dict[str, Any], host: dict[str, Any], code: str, place: tuple[Any, ...]
) -> None:
    (found,) = given.problems(PACKS[type_], options, given.a_host(**host))
    assert (found.code, found.place) == (code, place)
    assert found.hint


def test_the_pop_server_under_an_intermediate_says_the_way_out() -> None:
    (found,) = given.problems(PACKS["qpopper"], {}, given.a_host(issuer="web-ca"))
    assert "intermediates" in found.message
    assert "stunnel" in found.hint
    assert found.related == (("its issuer", ("hosts", "myhost", "issuer")),)


def test_wildcards_cover_one_label() -> None:
    host = given.a_host(names=Names(dns=("*.abc.com",)))
    assert not given.problems(PACKS["apache"], {"sites": [{"names": ["a.abc.com"]}]}, host)
    assert given.problems(PACKS["apache"], {"sites": [{"names": ["a.b.abc.com"]}]}, host)
    assert given.problems(PACKS["apache"], {"sites": [{"names": ["abc.com"]}]}, host)


def test_the_pop_server_starts_once_for_each_way_to_listen() -> None:
    found = given.expanded(PACKS["qpopper"], {"listen": ["stls", "pop3s"]})
    assert [file.path for file in found.files] == ["etc/qpopper/qpopper.conf", "etc/qpopper/qpopper-s.conf"]
    assert found.start == (
        ("/usr/sbin/popper", "-f", "/etc/qpopper/qpopper.conf"),
        ("/usr/sbin/popper", "995", "-f", "/etc/qpopper/qpopper-s.conf"),
    )
    assert [port.number for port in found.ports] == [110, 995]
    assert found.formats == ()


@pytest.mark.parametrize(
    ("start", "paths"),
    [
        ("inetd", ["etc/qpopper/inetd.conf"]),
        ("xinetd", ["etc/xinetd.d/qpopper-s"]),
        ("systemd", ["etc/systemd/system/qpopper-s.socket", "etc/systemd/system/qpopper-s@.service"]),
    ],
)
def test_other_ways_to_start_the_pop_server(start: str, paths: list[str]) -> None:
    found = given.texts(given.expanded(PACKS["qpopper"], {"listen": ["pop3s"], "start": start}))
    assert sorted(found) == sorted(["etc/qpopper/qpopper-s.conf", *paths])
    assert "-f /etc/qpopper/qpopper-s.conf" in "".join(found.values())


def test_the_submission_program_gets_its_own_certificate() -> None:
    found = given.expanded(PACKS["sendmail"])
    (request,) = found.requests
    assert (request.role, request.usages, request.common_name) == ("msp", ("client",), "myhost-msp")
    assert request.key_path == "etc/mail/private/myhost-msp.key"
    assert request.key == Rights("root", "smmsp", 0o640)
    assert request.certificate_path == "etc/mail/certs/myhost-msp.crt"
    assert ("etc/mail/private", Rights("root", "smmsp", 0o750)) in [(one.path, one.rights) for one in found.folders]
    (copy,) = found.copies
    assert copy.parts == ("chain", "root")
    (copy,) = given.expanded(PACKS["sendmail"], {}, given.a_host(issuer=SELF)).copies
    assert copy.parts == ("chain", "root", "service/smtp@myhost/msp")
    (copy,) = given.expanded(PACKS["sendmail"], {"submission": False}, given.a_host(issuer=SELF)).copies
    assert copy.parts == ("chain", "root")
    texts = given.texts(found)
    assert "define(`confCLIENT_KEY', `/etc/mail/private/myhost-msp.key')dnl\n" in texts["etc/mail/submit.mc"]
    assert "define(`confDONT_BLAME_SENDMAIL', `GroupReadableKeyFile')dnl\n" in texts["etc/mail/submit.mc"]


def test_a_host_with_the_usage_client_shows_its_own_certificate_to_others() -> None:
    text = given.texts(given.expanded(PACKS["sendmail"], {}, given.a_host(usages=("server", "client"))))[
        "etc/mail/sendmail.mc"
    ]
    assert "define(`confCLIENT_CERT', `/etc/ssl/certs/myhost.crt')dnl\n" in text
    assert "GroupReadableKeyFile" not in text


def test_building_the_mail_servers_configuration_is_a_step_of_its_own() -> None:
    found = given.expanded(PACKS["sendmail"])
    assert [(one.path, one.source, one.command) for one in found.builds] == [
        (
            f"etc/mail/{name}.cf",
            f"etc/mail/{name}.mc",
            ("m4", "-D_CF_DIR_=/usr/share/sendmail/cf/", f"/etc/mail/{name}.mc"),
        )
        for name in ("sendmail", "submit")
    ]


def test_files_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "x.conf.j2").write_text("name = {{ host.fqdn }}\nkey = {{ paths.key }}\nn = {{ options.values.n }}\n")
    files = [
        {"template": "x.conf.j2", "path": "/etc/x/x.conf", "mode": "0640", "group": "x", "language": "ini"},
        {"template": "x.conf.j2", "path": "/etc/y/x.conf"},
    ]
    options = {"files": files, "check": ["x", "-t"], "reload": "systemctl reload x", "values": {"n": 7}}
    found = given.expanded(PACKS["files"], options, folder=str(tmp_path))
    assert given.texts(found)["etc/x/x.conf"] == "name = www.abc.com\nkey = /etc/ssl/private/myhost.key\nn = 7\n"
    assert [(one.name, one.rights) for one in found.files] == [
        ("x.conf", Rights("root", "x", 0o640)),
        ("y/x.conf", Rights("root", "root", 0o644)),
    ]
    assert (found.check, found.reload) == ((("x", "-t"),), (("systemctl", "reload", "x"),))
    assert found.files[1].place == ("services", "other", "files", 1)


def test_files_show_only_paths_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ paths.fullchain }}\n")
    options = {"files": [{"template": "x.j2", "path": "/etc/x"}]}
    with pytest.raises(Exception, match="fullchain"):
        given.texts(given.expanded(PACKS["files"], options, folder=str(tmp_path)))
    found = given.expanded(PACKS["files"], {**options, "uses": ["fullchain"]}, folder=str(tmp_path))
    assert given.texts(found) == {"etc/x": "/etc/ssl/certs/myhost.fullchain.crt\n"}
    assert found.formats == ("fullchain",)


@pytest.mark.parametrize("path", ["/etc/x", "/home/joe/../x", "/home/joesephine/x", "/home/joe/-x"])
def test_paths_of_an_ordinary_user_stay_below_his_home(path: str) -> None:
    options = {"files": [{"template": "x", "path": path}]}
    (found,) = given.problems(PACKS["files"], options, given.a_host("user"))
    assert (found.code, found.place) == ("bad-path", ("services", "other", "files", 0, "path"))


@pytest.mark.parametrize("template", ["/etc/shadow", "../x", "a/../../x", "..", "a/.."])
def test_templates_of_ones_own_lie_below_the_manifest(template: str) -> None:
    schema = PACKS["files"].options_schema["properties"]["files"]["items"]["properties"]["template"]
    assert not Draft202012Validator(schema).is_valid(template)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("platform", given.PLATFORMS)
def test_nothing_depends_on_time_or_version(name: str, platform: Any) -> None:
    if name == "files" or (name, platform) == ("sendmail", "user"):
        return
    pack = PACKS[name]
    for text in given.texts(given.expanded(pack, {}, given.a_host(platform))).values():
        assert not re.search(r"20[2-9]\d", text)
        assert "pki.yaml" in text
        assert re.search(r"service/\w+@myhost", text)
        assert "put back" in text or "devtools" in text or "inetd" in text
        assert text.endswith("\n")


def test_the_manifests_folder_does_not_matter() -> None:
    texts = [given.texts(given.expanded(PACKS["qpopper"], manifest=path)) for path in ("pki.yaml", "../a/pki.yaml")]
    assert texts[0] == texts[1]


def port(number: int, *addresses: str, sharable: bool = False, type_: str = "x") -> Port:
    return Port(number, addresses, sharable, "p", type_, ())


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (port(443), port(443), True),
        (port(443), port(80), False),
        (port(443, sharable=True), port(443, sharable=True), False),
        (port(443, sharable=True), port(443, sharable=True, type_="y"), True),
        (port(443, sharable=True), port(443), True),
        (port(25, "127.0.0.1"), port(25, "192.0.2.1"), False),
        (port(25, "127.0.0.1"), port(25, "127.0.0.1", "192.0.2.1"), True),
        (port(25, "127.0.0.1"), port(25), True),
    ],
)
def test_which_ports_clash(one: Port, other: Port, clash: bool) -> None:
    assert one.clashes(other) is clash
    assert other.clashes(one) is clash


def test_the_schema_of_descriptors_is_itself_valid_and_described() -> None:
    schema = json.loads((Path(BUILT_IN).parent / "service.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert all(one.get("description") for one in schema["properties"].values())
