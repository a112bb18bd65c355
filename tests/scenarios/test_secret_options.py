"""Options that a pack calls secret (`writeOnly`): nothing that is shown, committed or that travels tells of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import Project

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
                "person": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "key": {"type": "string", "writeOnly": True}},
                }
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
