"""What a manifest means: inheritance, built-in defaults, includes, patterns, services; and its words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from manifests import HEAD, NOW, WORLD_NOW, codes, loaded, refused, said, write

from pkibuild.core.diagnostics import UserError
from pkibuild.core.times import DAY, parse_time
from pkibuild.manifest import load
from pkibuild.model.manifest import Constraints, Crl, KeySpec, Names, Secret, Subtrees, Validity
from pkibuild.world import World

FIRST_EXAMPLE = """\
version: 1
defaults:
  subject: {country: TW, locality: Taipei, organization: ABC Company}
  key: ecdsa-p256
  validity: 397d
  issuer: web-ca
authorities:
  web-ca:
    issuer: myrootca
    subject: {common_name: ABC Company Web CA}
    validity: 3650d
    name_constraints: {permitted: {dns: [abc.com], ip: [192.0.2.0/24, "2001:db8::/32"]}}
  myrootca:
    subject: {common_name: ABC Company Root CA}
    key: {algorithm: rsa-4096, passphrase: {env: MYROOTCA_PASSPHRASE}}
    crl: {url: "http://pki.abc.com/myrootca.crl", validity: 90d}
hosts:
  myhost:
    fqdn: www.abc.com
    aliases: [abc.com, mail.abc.com]
    addresses: [192.0.2.10]
    issuer: myrootca
services:
  web: {type: apache, host: myhost}
certificates:
  alice:
    usage: [email, client]
    subject: {common_name: Alice Wu, email: alice@abc.com, organization: null}
    names: {email: [wu@abc.com]}
    issuer: myrootca
    validity: {not_after: 2028-01-01T00:00:00Z}
"""


def test_the_contract_s_example(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, FIRST_EXAMPLE)
    assert manifest.folder == str(tmp_path)
    assert manifest.output == "pki"
    assert list(manifest.authorities) == ["myrootca", "web-ca"]  # issuers first, however they are written
    root, web = manifest.authorities.values()
    assert root.is_root
    assert root.subject == (("country", "TW"), ("locality", "Taipei"), ("organization", "ABC Company"),
                            ("common_name", "ABC Company Root CA"))  # fmt: skip
    passphrase = Secret("env", "MYROOTCA_PASSPHRASE", ("authorities", "myrootca", "key", "passphrase"))
    assert root.key == KeySpec("rsa-4096", passphrase)
    assert root.validity == Validity(seconds=7305 * DAY)
    assert root.path_length is None
    assert root.crl == Crl("http://pki.abc.com/myrootca.crl", 90 * DAY, 30 * DAY)
    assert root.protect
    assert web.path_length == 0
    assert web.constraints == Constraints(Subtrees(("abc.com",), ("192.0.2.0/24", "2001:db8::/32")))
    host = manifest.hosts["myhost"]
    assert host.names == Names(("www.abc.com", "abc.com", "mail.abc.com"), ("192.0.2.10",))
    assert (host.fqdn, host.aliases, host.addresses) == ("www.abc.com", ("abc.com", "mail.abc.com"), ("192.0.2.10",))
    assert host.subject[-1] == ("common_name", "www.abc.com")
    assert (host.issuer, host.usages, host.formats, host.platform) == ("myrootca", ("server",), ("pem",), "debian")
    alice = manifest.certificates["alice"]
    assert alice.subject == (("country", "TW"), ("locality", "Taipei"), ("common_name", "Alice Wu"),
                             ("email", "alice@abc.com"))  # fmt: skip
    assert alice.names == Names(email=("wu@abc.com", "alice@abc.com"))
    assert alice.usages == ("client", "email")
    assert alice.validity == Validity(not_after=parse_time("2028-01-01"))


# -- inheritance and built-in values ---------------------------------------------------


def test_built_in_defaults(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, HEAD + "  sub: {issuer: ca, subject: {common_name: S}}\n"
                      "hosts: {web: {fqdn: a.abc.com, issuer: sub}}\n")  # fmt: skip
    root, sub, web = manifest.declarations()
    assert root.validity == Validity(seconds=7305 * DAY)
    assert sub.validity == Validity(seconds=3650 * DAY)
    assert web.validity == Validity(seconds=397 * DAY)
    assert {one.key for one in (root, sub, web)} == {KeySpec("ecdsa-p256")}
    assert web.renew_before == 30 * DAY
    assert sub.renew_before == (397 + 30) * DAY  # the longest that it issues, and 30 days
    assert root.renew_before == 7305 * DAY // 2  # half its own at most


def test_renewal_of_a_short_certificate_is_a_third(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, HEAD + "hosts: {web: {fqdn: a.abc.com, issuer: ca, validity: 9d}}\n")
    assert manifest.hosts["web"].renew_before == 3 * DAY


def test_what_reaches_authorities(tmp_path: Path) -> None:
    """Not issuer, validity, renew_before, formats, key.rotate and key.passphrase; the rest does."""
    text = """\
version: 1
defaults:
  subject: {organization: ABC, country: tw}
  issuer: ca
  validity: 90d
  renew_before: 10d
  formats: [fullchain]
  key: {algorithm: rsa-3072, rotate: on-renewal, passphrase: {env: KEYS}}
  platform: redhat
authorities:
  ca: {subject: {common_name: A}}
hosts:
  web: {fqdn: a.abc.com}
  own: {fqdn: b.abc.com, key: ecdsa-p384, formats: [der, pem], subject: {organization: null}}
certificates:
  one: {usage: [client], subject: {common_name: One}, key: {generation: 3}}
"""
    manifest = loaded(tmp_path, text)
    ca, web, own = manifest.authorities["ca"], manifest.hosts["web"], manifest.hosts["own"]
    passphrase = Secret("env", "KEYS", ("defaults", "key", "passphrase"))
    assert ca.issuer == "self"
    assert ca.validity == Validity(seconds=7305 * DAY)
    assert ca.formats == ("pem",)
    assert ca.key == KeySpec("rsa-3072")
    assert ca.subject == (("country", "TW"), ("organization", "ABC"), ("common_name", "A"))
    assert web.issuer == "ca"
    assert web.key == KeySpec("rsa-3072", passphrase, "on-renewal")
    assert (web.validity, web.renew_before) == (Validity(seconds=90 * DAY), 10 * DAY)
    assert web.formats == ("pem", "fullchain")
    assert web.platform == "redhat"
    assert own.key == KeySpec("ecdsa-p384", passphrase, "on-renewal")  # field by field, the nearest wins
    assert own.formats == ("pem", "der")
    assert own.subject == (("country", "TW"), ("common_name", "b.abc.com"))
    assert manifest.certificates["one"].key == KeySpec("rsa-3072", passphrase, "on-renewal", 3, True)


@pytest.mark.parametrize(
    ("written", "source", "value"),
    [
        ("{env: A}", "env", "A"),
        ("{file: secrets/ca}", "file", "{folder}/secrets/ca"),
        ("{file: /run/ca}", "file", "/run/ca"),
        ("{command: [pass, show, ca]}", "command", ("pass", "show", "ca")),
        ("{prompt: true}", "prompt", ""),
    ],
)
def test_sources_of_a_passphrase(tmp_path: Path, written: str, source: str, value: Any) -> None:
    manifest = loaded(tmp_path, HEAD + f"    key: {{passphrase: {written}}}\n")
    passphrase = manifest.authorities["ca"].key.passphrase
    assert passphrase is not None
    expected = value.format(folder=tmp_path) if isinstance(value, str) else value
    assert (passphrase.source, passphrase.value) == (source, expected)


def test_fields_of_a_host(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
hosts:
  web:
    fqdn: WWW.abc.com.
    aliases: ["*.apps.abc.com", 192.0.2.9, www.abc.com]
    addresses: [192.0.2.9, "2001:DB8::1"]
    usage: [client, server]
    platform: user
    home: /home/alice
    tags: [a, b]
    issuer: ca
    issued_since: 2026-03-01
    renew_before: 5d
    validity: 52w
"""
    )
    web = loaded(tmp_path, text).hosts["web"]
    assert web.names == Names(("www.abc.com", "*.apps.abc.com"), ("192.0.2.9", "2001:db8::1"))
    assert web.aliases == ("*.apps.abc.com",)
    assert web.usages == ("server", "client")
    assert (web.platform, web.home, web.tags) == ("user", "/home/alice", ("a", "b"))
    assert web.issued_since == parse_time("2026-03-01")
    assert (web.validity, web.renew_before) == (Validity(seconds=364 * DAY), 5 * DAY)


def test_a_host_that_is_an_address(tmp_path: Path) -> None:
    web = loaded(tmp_path, HEAD + "hosts: {web: {fqdn: 192.0.2.1, issuer: ca}}\n").hosts["web"]
    assert web.names == Names(ip=("192.0.2.1",))
    assert web.subject == (("common_name", "192.0.2.1"),)


def test_a_common_name_that_is_among_the_names(tmp_path: Path) -> None:
    text = HEAD + "hosts: {web: {fqdn: a.abc.com, aliases: [faß.de], subject: {common_name: FASS.de}, issuer: ca}}\n"
    assert [one.code for one in refused(tmp_path, text)] == ["common-name"]
    web = loaded(tmp_path, text.replace("FASS.de", "faß.de")).hosts["web"]
    assert web.subject == (("common_name", "xn--fa-hia.de"),)


def test_no_common_name_where_it_is_taken_out(tmp_path: Path) -> None:
    text = HEAD + "hosts: {web: {fqdn: a.abc.com, subject: {common_name: null}, issuer: ca}}\n"
    assert loaded(tmp_path, text).hosts["web"].subject == ()


def test_subject_in_the_order_of_a_name(tmp_path: Path) -> None:
    text = HEAD + ("certificates: {a: {usage: [client], issuer: ca, subject: {email: [a@b.c, d@e.f], common_name: A, "
                   "unit: [X, Y], domain_component: [com, abc], country: DE}}}\n")  # fmt: skip
    assert loaded(tmp_path, text).certificates["a"].subject == (
        ("domain_component", "com"), ("domain_component", "abc"), ("country", "DE"), ("unit", "X"), ("unit", "Y"),
        ("common_name", "A"), ("email", "a@b.c"), ("email", "d@e.f"),
    )  # fmt: skip


# -- fleets ---------------------------------------------------------------------------


def test_pattern_counts_along(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
hosts:
  "web[008:011]": {fqdn: "web[008:011].abc.com", addresses: ["192.0.2.[8:11]"], tags: [web], issuer: ca}
  "n[1:9:4]": {fqdn: "n[10:30:10].abc.com", aliases: ["x[1:2]"], issuer: ca}
"""
    )
    assert [one.code for one in refused(tmp_path, text)] == ["range-length"]
    manifest = loaded(tmp_path, text.replace(', aliases: ["x[1:2]"]', ""))
    assert {name: (one.fqdn, one.addresses) for name, one in manifest.hosts.items()} == {
        "web008": ("web008.abc.com", ("192.0.2.8",)),
        "web009": ("web009.abc.com", ("192.0.2.9",)),
        "web010": ("web010.abc.com", ("192.0.2.10",)),
        "web011": ("web011.abc.com", ("192.0.2.11",)),
        "n1": ("n10.abc.com", ()),
        "n5": ("n20.abc.com", ()),
        "n9": ("n30.abc.com", ()),
    }
    span = manifest.span(("hosts", "web010", "fqdn"))
    assert span is not None
    assert (span.line, span.column, span.length) == (6, 26, 22)


@pytest.mark.parametrize(
    ("name", "code"),
    [("a[2:1]", "bad-pattern"), ("a[1:2:0]", "bad-pattern"), ("a[1:2][1:2]", "bad-pattern"), ("a[1-2]", "bad-pattern"),
     ("a[1:", "bad-pattern"), ("A[1:2]", "bad-name"), ("[1:2]/x", "bad-name"), ("x" * 63 + "[1:2]", "bad-name")],
)  # fmt: skip
def test_bad_patterns(tmp_path: Path, name: str, code: str) -> None:
    assert [one.code for one in refused(tmp_path, f"{HEAD}hosts:\n  '{name}': {{fqdn: a.abc.com, issuer: ca}}\n")] == [
        code
    ]


def test_only_hosts_and_certificates_have_patterns(tmp_path: Path) -> None:
    found = refused(tmp_path, "version: 1\nauthorities:\n  'ca[1:2]': {subject: {common_name: 'A[1:2]'}}\n")
    assert [(one.code, one.hint) for one in found] == [
        ("bad-name", "only hosts and certificates may have name patterns")
    ]


def test_pattern_and_name_for_one_host(tmp_path: Path) -> None:
    text = HEAD + "hosts:\n  web2: {fqdn: a.b.c, issuer: ca}\n  'web[1:3]': {fqdn: 'x[1:3].b.c', issuer: ca}\n"
    assert (
        said(tmp_path, text)
        == """\
pki.yaml:7:3: error[name-taken]: `web2` is declared twice
    7 |   'web[1:3]': {fqdn: 'x[1:3].b.c', issuer: ca}
      |   ^^^^^^^^^^
  pki.yaml:6:9: also declared here
    6 |   web2: {fqdn: a.b.c, issuer: ca}
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^
"""
    )


def test_a_fleet_s_mistakes_are_told_once(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
defaults: {key: ed25519}
hosts:
  "a[1:50]": {fqdn: "a[1:50].abc.com", aliases: [x_y], issuer: cb, validity: 900d}
  "b[1:50]": {fqdn: "b[1:50].abc.com", issuer: ca}
"""
    )
    assert codes(refused(tmp_path, text)) == [
        ("client-support", "pki.yaml", 5, 17),
        ("bad-dns-name", "pki.yaml", 7, 50),
        ("unknown-issuer", "pki.yaml", 7, 64),
        ("long-validity", "pki.yaml", 7, 78),
    ]


# -- includes ----------------------------------------------------------------------------


def test_includes_are_merged(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        HEAD + "include: [hosts/*.yaml, more.yaml]\n",
        hosts__b="hosts: {b: {fqdn: b.abc.com, issuer: ca}}\n",
        hosts__a="version: 1\nhosts: {a: {fqdn: a.abc.com, issuer: ca, key: {passphrase: {file: pass}}}}\n",
        more="include: [hosts/a.yaml, deep/x.yaml]\n",
        deep__x="services: {s: {type: qpopper, hosts: ['*']}}\n",
    )
    assert list(manifest.hosts) == ["a", "b"]
    assert manifest.services["s"].hosts == ("a", "b")
    passphrase = manifest.hosts["a"].key.passphrase
    assert passphrase is not None
    assert passphrase.value == f"{tmp_path}/hosts/pass"  # relative to the file that writes it
    files = {f"{tmp_path}/{name}.yaml" for name in ("pki", "more", "hosts/a", "hosts/b", "deep/x")}
    assert files | {f"{tmp_path}/hosts"} <= set(manifest.watched)


def test_the_same_name_in_two_files(tmp_path: Path) -> None:
    text = HEAD + "include: [more.yaml]\n"
    assert (
        said(tmp_path, text, more="authorities:\n  ca: {subject: {common_name: B}}\n")
        == """\
more.yaml:2:3: error[name-taken]: `ca` is declared twice
    2 |   ca: {subject: {common_name: B}}
      |   ^^
  pki.yaml:3:3: first declared here
    3 |   ca:
      |   ^^
"""
    )


@pytest.mark.parametrize(
    ("entry", "more", "expected"),
    [
        ("none.yaml", "", [("read-failed", "pki.yaml", 5, 11)]),
        ("no*.yaml", "", [("include-missing", "pki.yaml", 5, 11)]),
        ("none/*.yaml", "", [("include-missing", "pki.yaml", 5, 11)]),
        ("pki.yaml", "", [("include-cycle", "pki.yaml", 5, 11)]),
        ("more.yaml", "- 1\n", [("wrong-type", "more.yaml", 1, 1)]),
        ("more.yaml", "a: b: c\n", [("yaml-syntax", "more.yaml", 1, 5)]),
        ("more.yaml", "defaults: {}\n", [("include-field", "more.yaml", 1, 1)]),
        ("more.yaml", "hots: {}\n", [("include-field", "more.yaml", 1, 1)]),
        ("more.yaml", "hosts: []\n", [("wrong-type", "more.yaml", 1, 8)]),
        ("more.yaml", "version: 2\n", [("bad-version", "more.yaml", 1, 10)]),
        ("more.yaml", "include: x\n", [("wrong-type", "more.yaml", 1, 10)]),
        ("more.yaml", "hosts: {a: {fqdn: a_b, issuer: cb}}\n",
         [("bad-dns-name", "more.yaml", 1, 19), ("unknown-issuer", "more.yaml", 1, 32)]),
    ],
)  # fmt: skip
def test_bad_includes(tmp_path: Path, entry: str, more: str, expected: list[tuple[str, str, int, int]]) -> None:
    assert codes(refused(tmp_path, f"{HEAD}include: [{entry}]\n", more=more)) == expected


def test_a_glob_over_its_own_folder_and_an_empty_file(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, HEAD + "include: ['*.yaml']\n", empty="# nothing yet\n", x="hosts: {}\n")
    assert list(manifest.authorities) == ["ca"]


def test_includes_through_a_link_are_a_cycle_too(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    found = refused(tmp_path, HEAD + "include: [loop/pki.yaml]\n")
    assert [one.code for one in found] == ["include-cycle"]


def test_problems_are_sorted_by_file_and_line(tmp_path: Path) -> None:
    text = "include: [more.yaml]\nversion: 1\nhosts:\n  b: {fqdn: b_c, issuer: x}\n  a: {}\n"
    found = codes(refused(tmp_path, text, more="hosts:\n  c: {}\n"))
    assert [(file, line) for _, file, line, _ in found] == [
        ("pki.yaml", 4), ("pki.yaml", 4), ("pki.yaml", 5), ("more.yaml", 2)
    ]  # fmt: skip


# -- services -----------------------------------------------------------------------------

FLEET = (
    HEAD
    + """\
defaults: {issuer: ca}
hosts:
  web1: {fqdn: a.abc.com, tags: [web, old]}
  web2: {fqdn: b.abc.com, tags: [web]}
  db: {fqdn: c.abc.com}
"""
)


@pytest.mark.parametrize(
    ("hosts", "chosen"),
    [
        ("host: db", ("db",)),
        ("hosts: [db, web1]", ("db", "web1")),
        ("hosts: ['web*', web1, db]", ("web1", "web2", "db")),
        ("hosts: ['?b']", ("db",)),
        ("hosts: ['*']", ("web1", "web2", "db")),
        ("hosts: {tags: [web]}", ("web1", "web2")),
        ("hosts: {tags: [web, old]}", ("web1",)),
    ],
)
def test_hosts_of_a_service(tmp_path: Path, hosts: str, chosen: tuple[str, ...]) -> None:
    manifest = loaded(tmp_path, f"{FLEET}services: {{s: {{type: qpopper, {hosts}}}}}\n")
    assert manifest.services["s"].hosts == chosen


def test_options_have_the_pack_s_defaults_at_every_depth(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, FLEET + "services: {s: {type: qpopper, host: db, listen: [pop3s]}}\n")
    options = manifest.services["s"].options
    assert options["listen"] == ["pop3s"]
    assert options["clear_text_password"] == "tls"
    assert not {"type", "host", "hosts"} & set(options)


PACK = {
    "service.yaml": """\
type: mine
version: 1
summary: A proxy.
materials: []
files: []
""",
    "options.schema.json": """\
{"type": "object", "additionalProperties": false, "properties": {
  "token": {"description": "A secret.", "type": "string", "writeOnly": true, "minLength": 4, "examples": ["abcd"]},
  "template": {"description": "A file.", "type": "string", "format": "path", "examples": ["a.j2"]},
  "sites": {"description": "Sites.", "type": "array", "examples": [[{}]], "items": {
    "type": "object", "additionalProperties": false, "properties": {
      "depth": {"description": "Depth.", "type": "integer", "default": 3, "examples": [1]},
      "sharedkey": {"description": "A secret.", "type": "string", "writeOnly": true, "maxLength": 6, "examples": ["x"]},
      "file": {"description": "A file.", "type": "string", "format": "path", "examples": ["a.j2"]}}}}}}
""",
}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "packs" / "mine"
    folder.mkdir(parents=True)
    for name, text in PACK.items():
        (folder / name).write_text(text)
    return tmp_path


MINE = FLEET + "include: [sub/s.yaml]\n"


def test_a_pack_of_one_s_own(packed: Path) -> None:
    options = "token: abcdef, template: t/a.j2, sites: [{file: ../b}]"
    sub = f"packs: [../packs/mine]\nservices: {{s: {{type: mine, host: db, {options}}}}}\n"
    manifest = loaded(packed, MINE, sub__s=sub)
    found = manifest.services["s"].options
    assert found == {
        "token": "abcdef",
        "template": f"{packed}/sub/t/a.j2",  # relative to the file that writes it
        "sites": [{"depth": 3, "file": f"{packed}/b"}],
    }
    assert "abcdef" not in repr(manifest.services)
    assert {f"{packed}/packs/mine/service.yaml", f"{packed}/sub/t/a.j2", f"{packed}/b"} <= set(manifest.watched)


@pytest.mark.parametrize(
    "options",
    ["token: abc, x: 1", "token: [hunter2], x: 1", "x: 1, sites: [{sharedkey: hunter2}]", "token: hunter2, sites: 1",
     "sites: [{sharedkey: hunter2, y: 1}]", "sites: [{sharedkey: {hunter2: }}]"],
)  # fmt: skip
def test_a_pack_s_secrets_are_masked(packed: Path, options: str) -> None:
    sub = f"packs: [../packs/mine]\nservices: {{s: {{type: mine, host: db, {options}}}}}\n"
    told = said(packed, MINE, sub__s=sub)
    assert "error[" in told
    assert "hunter2" not in told
    assert "abc," not in told


# -- words ---------------------------------------------------------------------------------


def test_the_contract_s_words(tmp_path: Path) -> None:
    text = HEAD.replace("ca:", "intermediate-ca:") + "hosts:\n  web:\n    fqdn: a.abc.com\n    issuer: intermediate\n"
    assert (
        said(tmp_path, text)
        == """\
pki.yaml:8:13: error[unknown-issuer]: authority `intermediate` is not declared
    8 |     issuer: intermediate
      |             ^^^^^^^^^^^^
  hint: did you mean `intermediate-ca`?
"""
    )


def test_a_passphrase_in_the_manifest(tmp_path: Path) -> None:
    assert (
        said(tmp_path, HEAD + "    key: {passphrase: hunter2, algorithm: rsa-4096}\n")
        == """\
pki.yaml:5:23: error[passphrase-in-manifest]: a passphrase is written into the manifest itself
    5 |     key: {passphrase: •••, algorithm: rsa-4096}
      |                       ^^^
  hint: say where it comes from: `{env: NAME}`, `{file: PATH}`, `{command: [ARGV…]}` or `{prompt: true}`; \
and change it, if this file was ever committed
"""
    )


@pytest.mark.parametrize(
    "passphrase",
    ["hunter2", "'hunter2'", "|\n        hunter2\n        hunter2", "[hunter2]", "{env: 'hunter2 x'}",
     "{value: hunter2}",
     "{hunter2: }", "{env: A, value: hunter2}", "{file: {hunter2: 1}}", "{env: [hunter2]}", "{prompt: hunter2}"],
)  # fmt: skip
def test_no_form_of_a_passphrase_is_shown(tmp_path: Path, passphrase: str) -> None:
    told = said(tmp_path, HEAD + f"    key:\n      passphrase: {passphrase}\n    x: 1\n")
    assert "error[" in told
    assert "hunter2" not in told


def test_path_length_names_both(tmp_path: Path) -> None:
    text = HEAD + "    path_length: 0\n  sub:\n    issuer: ca\n    subject: {common_name: S}\n"
    assert (
        said(tmp_path, text)
        == """\
pki.yaml:7:13: error[path-length]: `ca` has path length 0, and `sub` is 1 level below it (RFC 5280 4.2.1.9)
    7 |     issuer: ca
      |             ^^
  pki.yaml:5:18: `ca` is declared here
    5 |     path_length: 0
      |                  ^
  hint: declare `path_length: 1` for `ca`
"""
    )


def test_path_length_of_a_deep_tree(tmp_path: Path) -> None:
    deep = (HEAD + "  a: {issuer: ca, path_length: 2, subject: {common_name: A}}\n"
            "  b: {issuer: a, path_length: 1, subject: {common_name: B}}\n"
            "  c: {issuer: b, subject: {common_name: C}}\n")  # fmt: skip
    assert list(loaded(tmp_path, deep).authorities) == ["ca", "a", "b", "c"]
    found = refused(tmp_path, deep.replace("path_length: 2", "path_length: 1"))
    assert [one.message for one in found] == ["`a` has path length 1, and `c` is 2 levels below it (RFC 5280 4.2.1.9)"]


@pytest.mark.parametrize("name", ["self", "external"])
def test_an_authority_cannot_be_called_so(tmp_path: Path, name: str) -> None:
    found = refused(tmp_path, f"version: 1\nauthorities: {{{name}: {{subject: {{common_name: A}}}}}}\n")
    assert [one.code for one in found] == ["bad-name"]


def test_no_certificate_has_its_issuer_s_subject(tmp_path: Path) -> None:
    text = HEAD + "certificates: {a: {usage: [client], issuer: ca, subject: {common_name: test ca}}}\n"
    assert [one.code for one in refused(tmp_path, text)] == ["same-subject"]


def test_what_the_schema_refused_causes_no_further_error(tmp_path: Path) -> None:
    """Fields that are absent only because they were refused are not called missing."""
    text = """\
version: 1
authorities:
  ca: {subject: 5, path_length: x}
  sub: {issuer: ca, subject: {common_name: S}}
hosts:
  web: {fqdn: a.abc.com, issuer: 5}
certificates:
  one: {usage: [server], issuer: ca, names: 7}
"""
    assert [one.code for one in refused(tmp_path, text)] == ["wrong-type"] * 4


# -- versions, output, the rest ---------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "fits"), [(">=0.1", True), (">=1.0,<2", True), (">=99", False), ("!=1.0", False),
                                              ("<1", False), ("==1", True), (">1.0.0", False),
                                              ("<= 1", True)])  # fmt: skip
def test_version_that_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, fits: bool) -> None:
    monkeypatch.setattr("pkibuild.__version__", "1.0.0")
    text = f'{HEAD}pkibuild: "{wanted}"\n'
    if fits:
        loaded(tmp_path, text)
    else:
        assert codes(refused(tmp_path, text)) == [("other-version", "pki.yaml", 5, 11)]


def test_output(tmp_path: Path) -> None:
    assert loaded(tmp_path, HEAD + "output: build/pki/\n").output == "build/pki"
    path = write(tmp_path, HEAD)
    world = World({"PKIBUILD_NOW": NOW})
    assert load(str(path), world, output="/x/y").output == "/x/y"
    assert load(str(path), world, output="y").output == str(Path.cwd() / "y")


def test_there_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(str(tmp_path / "pki.yaml"), World({"PKIBUILD_NOW": NOW}))
    (one,) = caught.value.diagnostics
    assert (one.code, one.hint) == ("no-manifest", "`pkibuild init` writes one to begin with")


def test_time_is_that_of_the_world(tmp_path: Path) -> None:
    assert World({"PKIBUILD_NOW": NOW}).now() == WORLD_NOW
    text = HEAD + "hosts: {web: {fqdn: a.abc.com, issuer: ca, validity: {not_after: 2026-11-24T00:00:00Z}}}\n"
    assert [one.code for one in refused(tmp_path, text)] == ["end-in-the-past"]
    loaded(tmp_path, text.replace("00:00:00", "00:00:01"))


@pytest.mark.parametrize(
    ("field", "code"),
    [("issued_since: 2026-11-25", "since-in-the-future"), ("issued_since: 2026-02-30", "bad-time"),
     ("validity: {not_after: 2030-13-01}", "bad-time"), ("platform: user", "missing-field"),
     ("home: /home/a", "bad-value"), ("key: {generation: 0}", "bad-value"), ("key: {rotate: always}", "bad-value")],
)  # fmt: skip
def test_bad_fields_of_a_host(tmp_path: Path, field: str, code: str) -> None:
    text = f"{HEAD}hosts: {{web: {{fqdn: a.abc.com, issuer: ca, {field}}}}}\n"
    assert [one.code for one in refused(tmp_path, text)] == [code]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """A manifest without problems needs no cryptography, no templates, no jsonschema and no IDNA."""
    import subprocess

    path = write(tmp_path, FIRST_EXAMPLE)
    program = (
        "import sys\nfrom pkibuild.manifest import load\nfrom pkibuild.world import World\n"
        f"load({str(path)!r}, World())\n"
        "print([one for one in ('cryptography', 'jinja2', 'jsonschema', 'idna') if one in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"


# -- input that is made to take long ----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"{FLEET}services: {{s: {{type: qpopper, hosts: ['{'*a' * 31}b']}}}}\nmore: 1\n".replace("db:", "a" * 63 + ":"),
        f"{HEAD}defaults: {{formats: [{', '.join(map(str, range(30_000)))}]}}\n",
        HEAD + "".join(f"x{n}: 1\n" for n in range(30_000)),
        HEAD + "".join(f"x{n}: !x 1\n" for n in range(30_000)),
        HEAD + "hosts:\n" + "  a: {}\n" * 30_000,
        HEAD + "x: 'secret" + "secret-pass" * 30_000,
        HEAD + "x: 'y" + " y" * 100_000 + "\n" + "\n" * 10_000,
        HEAD + "pkibuild: '" + ">=1," * 50_000 + "'\n",
        HEAD + "certificates: {a: {usage: [email], issuer: ca, names: {email: [" + "a." * 50_000 + "]}}}\n",
        "version: 1\nauthorities:\n" + "".join(
            f"  a{n}: {{issuer: a{n + 1}, subject: {{common_name: '{n}'}}}}\n" for n in range(800)
        ) + "  a800: {subject: {common_name: R}}\n",
        "version: 1\nauthorities:\n" + "".join(
            f"  a{n}: {{issuer: a{(n + 1) % 800}, subject: {{common_name: '{n}'}}}}\n" for n in range(800)
        ),
        FLEET + "services:\n" + "".join(f"  s{n}: {{type: qpopper, host: wep{n}}}\n" for n in range(3000)),
    ],
    ids=["stars", "numbers", "unknown fields", "tags", "duplicates", "one line", "open quote", "versions", "dots",
         "a deep tree", "a long cycle", "misspelt hosts"],
)  # fmt: skip
def test_is_refused_soon(tmp_path: Path, text: str) -> None:
    """Each took minutes, or for ever, in the naive form of what judges it."""
    import time

    begin = time.process_time()
    assert refused(tmp_path, text)
    assert time.process_time() - begin < 5  # two seconds at most on the machine that it was written on
