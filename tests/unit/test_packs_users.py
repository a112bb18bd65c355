"""Packs of the user's own: loaded, used, and what is wrong with one told at its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import packs as given
import pytest
from helpers import Project

from pkibuild.core.diagnostics import Diagnostic, Problems, UserError
from pkibuild.packs.loader import built_in_types, load_packs

DESCRIPTOR = """\
type: myproxy
version: 1
summary: HTTPS by myproxy
requires:
  - {usage: [server]}
defaults:
  debian: {port: 443}
values:
  user: {debian: www-data, redhat: nobody}
materials:
  - {name: pem, path: "etc/myproxy/{host.name}.pem", parts: [key, leaf, chain], group: myproxy, mode: "0640"}
files:
  - {name: config, path: "etc/myproxy/{service.name}.conf", template: myproxy.conf.j2, language: words}
  - {path: "etc/myproxy/sites/{item.name}.conf", template: site.conf.j2, language: ini, each: backends}
  - {kind: directory, path: "var/lib/myproxy/{item.name}", mode: "0750", each: backends, when: {state: true}}
commands:
  check: [{run: [myproxy, -t, "{paths.config}"]}]
  reload: [{run: [systemctl, reload, myproxy]}]
endpoints:
  - {protocol: https, port: "{options.port}"}
"""
OPTIONS = """\
{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "port": {"description": "The port.", "type": "integer"},
    "state": {"description": "Also make folders.", "type": "boolean", "default": false},
    "token": {"description": "A secret.", "type": "string", "writeOnly": true},
    "backends": {
      "description": "Where to.",
      "type": "array",
      "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "to": {"type": "string", "default": "127.0.0.1"}}
      }
    }
  }
}
"""
TEMPLATES = {
    "myproxy.conf.j2": "user {{ values.user }}\nbind {{ options.port }}\npem {{ paths.pem }}\n",
    "site.conf.j2": "name = {{ item.name }}\nto = {{ item.to }}\n",
}


def write(folder: Path, descriptor: str = DESCRIPTOR, options: str = OPTIONS) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "service.yaml").write_text(descriptor)
    (folder / "options.schema.json").write_text(options)
    for name, text in TEMPLATES.items():
        (folder / name).write_text(text)
    return str(folder)


def faults(*folders: str) -> list[Diagnostic]:
    problems = Problems()
    load_packs([(folder, ("packs", index)) for index, folder in enumerate(folders)], problems)
    return problems.found


def test_a_pack_of_ones_own(tmp_path: Path) -> None:
    pack = given.packs(write(tmp_path / "p"))["myproxy"]
    found = given.expanded(pack, {"backends": [{"name": "a"}, {"name": "b", "to": "x y"}], "state": True})
    assert given.texts(found) == {
        "etc/myproxy/other.conf": "user www-data\nbind 443\npem /etc/myproxy/myhost.pem\n",
        "etc/myproxy/sites/a.conf": "name = a\nto = 127.0.0.1\n",
        "etc/myproxy/sites/b.conf": "name = b\nto = x y\n",
    }
    (copy,) = found.copies
    assert (copy.parts, copy.of, copy.rights.group, copy.rights.mode) == (
        ("key", "leaf", "chain"),
        "host",
        "myproxy",
        0o640,
    )
    assert found.check == (("myproxy", "-t", "/etc/myproxy/other.conf"),)
    assert [(one.path, one.rights.mode) for one in found.folders] == [
        ("var/lib/myproxy/a", 0o750),
        ("var/lib/myproxy/b", 0o750),
    ]
    assert [one.number for one in found.ports] == [443]
    assert found.files[0].secret
    assert pack.secrets == (("token",),)


def test_what_a_pack_is_made_of_is_known(tmp_path: Path) -> None:
    folder = write(tmp_path / "p")
    read = given.packs(folder)["myproxy"].files_read
    assert set(read) == {f"{folder}/{name}" for name in ("service.yaml", "options.schema.json", *TEMPLATES)}


def test_values_that_a_platform_lacks_are_told_when_they_are_used(tmp_path: Path) -> None:
    pack = given.packs(write(tmp_path / "p"))["myproxy"]
    found = given.expanded(pack, {"port": 1}, given.a_host("freebsd"))
    with pytest.raises(UserError) as raised:
        given.texts(found)
    assert "`user`" in raised.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("usage: [server]", "usge: [server]", 5, "unknown field `usge`"),
        ("usage: [server]", "usage: [sever]", 5, '`"sever"`'),
        ("version: 1\n", "", 1, "`version`"),
        ("version: 1", "version: one", 2, "integer"),
        ("type: myproxy", "type: My Proxy", 1, "form"),
        ('mode: "0640"', "mode: 640", 11, "string"),
        ("template: site.conf.j2", "template: ../x", 14, "form"),
        ("template: site.conf.j2", "template: none.j2", 14, "no such file"),
        ("kind: directory, ", "", 15, "template"),
        ("kind: directory", "kind: directry", 15, "none of"),
        ("kind: directory", "kind: link", 15, "target"),
        ("kind: directory", 'kind: link, target: "x{options.token}"', 15, "`options.token` is secret"),
        ("[systemctl, reload, myproxy]", '[ctl, "{options.token}"]', 18, "`options.token` is secret"),
        ('{service.name}.conf", t', '{options.token}.conf", t', 13, "`options.token` is secret"),
        ("kind: directory", 'kind: link, target: "{paths.cnfig}"', 15, "`paths.cnfig`"),
        ("{item.name}", "{itm.name}", 14, "`{itm.name}`"),
        ("{item.name}", "{item.name", 14, "stands alone"),
        ('{service.name}.conf", t', '{service.nam}.conf", t', 13, "`service.nam`"),
        ("{host.name}", "{host.nmae}", 11, "`host.nmae`"),
        ("{options.port}", "{options.prt}", 20, "`options.prt`"),
        ("{paths.config}", "{paths.cnfig}", 17, "`paths.cnfig`"),
        ("{state: true}", "{stat: true}", 15, "`options.stat`"),
        ("each: backends", "each: backend", 14, "`options.backend`"),
        ("language: ini", "language: toml", 14, "`toml`"),
        ("parts: [key", "of: msp, parts: [key", 11, "`msp`"),
        ("parts: [key, leaf, chain]", "parts: [root], of: [host, msp]", 11, "`msp`"),
        ("parts: [key", "of: [host, host2], parts: [key", 11, "only `chain` and `root`"),
        ("summary:", "summary: [", 4, ""),
    ],
)
def test_faults_of_a_descriptor_are_told_at_their_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in DESCRIPTOR
    found = faults(write(tmp_path / "p", DESCRIPTOR.replace(old, new, 1)))
    assert found
    told = [one for one in found if one.span and one.span.line == line and words in one.message]
    assert told, found
    assert all(one.span and one.span.file.endswith("p/service.yaml") for one in told)
    assert ("the pack is named here", ("packs", 0)) in told[0].related


def test_a_secret_of_a_lists_elements_is_for_templates_alone(tmp_path: Path) -> None:
    options = OPTIONS.replace('"to": {"type": "string",', '"to": {"type": "string", "writeOnly": true,')
    assert options != OPTIONS
    assert faults(write(tmp_path / "p", options=options)) == []
    named = DESCRIPTOR.replace("sites/{item.name}", "sites/{item.to}")
    (found,) = faults(write(tmp_path / "p", named, options))
    assert "`item.to` is secret" in found.message


@pytest.mark.parametrize(
    ("schema", "each", "placeholder"),
    [
        ({"type": "array", "writeOnly": True}, "one", "item"),
        ({"type": "object", "writeOnly": True}, "", "options.one.inner"),
        ({"type": "object", "properties": {"all": {"items": {"properties": {"to": {"writeOnly": True}}}}}},
         "one.all", "item.to"),
        ({"type": "object", "additionalProperties": {"writeOnly": True}}, "", "options.one.any"),
        ({"type": "object", "patternProperties": {"^a": {"writeOnly": True}}}, "", "options.one.any"),
        ({"type": "array", "prefixItems": [{"writeOnly": True}]}, "one", "item"),
        ({"if": {"minLength": 3}, "then": {"writeOnly": True}}, "", "options.one"),
        ({"dependentSchemas": {"a": {"properties": {"b": {"writeOnly": True}}}}}, "", "options.one.b"),
    ],
    ids=["of a list", "in an object", "of a list in an object", "of any name", "by a pattern", "by its position",
         "if", "beside another"],
)  # fmt: skip
def test_a_secret_is_for_templates_alone_wherever_it_is(
    tmp_path: Path, schema: dict[str, Any], each: str, placeholder: str
) -> None:
    options = json.loads(OPTIONS)
    options["properties"]["one"] = {"description": "One.", **schema}
    rule = {"path": f"etc/{{{placeholder}}}.conf", "template": "site.conf.j2", **({"each": each} if each else {})}
    descriptor = {"type": "x", "version": 1, "files": [rule]}
    (found,) = faults(write(tmp_path / "p", json.dumps(descriptor), json.dumps(options)))
    assert f"`{placeholder}` is secret" in found.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('{"type": "object", "additionalProperties": false, "properties": {"host": {}}}', "`host`"),
        ('{"type": "object"}', "additionalProperties"),
        ('{"type": "string"}', "object"),
        ('{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "strng"}}}', "JSON Schema"),
        (r'{"type": "object", "additionalProperties": false, "properties": {"a": {"pattern": "(x"}}}', "(x"),
        (r'{"type": "object", "additionalProperties": false, "properties": {"a": {"pattern": "x\\Z"}}}', "Z"),
        (r'{"type": "object", "additionalProperties": false, "properties": {"a": {"pattern": "\\p{L}"}}}', "p{L}"),
        (r'{"type": "object", "additionalProperties": false, "patternProperties": {"x\\Z": {}}}', "Z"),
        ("[1", ""),
    ],
)
def test_faults_of_an_options_schema(tmp_path: Path, options: str, words: str) -> None:
    (found, *_) = faults(write(tmp_path / "p", "type: x\nversion: 1\n", options))
    assert words in found.message
    assert found.span is not None
    assert found.span.file.endswith("p/options.schema.json")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/$defs/none"}, "refers to `#/$defs/none`, which is not there"),
        ({"$ref": "#name"}, "refers to `#name`, which is not there"),
        ({"$ref": "https://abc.com/x.json"}, "refers to `https://abc.com/x.json`, which is not there"),
        ({"items": {"$ref": "#/properties/one/description"}}, "which is not there"),
        ({"$ref": "#/properties/one"}, "which is itself again"),
        ({"items": {"anyOf": [{"type": "string"}, {"$ref": "#/properties/one/items"}]}}, "which is itself again"),
        ({"then": {"$ref": "#/properties/one/not"}, "not": {"allOf": [{"$ref": "#/properties/one"}]}}, "itself again"),
        ({"$dynamicRef": "#name"}, "`$dynamicRef` is not supported"),
        ({"$id": "https://abc.com/x.json"}, "`$id` is not supported"),
        ({"properties": {name: {"$ref": "#/properties/one"} for name in "abcdef"}}, "refers to itself without end"),
    ],
)
def test_faults_of_references_in_an_options_schema(tmp_path: Path, schema: dict[str, Any], words: str) -> None:
    """Else the schema would say of an option that it is secret, and nobody would see it."""
    options = json.loads(OPTIONS)
    options["properties"]["one"] = {"description": "One.", **schema}
    found = faults(write(tmp_path / "p", "type: x\nversion: 1\n", json.dumps(options)))
    assert words in found[0].message
    assert found[0].span is not None


def test_a_pack_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    (found,) = faults(str(tmp_path / "none"))
    assert (found.code, found.place) == ("read-failed", ("packs", 0))


def test_two_packs_cannot_have_one_type(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a"), write(tmp_path / "b")
    (found,) = faults(one, other)
    assert (found.code, found.place) == ("pack-exists", ("packs", 1))
    assert found.related == (("first declared here", ("packs", 0)),)


@pytest.mark.parametrize("name", built_in_types())
def test_a_built_in_type_cannot_be_replaced(tmp_path: Path, name: str) -> None:
    (found,) = faults(
        write(tmp_path / "p", f"type: {name}\nversion: 1\n", '{"type": "object", "additionalProperties": false}')
    )
    assert found.code == "pack-exists"
    assert "built in" in found.message


def test_all_faults_of_all_packs_are_told_at_once(tmp_path: Path) -> None:
    first = write(tmp_path / "a", DESCRIPTOR.replace("usage", "usge").replace("kind: directory", "kind: dir"))
    second = write(tmp_path / "b", DESCRIPTOR.replace("version: 1", "version: x"))
    files = [one.span.file for one in faults(first, second) if one.span]
    assert sum("a/service.yaml" in file for file in files) >= 2
    assert sum("b/service.yaml" in file for file in files) == 1


# -- through the command line --------------------------------------------------------------------------------------

MANIFEST = """\
version: 1
packs: [./packs/myproxy]
authorities:
  myrootca: {subject: {common_name: ABC Company Root CA}}
hosts:
  myhost: {fqdn: www.abc.com, issuer: myrootca}
services:
  proxy:
    type: myproxy
    host: myhost
    backends: [{name: a, to: "10.0.0.1"}]
"""


def test_a_users_pack_is_applied(project: Project) -> None:
    write(project.folder / "packs" / "myproxy")
    project.write(MANIFEST)
    project.run_here("apply").ok()
    overlay = project.path("hosts/myhost/etc/myproxy")
    assert (overlay / "sites" / "a.conf").read_text() == "name = a\nto = 10.0.0.1\n"
    pem = (overlay / "myhost.pem").read_text()
    assert pem.index("PRIVATE KEY") < pem.index("CERTIFICATE")
    assert (overlay / "myhost.pem").stat().st_mode & 0o777 == 0o400
    assert "0 up to date" not in project.run_here("plan").ok().out


def test_an_edited_template_renders_its_file_again(project: Project) -> None:
    write(project.folder / "packs" / "myproxy")
    project.write(MANIFEST)
    project.run_here("apply").ok()
    template = project.folder / "packs" / "myproxy" / "site.conf.j2"
    template.write_text(template.read_text() + "more = 1\n")
    out = project.run_here("plan").ok().out
    assert "service/proxy@myhost/a.conf" in out
    assert out.count(" render ") == 1


def test_an_option_that_the_pack_lacks_is_told(project: Project) -> None:
    write(project.folder / "packs" / "myproxy")
    project.write(MANIFEST.replace("backends:", "backend:"))
    told = project.run_here("validate")
    assert told.status == 1
    assert "pki.yaml:11:5" in told.err + told.out
    assert "did you mean `backends`" in told.err + told.out
