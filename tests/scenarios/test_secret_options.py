"""Options that a pack calls secret (`writeOnly`): nothing that is shown, committed or that travels tells of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import Project

from pkibuild.plan.planner import FEW
from pkibuild.world import World

PACK = {
    "service.yaml": """\
type: accounts
version: 1
files:
  - {path: etc/all.conf, template: all.j2, language: words, mode: "0600"}
  - {path: "etc/one/{item.name}.conf", template: one.j2, language: words, each: people, mode: "0600"}
  - {path: "etc/many/{item.name}.conf", template: many.j2, language: words, each: groups.all, mode: "0600"}
""",
    "options.schema.json": json.dumps(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "word": {"type": "string", "writeOnly": True, "description": "password"},
                "number": {"type": "integer", "writeOnly": True, "description": "PIN"},
                "port": {"type": "integer", "description": "port", "default": 80},
                "people": {"type": "array", "items": {"$ref": "#/$defs/person"}, "description": "who"},
                "groups": {
                    "type": "object",
                    "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/person"}}},
                    "description": "who together",
                },
                "tokens": {
                    "type": "object",
                    "additionalProperties": {"type": "string", "writeOnly": True},
                    "description": "by name",
                },
            },
            "$defs": {
                "nested": {
                    "type": "object",
                    "properties": {"n": {"$ref": "#/$defs/nested"}, "w": {"type": "string", "writeOnly": True}},
                },
                "person": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "key": {"type": "string", "writeOnly": True}},
                },
            },
        }
    ),
    "all.j2": "# pkibuild\nport {{ options.port }}\nword {{ options.word }} {{ options.number }}\n"
    "{% for one in options.people %}{{ one.name }} {{ one.key }}\n{% endfor %}"
    "{% for name in options.tokens %}{{ name }} {{ options.tokens[name] }}\n{% endfor %}",
    "one.j2": "# pkibuild\nport {{ options.port }}\nuser {{ item.name }} {{ item.key }}\n",
    "many.j2": "# pkibuild\nport {{ options.port }}\nuser {{ item.name }} {{ item.key }}\n",
}
SECRETS = {"word": "swordfish", "number": "11", "ann": "sesame", "bob": "plugh", "cy": "frotz"}
OTHERS = {"word": "x", "number": "987654", "ann": "abracadabra", "bob": "abracadabra", "cy": "abracadabra"}


def manifest(secrets: dict[str, str], port: int = 80) -> str:
    return f"""\
version: 1
packs: [packs/accounts]
defaults: {{issuer: root}}
authorities: {{root: {{subject: {{common_name: Root}}, key: ecdsa-p256}}}}
hosts: {{www: {{fqdn: www.abc.com}}}}
services:
  accounts:
    type: accounts
    host: www
    port: {port}
    word: {secrets["word"]}
    number: {secrets["number"]}
    people: [{{name: ann, key: {secrets["ann"]}}}]
    groups: {{all: [{{name: bob, key: {secrets["bob"]}}}]}}
    tokens: {{cy: {secrets["cy"]}}}
"""


@pytest.fixture
def accounts(project: Project) -> Project:
    folder = project.folder / "packs" / "accounts"
    folder.mkdir(parents=True)
    for name, text in PACK.items():
        (folder / name).write_text(text)
    project.write(manifest(SECRETS))
    return project


def of_configs(path: Path) -> list[str]:
    """The lines of a lock or receipt that tell of the pack's files."""
    return [line for line in path.read_text().splitlines() if "service/accounts@www/" in line]


def values(secrets: dict[str, str]) -> set[str]:
    return {one for one in secrets.values() if len(one) > 2}


def test_no_record_hangs_on_a_secret(accounts: Project) -> None:
    """Not on its value, nor on its length, nor on whether two are equal: none can be guessed from what is recorded."""
    accounts.run_here("apply").ok()
    records = [accounts.folder / "pki.lock", accounts.path("hosts/www/.install.json")]
    before = [of_configs(path) for path in records]
    assert [len(lines) for lines in before] == [3, 3]
    accounts.write(manifest(OTHERS))
    accounts.run_here("apply").ok()
    assert OTHERS["ann"] in accounts.path("hosts/www/etc/one/ann.conf").read_text()
    assert [of_configs(path) for path in records] == before


def test_secrets_are_where_the_manual_says(accounts: Project) -> None:
    """In the configs, and in what is remembered of a large manifest."""
    lines = "".join(f"  h{number}: {{fqdn: h{number}.abc.com}} # {'x' * 200}\n" for number in range(100))
    accounts.edit("hosts: {www: {fqdn: www.abc.com}}", f"hosts:\n  www: {{fqdn: www.abc.com}}\n{lines}")
    accounts.run_here("apply").ok()
    accounts.edit("port: 80", "port: 81")
    accounts.run_here("apply").ok()
    files = [path for path in accounts.path("").rglob("*") if path.is_file()]
    found = [path for path in files if any(one.encode() in path.read_bytes() for one in values(SECRETS))]
    configs = {accounts.path(f"hosts/www/etc/{name}") for name in ("all.conf", "one/ann.conf", "many/bob.conf")}
    assert {*found} == {*configs, accounts.path(".cache/documents")}
    kept = [path for path in files if path.parent == accounts.path(".cache")]
    assert {path.stat().st_mode & 0o777 for path in (*found, *kept)} == {0o600}


def test_a_config_with_secrets_that_was_edited_is_put_back_without_a_copy(accounts: Project) -> None:
    accounts.run_here("apply").ok()
    path = accounts.path("hosts/www/etc/all.conf")
    before = path.read_text()
    path.write_text(before.replace("port 80", "port 81"))
    assert told(accounts) == [("all.conf", "render")]
    accounts.run_here("apply").ok()
    assert path.read_text() == before
    assert not accounts.path(".cache/edited").exists()


COMMANDS = [
    *(["plan", "-v", *form] for form in ([], ["--format", "json"], ["--format", "markdown"])),
    *(["graph", "--format", form] for form in ("tree", "json", "dot", "mermaid", "svg")),
    *(["graph", "--why", f"service/accounts@www/{name}.conf"] for name in ("all", "ann", "bob")),
    ["graph", "--why", "service/accounts@www/all.conf", "--format", "json"],
    ["status"],
    ["status", "--format", "json"],
    ["show"],
    ["show", "service/accounts@www/all.conf"],
    ["show", "--format", "json"],
    ["apply", "-v"],
    ["validate", "--format", "json"],
]


def test_no_command_shows_a_secret(accounts: Project) -> None:
    for change in (lambda: None, lambda: accounts.write(manifest(OTHERS, port=81))):
        change()
        for argv in COMMANDS:
            result = accounts.run_here(*argv)
            assert result.status in (0, 2), result.err  # `status` ends with 2 while something is not built
            shown = result.out + result.err
            assert not [one for one in values(SECRETS) | values(OTHERS) if one in shown], argv


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_no_diff_shows_a_secret(accounts: Project, form: str) -> None:
    accounts.write(manifest(OTHERS, port=81), "new.yaml")
    result = accounts.run_here("diff", "pki.yaml", "new.yaml", "--format", form, "-v").ok()
    assert "port 81" in result.out
    assert not [one for one in values(SECRETS) | values(OTHERS) if one in result.out]


def test_no_saved_plan_hangs_on_a_secret(accounts: Project) -> None:
    accounts.run_here("apply").ok()
    saved = []
    for secrets in (SECRETS, OTHERS):
        accounts.write(manifest(secrets, port=81))
        accounts.run_here("plan", "--out", "plan.json").ok()
        saved.append(json.loads((accounts.folder / "plan.json").read_text())["actions"])
    assert len(saved[0]) == 3
    assert saved[0] == saved[1]


# -- planning from the lock alone --------------------------------------------------------------------------------------


def told(project: Project, *argv: str) -> list[tuple[str, str]]:
    plan = json.loads(project.run_here("plan", "--format", "json", *argv).ok().out)
    return sorted((one["id"].rpartition("/")[2], one["action"]) for one in plan["actions"])


def lock_without_masked(project: Project) -> None:
    """As a version wrote it that did not know of digests of masked texts."""
    lock = project.folder / "pki.lock"
    lines = [json.loads(line) for line in lock.read_text().splitlines()]
    for line in lines:
        line.get("file", {}).pop("masked", None)
    lock.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def test_what_changes_no_text_is_no_action_for_the_lock_either(accounts: Project) -> None:
    """The addresses of the host stand in no text, `port` in all."""
    accounts.run_here("apply").ok()
    accounts.edit("www.abc.com", "www.abc.com, addresses: [192.0.2.1]")
    certificate = [("certificate", "reissue")]
    assert told(accounts) == certificate
    assert told(accounts, "--lock-only") == certificate
    accounts.edit("port: 80", "port: 81")
    everything = sorted([*certificate, *((name, "render") for name in ("all.conf", "ann.conf", "bob.conf"))])
    assert told(accounts) == everything
    assert told(accounts, "--lock-only") == everything


def test_the_lock_does_not_know_what_a_secret_was(accounts: Project) -> None:
    """What changes in nothing but a secret is told where the built file is, and not by the lock alone."""
    accounts.run_here("apply").ok()
    accounts.edit(SECRETS["ann"], OTHERS["ann"])
    changed = [("all.conf", "render"), ("ann.conf", "render")]
    assert told(accounts) == changed
    assert told(accounts, "--lock-only") == []
    accounts.edit("www.abc.com", "www.abc.com, addresses: [192.0.2.1]")
    assert told(accounts) == sorted([*changed, ("certificate", "reissue")])
    assert told(accounts, "--lock-only") == [("certificate", "reissue")]
    accounts.run_here("apply").ok()
    assert told(accounts) == told(accounts, "--lock-only") == []


def test_a_lock_without_digests_of_masked_texts_gets_them_once(accounts: Project) -> None:
    accounts.run_here("apply").ok()
    lock = accounts.folder / "pki.lock"
    whole = lock.read_bytes()
    assert whole.count(b'"masked"') == 3
    lock_without_masked(accounts)
    assert told(accounts) == told(accounts, "--lock-only") == []
    assert "Nothing to do" in accounts.run_here("apply").ok().out
    assert lock.read_bytes() == whole
    written = lock.stat().st_mtime_ns
    assert "Nothing to do" in accounts.run_here("apply").ok().out
    assert lock.stat().st_mtime_ns == written


def test_what_other_processes_decide_on_is_masked_too(accounts: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "processors", lambda _: 2)
    accounts.edit("{www: {fqdn: www.abc.com}}", f'{{"h[1:{FEW + 9}]": {{fqdn: "h[1:{FEW + 9}].abc.com"}}}}')
    accounts.edit("host: www", 'hosts: ["*"]')
    accounts.run_here("apply").ok()
    lock = (accounts.folder / "pki.lock").read_bytes()
    assert lock.count(b'"masked"') == 3 * (FEW + 9)
    lines = set(lock.splitlines())
    shutil.rmtree(accounts.path(".cache"))
    (accounts.folder / "pki.lock").unlink()
    monkeypatch.setattr(World, "processors", lambda _: 1)
    accounts.run_here("apply").ok()
    assert set((accounts.folder / "pki.lock").read_bytes().splitlines()) == lines


def test_a_text_that_cannot_be_masked_is_told_by_its_context(accounts: Project) -> None:
    """Here a mask is no number: `plan` sees that the text stays, the lock does not, as before."""
    template = accounts.folder / "packs" / "accounts" / "one.j2"
    template.write_text("# pkibuild\n{{ options.number + 1 }} {{ item.name }}\n")
    accounts.run_here("apply").ok()
    assert (accounts.folder / "pki.lock").read_text().count('"masked"') == 2
    accounts.edit("port: 80", "port: 81")
    changed = [("all.conf", "render"), ("bob.conf", "render")]
    assert told(accounts) == changed
    assert told(accounts, "--lock-only") == sorted([*changed, ("ann.conf", "render")])


# -- what a schema can say ---------------------------------------------------------------------------------------------

WORD = {"type": "string", "writeOnly": True}
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "number": ({"type": "integer", "writeOnly": True}, "73019"),
    "mapping": ({"type": "object", "writeOnly": True}, "{a: swordfish}"),
    "lists": ({"type": "array", "items": {"type": "array", "items": WORD}}, "[[swordfish]]"),
    "allOf": ({"allOf": [WORD]}, "swordfish"),
    "second": ({"anyOf": [{"type": "integer"}, WORD, {"type": "array", "items": {}}]}, "swordfish"),
    "one of": ({"oneOf": [{"type": "integer"}, WORD]}, "swordfish"),
    "otherwise": ({"type": "string", "if": {"maxLength": 3}, "else": {"writeOnly": True}}, "swordfish"),
    "contains": ({"type": "array", "contains": WORD}, "[swordfish]"),
    "the rest": ({"type": "object", "unevaluatedProperties": WORD}, "{a: swordfish}"),
    "more": ({"type": "array", "prefixItems": [{"type": "integer"}], "unevaluatedItems": WORD}, "[1, swordfish]"),
    "pattern": ({"type": "object", "patternProperties": {"^a": WORD}}, "{ab: swordfish}"),
    "position": ({"type": "array", "prefixItems": [WORD]}, "[swordfish]"),
    "condition": ({"type": "string", "if": {"minLength": 3}, "then": {"writeOnly": True}}, "swordfish"),
    "deep": ({"$ref": "#/$defs/nested"}, "{n: {n: {n: {n: {n: {n: {n: {n: {n: {n: {w: swordfish}}}}}}}}}}}"),
    "beside": ({"type": "object", "dependentSchemas": {"a": {"properties": {"b": WORD}}}}, "{a: 1, b: swordfish}"),
}
WRITTEN = ("swordfish", "73019")


@pytest.mark.parametrize("form", FORMS)
def test_show_masks_a_secret_of_any_form(accounts: Project, form: str) -> None:
    _with_option(accounts, *FORMS[form])
    for argv in (("show", "service/accounts"), ("show", "--format", "json")):
        shown = accounts.run_here(*argv).ok().out
        assert "other" in shown
        assert not [one for one in WRITTEN if one in shown]


@pytest.mark.parametrize("form", FORMS)
def test_a_line_of_the_manifest_is_quoted_without_a_secret_of_any_form(accounts: Project, form: str) -> None:
    schema, value = FORMS[form]
    _with_option(accounts, schema, f"{value}, unknown: 1")
    told = accounts.run_here("validate")
    assert told.status == 1
    assert "unknown field `unknown`" in told.err
    assert "•••" in told.err
    assert not [one for one in WRITTEN if one in told.err]


# -- names within a secret ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "value", "message"),
    [
        ({"type": "integer"}, "x", "an item of `other` must be a whole number, not text"),
        ({"type": "integer", "minimum": 5}, "1", "an item of `other` must be 5 or more"),
        ({"enum": ["a"]}, "b", "this value (not shown) cannot be an item of `other`"),
        ({"type": "object", "required": ["a"]}, "{}", "an item of `other` needs the field `a`"),
        ({"type": "object", "additionalProperties": False}, "{plugh: 1}", "unknown field in an item of `other`"),
        ({"type": "object", "propertyNames": {"pattern": "^a"}}, "{plugh: 1}", "(not shown) cannot be a name here"),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, "{}", "an item of `other` needs exactly one of"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "1", "an item of `other` must be text or a list"),
        (False, "1", "unknown field in `other`"),
    ],
    ids=["type", "bound", "enum", "required", "unknown", "names", "one of", "alternatives", "nothing"],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_name_within_a_secret_is_not_told(accounts: Project, inner: Any, value: str, message: str, form: str) -> None:
    secret = {"type": "object", "writeOnly": True, "additionalProperties": inner}
    _with_option(accounts, secret, f"{{swordfish: {value}}}")
    told = accounts.run_here("validate", "--format", form)
    assert told.status == 1
    assert message in told.out + told.err
    assert not [one for one in values(SECRETS) if one in told.out + told.err]


def test_a_name_that_the_schema_declares_is_told_within_a_secret(accounts: Project) -> None:
    secret = {"type": "object", "writeOnly": True, "properties": {"size": {"type": "integer"}}}
    _with_option(accounts, secret, "{size: swordfish}")
    told = accounts.run_here("validate").err
    assert "`size` must be a whole number, not text" in told
    assert "swordfish" not in told


@pytest.mark.parametrize(("one", "other"), [("{swordfish: a}", "{swordfish: b}"), ("{swordfish: true}", "{plugh: 1}")])
def test_a_reason_tells_no_name_within_a_secret(accounts: Project, one: str, other: str) -> None:
    _with_option(accounts, {"type": "object", "writeOnly": True}, one)
    text = "{{ name }}{% if options.other[name] == 'a' %}a{% endif %}"
    template = f"# pkibuild\n{{% for name in options.other %}}{text}\n{{% endfor %}}"
    (accounts.folder / "packs" / "accounts" / "all.j2").write_text(template)
    accounts.write((accounts.folder / "pki.yaml").read_text().replace(one, other), "new.yaml")
    for form in ("text", "json", "markdown"):
        told = accounts.run_here("diff", "pki.yaml", "new.yaml", "--format", form, "-v").ok().out
        assert "all.conf" in told
        assert "/services/accounts/other" in told or form == "text"
        assert not [name for name in values(SECRETS) if name in told]


@pytest.mark.parametrize("value", ['{swordfish: "a\\nb"}', '{"swordfish\\n": 1}'])
def test_a_place_names_no_name_within_a_secret(accounts: Project, value: str) -> None:
    _with_option(accounts, {"type": "object", "writeOnly": True}, value)
    template = "# pkibuild\n{% for name in options.other %}{{ name }} {{ options.other[name] }}\n{% endfor %}"
    (accounts.folder / "packs" / "accounts" / "all.j2").write_text(template)
    told = accounts.run_here("plan", "--format", "json")
    assert told.status == 1
    (found,) = json.loads(told.out + told.err)["diagnostics"]
    assert (found["code"], found["place"]) == ("unsafe-value", ["services", "accounts", "other"])
    assert "swordfish" not in told.out + told.err


# -- what no schema knows may be a secret ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        "{type: acounts, host: www, word: swordfish, people: [{name: ann, key: swordfish}]}",
        "{host: www, word: swordfish}",
        "{type: 5, host: www, word: swordfish}",
        "{type: [accounts], host: www, word: swordfish}",
        "{type: apache, host: www, word: swordfish}",
        "[{type: accounts, host: www, word: swordfish}]",
        "{type: accounts, host: www, wrod: swordfish}",
        "{type: accounts, host: www, wrod: {env: swordfish, file: swordfish}}",
        "{type: accounts, host: www, people: {name: ann, key: swordfish}}",
        "{type: accounts, host: www, groups: [{name: bob, key: swordfish}]}",
        "{type: accounts, host: www, tokens: swordfish}",
    ],
    ids=["misspelt type", "no type", "a number as type", "a list as type", "another type", "a list of services",
         "misspelt name", "like a source", "a mapping for a list", "a list for a mapping", "a text for a mapping"],
)  # fmt: skip
def test_what_no_schema_knows_is_not_quoted(accounts: Project, entry: str) -> None:
    _is_quoted_without_secret(accounts, entry)


def test_options_of_a_pack_that_is_not_there_are_not_quoted(accounts: Project) -> None:
    shutil.rmtree(accounts.folder / "packs")
    _is_quoted_without_secret(accounts, "{type: accounts, host: www, word: swordfish}")


def test_options_of_a_service_that_is_declared_twice_are_not_quoted(accounts: Project) -> None:
    accounts.write("services:\n  accounts: {type: apache, host: www}\n", "other.yaml")
    accounts.edit("version: 1", "version: 1\ninclude: [other.yaml]")
    _is_quoted_without_secret(accounts, "{type: accounts, host: www, word: swordfish}")
    accounts.write("services:\n  accounts: {type: accounts, host: www, word: swordfish}\n", "other.yaml")
    _is_quoted_without_secret(accounts, "{type: apache, host: www}")


@pytest.mark.parametrize(
    ("broken", "quoted"),
    [
        ("  accounts: {type: accounts, host: www, word: swordfish, word: plugh}", "  accounts: •••"),
        ("  accounts: {type: accounts, host: www, word: swordfish: x}", "  accounts: •••"),
        ("  accounts: {type: accounts, host: *www, word: swordfish}", "  accounts: •••"),
        ("  accounts:\n    type: accounts\n    word: swordfish\n    word: plugh", "    word: •••"),
        ("  accounts:\n    type: accounts\n    word: *swordfish", "    word: •••"),
        ("  accounts:\n    type: accounts\n    word: sword: fish", "    word: •••"),
        ("  accounts:\n    people:\n      - key: swordfish: x", "      - key: •••"),
        ("  accounts:\n    people:\n      - {key: swordfish: x}", "•••"),
        ("  accounts:\n    type: accounts\n    type: accounts", "    type: accounts"),
        ("  accounts: {type: accounts,\n    host: www, word: swordfish: x}", "    host: •••"),
        ("  accounts:\n    word: |\n      swordfish\n     plugh", "•••"),
        ('"services":\n  accounts: {type: accounts, word: swordfish: x}', "  accounts: •••"),
    ],
)
def test_what_is_no_yaml_is_not_quoted(accounts: Project, broken: str, quoted: str) -> None:
    """Which options are secret is not known yet."""
    text = (accounts.folder / "pki.yaml").read_text()
    start = text[: text.index("services:" if "services" in broken else "  accounts:")]
    accounts.write(f"{start}{broken}\n")
    told = accounts.run_here("validate")
    assert told.status == 1
    assert f" | {quoted}\n" in told.err
    assert not [one for one in ("sword", "fish", "plugh") if one in told.err]


def test_what_is_no_yaml_is_quoted_where_no_secrets_are(accounts: Project) -> None:
    accounts.edit("{www: {fqdn: www.abc.com}}", "{www: {fqdn: www.abc.com: x}}")
    assert "hosts: {www: {fqdn: www.abc.com: x}}" in accounts.run_here("validate").err


def _is_quoted_without_secret(project: Project, entry: str) -> None:
    text = (project.folder / "pki.yaml").read_text()
    project.write(f"{text[: text.index('  accounts:')]}  accounts: {entry}\n")
    told = project.run_here("validate")
    assert told.status == 1
    assert "accounts: " in told.err
    assert "host: www" in told.err or "•••: •••" in told.err
    assert "swordfish" not in told.err


def test_what_is_wrong_with_a_service_without_secrets_is_quoted(project: Project) -> None:
    text = manifest(SECRETS).partition("services:")[0].replace("packs: [packs/accounts]\n", "")
    project.write(f"{text}services:\n  web: {{type: apache, host: www, prot: 8443}}\n")
    assert "web: {type: apache, host: www, prot: 8443}" in project.run_here("validate").err


def _with_option(project: Project, schema: dict[str, Any], value: str) -> None:
    """The service has an option `other`, on a line of its own with all that follows it."""
    options = project.folder / "packs" / "accounts" / "options.schema.json"
    whole = json.loads(options.read_text())
    whole["properties"]["other"] = {"description": "another", **schema}
    options.write_text(json.dumps(whole))
    text = (project.folder / "pki.yaml").read_text()
    start = text.index("  accounts:\n")
    project.write(text[:start] + f"  accounts: {{type: accounts, host: www, other: {value}}}\n")


@pytest.mark.parametrize(
    ("constant", "value", "told"),
    [("apache", "apach", "did you mean `apache`?"), ("apache", "z", "one of `apache`"), (2, "3", "one of `2`")],
)
def test_a_constant_of_a_schema_is_told_of_as_a_whole(
    accounts: Project, constant: object, value: str, told: str
) -> None:
    _with_option(accounts, {"const": constant}, value)
    result = accounts.run_here("validate")
    assert result.status == 1
    assert f"`{value}` is not a valid `other`" in result.err
    assert told in result.err


def test_a_secret_number_that_cannot_be_represented_is_not_shown(accounts: Project) -> None:
    """Nor what is made from it; its place is."""
    folder = accounts.folder / "packs" / "accounts"
    description = folder / "service.yaml"
    description.write_text(description.read_text().replace("all.j2, language: words", "all.j2, language: json"))
    for template in ("{{ options.number }}", "{{ options.number + 1 }}", "{{ options.number ~ 1 }}"):
        (folder / "all.j2").write_text(f'"pkibuild \\{template}"\n')
        accounts.write(manifest({**SECRETS, "number": "73019"}))
        told = accounts.run_here("plan")
        assert told.status == 1
        assert "`********` cannot be represented in json syntax" in told.err
        assert "pki.yaml:12:13" in told.err
        assert "730" not in told.out + told.err


# -- an option that becomes secret, or is one no more ------------------------------------------------------------------


def _with_marks(project: Project, *, secret: bool, removed: bool = False) -> None:
    """The pack with its `word` marked or not; where it is `removed`, no option at all is secret."""
    options = project.folder / "packs" / "accounts" / "options.schema.json"
    text = PACK["options.schema.json"]
    options.write_text(text.replace('"writeOnly": true', f'"writeOnly": {str(secret).lower()}') if removed else text)
    if not removed:
        whole = json.loads(text)
        whole["properties"]["word"]["writeOnly"] = secret
        options.write_text(json.dumps(whole))


@pytest.mark.parametrize("becomes", [True, False], ids=["becomes one", "is one no more"])
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_diff_masks_on_both_sides_what_is_secret_on_one(accounts: Project, becomes: bool, form: str) -> None:
    packs = accounts.folder / "packs"
    _with_marks(accounts, secret=not becomes)
    shutil.copytree(packs / "accounts", packs / "before" / "accounts")
    _with_marks(accounts, secret=becomes)
    accounts.write(manifest(SECRETS).replace("packs/accounts", "packs/before/accounts"), "old.yaml")
    accounts.write(manifest({**SECRETS, "word": OTHERS["ann"]}, port=81), "new.yaml")
    result = accounts.run_here("diff", "old.yaml", "new.yaml", "--format", form, "-v").ok()
    assert "port 81" in result.out
    assert not [one for one in (SECRETS["word"], OTHERS["ann"]) if one in result.out]


@pytest.mark.parametrize("receipt", [True, False])
def test_a_plan_does_not_show_a_built_file_that_held_secrets(accounts: Project, receipt: bool) -> None:
    accounts.run_here("apply").ok()
    if not receipt:
        accounts.path("hosts/www/.install.json").unlink()
    _with_marks(accounts, secret=False, removed=True)
    accounts.write(manifest({**OTHERS, "number": "22"}))
    result = accounts.run_here("plan", "-v").ok()
    assert "all.conf" in result.out
    assert not [one for one in values(SECRETS) if one in result.out]
