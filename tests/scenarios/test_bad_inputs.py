"""Bad inputs, and what each gets: the rows of the table in the design, through the command line.

In a manifest here `▸` stands before the place that the diagnostic must point at; it is taken out before the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from helpers import Project

NOW = {"PKIBUILD_NOW": "2026-11-24T00:00:00Z"}
MARK = "▸"

HEAD = """\
version: 1
authorities:
  ca:
    subject: {common_name: Test CA}
"""


def host(fields: str, head: str = HEAD) -> str:
    """A manifest with one host; `fields` are the lines of its declaration."""
    lines = "".join(f"    {line}\n" for line in fields.splitlines())
    return f"{head}hosts:\n  web:\n{lines}"


def alias(name: str) -> str:
    return host(f"fqdn: www.abc.com\naliases: [{name}]\nissuer: ca")


def address(text: str) -> str:
    return host(f"fqdn: www.abc.com\naddresses: [{text}]\nissuer: ca")


def subject(fields: str) -> str:
    return host(f"fqdn: www.abc.com\nissuer: ca\nsubject: {{{fields}}}")


def authority(fields: str) -> str:
    lines = "".join(f"    {line}\n" for line in fields.splitlines())
    return f"version: 1\nauthorities:\n  ca:\n{lines}"


def certificate(fields: str) -> str:
    lines = "".join(f"    {line}\n" for line in fields.splitlines())
    return f"{HEAD}certificates:\n  one:\n    issuer: ca\n{lines}"


LONG = "x" * 64
LONG_NAME = ".".join(["a" * 49] * 6)


def alias_bomb() -> str:
    """Nine to the sixth values by aliases; the mark is where they become too many."""
    lists = [", ".join([f"*{one}"] * 9) for one in "abcde"]
    lists[4] = lists[4].replace("*e, *e", "*e, ▸*e", 1)
    return "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{one}: &{one} [{items}]\n" for one, items in zip("bcdef", lists, strict=True)
    )


REFUSED: list[tuple[str, str, str]] = [
    ("1 underscore", alias("▸my_host.abc.com"), "bad-dns-name"),
    ("3 empty label", alias("▸a..abc.com"), "bad-dns-name"),
    ("3 leading dot", alias("▸.abc.com"), "bad-dns-name"),
    ("3 empty name", alias("▸''"), "bad-value"),
    ("4 label too long", alias(f"▸{LONG}.abc.com"), "bad-dns-name"),
    ("4 name too long", alias(f"▸{LONG_NAME}"), "bad-dns-name"),
    ("5 hyphen first", alias("▸-a.abc.com"), "bad-dns-name"),
    ("5 hyphen last", alias("▸a-.abc.com"), "bad-dns-name"),
    ("7 invalid A-label", alias("▸xn--zz--.abc.com"), "bad-dns-name"),
    ("7 emoji", alias("▸😀.abc.com"), "bad-dns-name"),
    ("8 reserved label", alias("▸ab--cd.abc.com"), "bad-dns-name"),
    ("10 network", address("▸192.0.2.0/24"), "bad-address"),
    ("11 scope", address("▸'fe80::1%eth0'"), "bad-address"),
    ("12 star alone", alias("▸'*'"), "bad-dns-name"),
    ("12 star over one label", alias("▸'*.com'"), "bad-dns-name"),
    ("13 star inside", alias("▸www.*.abc.com"), "bad-dns-name"),
    ("13 partial star", alias("▸f*.abc.com"), "bad-dns-name"),
    ("13 two stars", alias("▸'*.*.abc.com'"), "bad-dns-name"),
    ("15 NUL", alias(r'▸"a\0.abc.com"'), "bad-dns-name"),
    ("15 blank", alias("▸'a b.abc.com'"), "bad-dns-name"),
    ("15 URL", alias("▸'https://www.abc.com'"), "bad-dns-name"),
    ("15 port", alias("▸'www.abc.com:443'"), "bad-dns-name"),
    ("15 path", alias("▸www.abc.com/index"), "bad-dns-name"),
    ("17 host without a name", f"{HEAD}hosts:\n  ▸web:\n    issuer: ca\n", "missing-field"),
    ("17 server certificate without a name", f"{HEAD}certificates:\n  ▸one:\n    usage: [server]\n    issuer: ca\n",
     "no-name"),
    ("18 common name of a host", subject("common_name: ▸other.abc.com"), "common-name"),
    ("18 common name of a certificate",
     certificate("usage: [server]\nnames: {dns: [a.abc.com]}\nsubject: {common_name: ▸Web Server}"), "common-name"),
    ("20 common name of an authority", authority(f"subject: {{common_name: ▸{LONG}x}}"), "bad-subject"),
    ("20 common name of a person", certificate(f"usage: [client]\nsubject: {{common_name: ▸{LONG}x}}"), "bad-subject"),
    ("21 three letters", subject("country: ▸DEU"), "bad-subject"),
    ("21 UK", subject("country: ▸UK"), "bad-subject"),
    ("21 ZZ", subject("country: ▸ZZ"), "bad-subject"),
    ("22 organization", subject(f"organization: ▸{LONG}x"), "bad-subject"),
    ("22 unit", subject(f"unit: [IT, ▸{LONG}x]"), "bad-subject"),
    ("22 state", subject(f"state: ▸{LONG * 2}x"), "bad-subject"),
    ("22 locality", subject(f"locality: ▸{LONG * 2}x"), "bad-subject"),
    ("23 empty attribute", subject("organization: ▸''"), "bad-subject"),
    ("24 NUL", subject(r'organization: ▸"A\0B"'), "bad-subject"),
    ("24 newline", subject(r'organization: ▸"A\nB"'), "bad-subject"),
    ("24 BIDI control", subject(r'organization: ▸"A\u202eB"'), "bad-subject"),
    ("24 zero width", subject(r'organization: ▸"A\u200bB"'), "bad-subject"),
    ("29 e-mail", subject("email: ▸jürgen@abc.com"), "bad-subject"),
    ("29 e-mail among the names", certificate("usage: [email]\nnames: {email: [▸jürgen@abc.com]}"), "bad-email"),
    ("29 domain component", subject("domain_component: [com, ▸bücher]"), "bad-subject"),
    ("31 authority without a subject", "version: 1\nauthorities:\n  ▸ca: {}\n", "no-subject"),
    ("32 one subject twice", f"{HEAD}  cb:\n    subject: ▸{{common_name: TEST CA}}\n", "same-subject"),
    ("35 zero", host("fqdn: www.abc.com\nissuer: ca\nvalidity: ▸0d"), "bad-value"),
    ("35 negative", host("fqdn: www.abc.com\nissuer: ca\nvalidity: ▸-1d"), "bad-value"),
    ("36 end in the past", host("fqdn: www.abc.com\nissuer: ca\nvalidity: {not_after: ▸2020-01-01}"),
     "end-in-the-past"),
    ("36 renewal as long as the validity", host("fqdn: www.abc.com\nissuer: ca\nvalidity: 30d\nrenew_before: ▸30d"),
     "renews-too-early"),
    ("36 refresh as long as the list's validity",
     authority('subject: {common_name: A}\ncrl: {url: "http://abc.com/a.crl", validity: 7d, refresh_before: ▸1w}'),
     "renews-too-early"),
    ("38 beyond the year 9999", host("fqdn: www.abc.com\nissuer: ca\nvalidity: ▸9000y"), "end-of-time"),
    ("41 RSA too small", host("fqdn: www.abc.com\nissuer: ca\nkey: ▸rsa-1024"), "bad-value"),
    ("41 RSA too large", host("fqdn: www.abc.com\nissuer: ca\nkey: {algorithm: ▸rsa-16384}"), "bad-value"),
    ("41 DSA", host("fqdn: www.abc.com\nissuer: ca\nkey: ▸dsa-2048"), "bad-value"),
    ("41 unknown curve", host("fqdn: www.abc.com\nissuer: ca\nkey: ▸secp256k1"), "bad-value"),
    ("47 path length", f"{HEAD}  cb: {{issuer: ca, subject: {{common_name: B}}}}\n"
     "  cc: {issuer: ▸cb, subject: {common_name: C}}\n", "path-length"),
    ("48 outside", host("fqdn: ▸www.xyz.com\nissuer: ca",
                        HEAD + "    name_constraints: {permitted: {dns: [abc.com]}}\n"), "name-not-permitted"),
    ("48 address outside", host("fqdn: www.abc.com\naddresses: [▸198.51.100.1]\nissuer: ca",
                                HEAD + '    name_constraints: {permitted: {ip: [192.0.2.0/24, "::/0"]}}\n'),
     "name-not-permitted"),
    ("48 excluded", host("fqdn: ▸a.secret.abc.com\nissuer: ca",
                         HEAD + "    name_constraints: {excluded: {dns: [secret.abc.com]}}\n"), "name-excluded"),
    ("48 wildcard over an excluded name", host("fqdn: www.abc.com\naliases: [▸'*.abc.com']\nissuer: ca",
                                               HEAD + "    name_constraints: {excluded: {dns: [secret.abc.com]}}\n"),
     "name-excluded"),
    ("49 leading dot", f"{HEAD}    name_constraints: {{permitted: {{dns: [▸.abc.com]}}}}\n", "bad-constraint"),
    ("51 https", authority('subject: {common_name: A}\ncrl: {url: ▸"https://abc.com/a.crl"}'), "bad-url"),
    ("51 ldap", authority('subject: {common_name: A}\ncrl: {url: ▸"ldap://abc.com/cn=a"}'), "bad-url"),
    ("53 duplicate key", "version: 1\nauthorities: {}\n▸version: 1\n", "duplicate-key"),
    ("53 tag", "version: 1\nhosts: ▸!!map {}\n", "yaml-tag"),
    ("53 merge key", "version: 1\nhosts:\n  a: &a {fqdn: a.b.c}\n  b:\n    ▸<<: *a\n", "yaml-merge"),
    ("55 unknown field", host("fqdn: www.abc.com\nissuer: ca\n▸alias: [abc.com]"), "unknown-field"),
    ("55 unknown section", f"{HEAD}▸host: {{}}\n", "unknown-field"),
    ("55 wrong type", host("fqdn: www.abc.com\nissuer: ca\naliases: ▸abc.com"), "wrong-type"),
    ("55 number for text", subject("postal_code: ▸10617"), "wrong-type"),
    ("55 misspelt type", host("fqdn: www.abc.com\nissuer: ca") + "services: {s: {type: ▸apach, host: web}}\n",
     "unknown-type"),
    ("55 unknown option", host("fqdn: www.abc.com\nissuer: ca")
     + "services: {s: {type: apache, host: web, ▸site: []}}\n", "unknown-field"),
    ("56 unknown issuer", host("fqdn: www.abc.com\nissuer: ▸c"), "unknown-issuer"),
    ("56 no issuer", f"{HEAD}hosts:\n  ▸web:\n    fqdn: www.abc.com\n", "missing-field"),
    ("56 cycle", "version: 1\nauthorities:\n  a:\n    issuer: ▸b\n    subject: {common_name: A}\n"
     "  b: {issuer: a, subject: {common_name: B}}\n", "issuer-cycle"),
    ("56 own issuer", authority("issuer: ▸ca\nsubject: {common_name: A}"), "issuer-cycle"),
    ("56 service on no host", HEAD + "services:\n  ▸s:\n    type: apache\n", "missing-field"),
    ("56 unknown host", host("fqdn: www.abc.com\nissuer: ca") + "services: {s: {type: apache, host: ▸wep}}\n",
     "unknown-host"),
    ("56 glob that matches nothing", host("fqdn: www.abc.com\nissuer: ca")
     + "services: {s: {type: apache, hosts: [▸'db*']}}\n", "no-host"),
    ("56 tag that nobody has", host("fqdn: www.abc.com\nissuer: ca")
     + "services: {s: {type: apache, hosts: {tags: ▸[db]}}}\n", "no-host"),
    ("58 name with a slash", f"{HEAD}hosts:\n  ▸a/b: {{fqdn: a.abc.com, issuer: ca}}\n", "bad-name"),
    ("58 name that goes up", f"{HEAD}hosts:\n  ▸..: {{fqdn: a.abc.com, issuer: ca}}\n", "bad-name"),
    ("58 name like an option", f"{HEAD}hosts:\n  ▸-a: {{fqdn: a.abc.com, issuer: ca}}\n", "bad-name"),
    ("58 control character in a name", f'{HEAD}hosts:\n  ▸"a\\x1b": {{fqdn: a.abc.com, issuer: ca}}\n', "bad-name"),
    ("58 output above", HEAD + "output: ▸../pki\n", "bad-output"),
    ("58 absolute output", HEAD + "output: ▸/tmp/pki\n", "bad-output"),
    ("58 output that is the folder itself", HEAD + "output: ▸a/..\n", "bad-output"),
    ("58 home that goes up", host("fqdn: www.abc.com\nissuer: ca\nplatform: user\nhome: ▸/home/../etc"), "bad-value"),
    ("60 pattern of a billion", f"{HEAD}hosts:\n  ▸'web[1:999999999]': {{fqdn: 'w[1:999999999].abc.com'}}\n",
     "too-many"),
    ("60 aliases", alias_bomb(), "yaml-alias"),
    ("60 nesting", "version: 1\nhosts: " + "[" * 39 + "▸" + "[" * 100_000 + "\n", "yaml-depth"),
    ("61 passphrase", authority("subject: {common_name: A}\nkey: {passphrase: ▸hunter2}"), "passphrase-in-manifest"),
    ("62 tab", "version: 1\nhosts:\n▸\tweb: {}\n", "yaml-tab"),
    ("62 line separator", "version: 1\n# a comment▸\u2028hosts: {}\n", "bad-character"),
    ("62 next line", "version: 1\n# a comment▸\x85hosts: {}\n", "bad-character"),
    ("62 paragraph separator", "version: 1\n# a comment▸\u2029hosts: {}\n", "bad-character"),
    ("62 lone CR", "version: 1\n# a comment▸\rhosts: {}\n", "bad-character"),
    ("63 empty", "▸", "empty-manifest"),
    ("63 only a comment", "▸# nothing\n", "empty-manifest"),
    ("63 only the version", "▸version: 1\n", "empty-manifest"),
    ("63 version 2", "version: ▸2\n", "bad-version"),
    ("63 version in quotes", 'version: ▸"1"\nauthorities: {}\n', "bad-version"),
    ("63 version 1.0", "version: ▸1.0\nauthorities: {}\n", "bad-version"),
]  # fmt: skip

WARNED: list[tuple[str, str, str]] = [
    ("33 leaf that would outlive its issuer", host("fqdn: www.abc.com\nissuer: ca\nvalidity: ▸397d",
                                                   HEAD + "    validity: 200d\n"), "outlives-issuer"),
    ("40 over 825 days", host("fqdn: www.abc.com\nissuer: ca\nvalidity: ▸826d"), "long-validity"),
    ("44 Ed25519", host("fqdn: www.abc.com\nissuer: ca\nkey: ▸ed25519"), "client-support"),
    ("44 P-521", host("fqdn: www.abc.com\nissuer: ca\nkey: {algorithm: ▸ecdsa-p521}"), "client-support"),
    ("44 ML-DSA", host("fqdn: www.abc.com\nissuer: ca\nkey: ▸ml-dsa-65"), "client-support"),
    ("49 one family", f"{HEAD}  cb:\n    issuer: ca\n    subject: {{common_name: B}}\n"
     "    name_constraints: {permitted: {ip: ▸[192.0.2.0/24]}}\n", "one-ip-family"),
    ("constraints of a root", f"{HEAD}    name_constraints: ▸{{permitted: {{dns: [abc.com]}}}}\n",
     "constraints-on-root"),
    ("self-signed host", host("fqdn: www.abc.com\nissuer: ▸self"), "self-signed"),
]  # fmt: skip


@dataclass(frozen=True)
class Found:
    code: str
    severity: str
    line: int
    column: int
    message: str
    hint: str


def validate(project: Project, text: str) -> list[Found]:
    """What `pkibuild validate` says of a manifest; it must end with 1 exactly when there is an error."""
    (project.folder / "pki.yaml").write_bytes(text.encode())
    done = project.run_here("validate", "--format", "json", env=NOW)
    found = [_found(one) for one in json.loads(done.out)["diagnostics"]]
    assert done.status == (1 if any(one.severity == "error" for one in found) else 0), done.err
    assert [one.name for one in project.folder.iterdir()] == ["pki.yaml"]
    return found


def _found(one: dict[str, Any]) -> Found:
    hint = one.get("hint", "")
    return Found(one["code"], one["severity"], one.get("line", 0), one.get("column", 0), one["message"], hint)


def marked(text: str) -> tuple[str, int, int]:
    """The manifest without the mark, and the line and column that it stood at."""
    assert text.count(MARK) == 1
    before = text[: text.index(MARK)]
    return text.replace(MARK, ""), before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(project: Project, text: str, code: str) -> None:
    manifest, line, column = marked(text)
    errors = [one for one in validate(project, manifest) if one.severity == "error"]
    assert [(one.code, one.line, one.column) for one in errors] == [(code, line, column)]


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in WARNED], ids=[case[0] for case in WARNED])
def test_warned_of(project: Project, text: str, code: str) -> None:
    manifest, line, column = marked(text)
    found = [(one.severity, one.code, one.line, one.column) for one in validate(project, manifest)]
    assert found == [("warning", code, line, column)]


def shown(project: Project, text: str) -> dict[str, Any]:
    project.write(text)
    done = project.run_here("show", "--format", "json", env=NOW).ok()
    found: dict[str, Any] = json.loads(done.out)
    return found


NORMAL: list[tuple[str, str, list[str], list[str]]] = [
    ("2 trailing dot", alias("abc.com."), ["abc.com"], []),
    ("6 Unicode", alias("faß.de"), ["xn--fa-hia.de"], []),
    ("9 address among the names", alias("192.0.2.1"), [], ["192.0.2.1"]),
    ("14 twice and in another case", alias("ABC.com, abc.com, WWW.abc.com"), ["abc.com"], []),
    ("16 single label", alias("intranet, localhost"), ["intranet", "localhost"], []),
    ("16 private address", address("10.0.0.1, FE80::0:1"), [], ["10.0.0.1", "fe80::1"]),
]


@pytest.mark.parametrize(("text", "aliases", "addresses"), [one[1:] for one in NORMAL], ids=[one[0] for one in NORMAL])
def test_names_in_normal_form(project: Project, text: str, aliases: list[str], addresses: list[str]) -> None:
    web = shown(project, text)["hosts"]["web"]
    assert web.get("aliases", []) == aliases
    assert web.get("addresses", []) == addresses


SUBJECTS: list[tuple[str, str, str, str]] = [
    ("21 lower case", "country: de", "country", "DE"),
    ("25 NFC", 'organization: "Cafe\\u0301"', "organization", "Café"),
    ("26 blanks", "organization: '  ABC   Company '", "organization", "ABC Company"),
    ("53 NO", "country: NO", "country", "NO"),
    ("53 on", "organization: on", "organization", "on"),
    ("53 leading zero", "postal_code: 007", "postal_code", "007"),
    ("53 sexagesimal", "serial_number: 12:30:00", "serial_number", "12:30:00"),
    ("53 date", "serial_number: 2030-01-01", "serial_number", "2030-01-01"),
]


@pytest.mark.parametrize(("fields", "name", "value"), [one[1:] for one in SUBJECTS], ids=[one[0] for one in SUBJECTS])
def test_subjects_in_normal_form(project: Project, fields: str, name: str, value: str) -> None:
    assert shown(project, subject(fields))["hosts"]["web"]["subject"][name] == value


def test_20_common_name_too_long_is_left_out_of_a_server(project: Project) -> None:
    name = f"{'a' * 60}.abc.com"
    assert "common_name" not in shown(project, host(f"fqdn: {name}\nissuer: ca"))["hosts"]["web"]["subject"]


def test_28_email_in_a_subject_becomes_a_name(project: Project) -> None:
    text = certificate("usage: [client]\nsubject: {common_name: Alice Wu, email: alice@ABC.com}")
    assert shown(project, text)["certificates"]["one"]["names"] == {"email": ["alice@abc.com"]}


def test_37_year_2050_and_later(project: Project) -> None:
    text = host("fqdn: www.abc.com\nissuer: ca\nvalidity: {not_after: 2055-01-01}",
                HEAD + "    validity: {not_after: 9999-12-31T23:59:59Z}\n")  # fmt: skip
    assert shown(project, text)["hosts"]["web"]["validity"] == {"not_after": "2055-01-01T00:00:00Z"}


def test_62_mark_and_line_ends_are_accepted(project: Project) -> None:
    (project.folder / "pki.yaml").write_bytes(b"\xef\xbb\xbf" + alias("abc.com").replace("\n", "\r\n").encode())
    assert project.run_here("validate", env=NOW).status == 0


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [(b"version: 1\n# Z\xfcrich\n", 2, 4), (alias("abc.com").encode("utf-16"), 1, 1), (b"v\0e\0", 1, 1)],
    ids=["Latin 1", "UTF-16", "UTF-16 without a mark"],
)
def test_62_other_encodings(project: Project, data: bytes, line: int, column: int) -> None:
    (project.folder / "pki.yaml").write_bytes(data)
    done = project.run_here("validate", env=NOW)
    assert done.status == 1
    assert done.err.startswith(f"pki.yaml:{line}:{column}: error[not-utf-8]")


def test_60_a_hundred_megabytes(project: Project) -> None:
    with (project.folder / "pki.yaml").open("wb") as file:
        file.truncate(100 * 2**20)
    done = project.run_here("validate", env=NOW)
    assert done.status == 1
    assert "error[file-too-large]" in done.err


def test_60_endless_include(project: Project) -> None:
    project.write("version: 1\ninclude: [b.yaml]\n")
    project.write("include: [b2.yaml]\n", "b.yaml")
    project.write("\n  include: [pki.yaml]\n", "b2.yaml")
    done = project.run_here("validate", env=NOW)
    assert done.status == 1
    assert ("b2.yaml:2:13: error[include-cycle]: the files include each other: "
            "`pki.yaml` → `b.yaml` → `b2.yaml` → `pki.yaml`\n") in done.err  # fmt: skip
    assert done.err.count("error[") == 1


def test_61_a_passphrase_is_never_shown(project: Project) -> None:
    project.write(authority('subject: {common_name: A}\nkey: {passphrase: "hunter2", algorithm: rsa-9}\nx: 1'))
    done = project.run_here("validate", env=NOW)
    assert "hunter" not in done.out + done.err
    assert "    5 |     key: {passphrase: •••, algorithm: rsa-9}\n" in done.err
    assert done.err.count("error[") == 3


def test_48_both_lines_are_named(project: Project) -> None:
    project.write(host("fqdn: www.xyz.com\nissuer: ca", HEAD + "    name_constraints: {permitted: {dns: [abc.com]}}\n"))
    done = project.run_here("validate", env=NOW)
    said = "pki.yaml:8:11: error[name-not-permitted]: `www.xyz.com` lies outside the name constraints of `ca`"
    assert said in done.err
    assert "pki.yaml:5:41: permitted here" in done.err


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (host("fqdn: www.abc.com\nissuer: ac"), "declared are `ca`"),
        (host("fqdn: www.abc.com\nissuer: ca\naliasses: [a.b]"), "did you mean `aliases`?"),
        (subject("country: UK"), "write `GB`"),
        (host("fqdn: www.abc.com\nissuer: ca\nkey: ecdsa-256"), "did you mean `ecdsa-p256`?"),
        (
            host("fqdn: www.abc.com\nissuer: ca\nvalidity: 10"),
            "a number from 1 and a unit: `90d`, `52w`, `20y` (365 days each), `36h`, `10m`, `30s`",
        ),
        (
            host("fqdn: www.abc.com\nissuer: ca")
            + "services:\n  s: {type: apache, host: web, addresses: [999.1.1.1]}\n",
            "an IPv4 or IPv6 address, or `*`",
        ),
        (
            host("fqdn: www.abc.com\nissuer: ca") + "services:\n  s: {type: qpopper, host: web, ciphers: 'a b'}\n",
            "OpenSSL cipher list for TLS 1.2 and older. Default: OpenSSL's own",
        ),
        (f"{HEAD}output: ~/pki\n", "name a folder below the manifest's own, such as `pki`"),
        ('version: "1"\n', "write `version: 1`, without quotes"),
    ],
)
def test_hints(project: Project, text: str, hint: str) -> None:
    assert [one.hint for one in validate(project, text) if one.severity == "error"] == [hint]


def test_a_name_is_declared_by_a_pattern_too(project: Project) -> None:
    text = f'{HEAD}hosts:\n  "w[1:5]": {{fqdn: "w[1:5].abc.com", issuer: ca}}\n  w3: {{fqdn: w.abc.com, issuer: ca}}\n'
    project.write(text)
    told = project.run_here("validate", env=NOW).err
    assert "pki.yaml:7:3: error[name-taken]: `w3` is declared twice\n" in told
    assert "  pki.yaml:6:13: also declared here\n" in told


FLEET = f"""\
{HEAD}  web-ca: {{issuer: ca, subject: {{common_name: Web CA}}}}
hosts:
  "w[1:5]": {{fqdn: "w[1:5].abc.com", issuer: web-ca}}
  other: {{fqdn: other.abc.com, issuer: web-ca}}
services:
"""


@pytest.mark.parametrize(
    ("services", "codes"),
    [
        ("  a: {type: qpopper, hosts: ['w*']}\n", ["requires-issuer"]),
        ("  a: {type: qpopper, hosts: ['*']}\n", ["requires-issuer"] * 2),
        ("  a: {type: sendmail, hosts: ['w*']}\n  b: {type: sendmail, hosts: ['w*']}\n", ["same-path"]),
        ("  a: {type: apache, hosts: ['w*']}\n  b: {type: sendmail, hosts: ['w*'], port: 443}\n", ["same-port"]),
        ("  a: {type: apache, host: w1, client_auth: required, client_authorities: [cb]}\n", ["unknown-issuer"]),
    ],
)
def test_one_fault_is_told_once(project: Project, services: str, codes: list[str]) -> None:
    project.write(FLEET + services)
    for command in ("validate", "plan"):
        told = project.run_here(command, env=NOW)
        assert told.status == 1
        assert [line.split("error[")[1].split("]")[0] for line in told.err.splitlines() if "error[" in line] == codes


def test_56_a_cycle_is_shown(project: Project) -> None:
    text = "version: 1\nauthorities:\n" + "".join(
        f"  {one}: {{issuer: {other}, path_length: 5, subject: {{common_name: {one}}}}}\n"
        for one, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    said = "the authorities sign each other: `a` → `b` → `c` → `a`"
    assert [one.message for one in validate(project, text)] == [said]


def test_all_problems_are_told_in_one_run(project: Project) -> None:
    text = f"""\
version: 1
authorities:
  ca:
    subject: {{common_name: A, country: ZZ}}
    path_lenght: 0
hosts:
  a: {{fqdn: a_b.abc.com, issuer: ac}}
  b: {{fqdn: b.abc.com, issuer: ca, validity: 0d}}
services:
  s: {{type: apache, hosts: ['x*', b], port: {"1" * 5000}}}
"""
    found = [(one.code, one.line) for one in validate(project, text)]
    assert found == [("bad-subject", 4), ("unknown-field", 5), ("bad-dns-name", 7), ("unknown-issuer", 7),
                     ("bad-value", 8), ("no-host", 10), ("wrong-type", 10)]  # fmt: skip
