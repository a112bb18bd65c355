"""The manifest's JSON Schema: composed from the packs, committed, and in step with the rest of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from manifests import HEAD, refused
from msgspec.structs import replace

from pkibuild.core.diagnostics import Problems
from pkibuild.documents.schema.validator import Validator
from pkibuild.manifest.decode.declared import MAX_HOSTS
from pkibuild.manifest.read.compose import _FIELDS, base_schema, compose_schema, schema_text
from pkibuild.model.manifest import ALGORITHMS
from pkibuild.packs.loader import load_packs
from pkibuild.packs.pack import Pack
from pkibuild.x509.attributes import ATTRIBUTES

COMMITTED = Path(__file__).parents[2] / "schemas" / "pki.schema.json"


def test_committed_schema_is_not_stale() -> None:
    text = schema_text(load_packs([], Problems()))
    assert COMMITTED.read_text(encoding="utf-8") == text, f"stale: write what `schema_text` gives to {COMMITTED}"


def test_schema_knows_every_attribute_and_algorithm() -> None:
    definitions = base_schema()["$defs"]
    assert set(definitions["subject"]["properties"]) == set(ATTRIBUTES)
    assert set(definitions["default-subject"]["properties"]) == set(ATTRIBUTES) - {"common_name", "email"}
    assert definitions["algorithm"]["enum"] == list(ALGORITHMS)
    for name, attribute in ATTRIBUTES.items():
        assert ("array" in definitions["subject"]["properties"][name]["type"]) == attribute.multi, name


def test_whole_schema_and_the_parts_that_are_checked_agree() -> None:
    """The published schema judges a whole manifest as the checks of single declarations do."""
    packs = load_packs([], Problems())
    validator = Validator(compose_schema(packs))
    good = {"version": 1, "hosts": {"a": {"fqdn": "a.b"}}, "services": {"s": {"type": "apache", "host": "a"}}}
    assert validator.accepts("#", good)
    for bad in (
        {**good, "hosts": {"a": {"fqdn": 1}}},
        {**good, "hosts": {"A": {"fqdn": "a.b"}}},
        {**good, "services": {"s": {"type": "apache"}}},
        {**good, "services": {"s": {"type": "apache", "host": "a", "hosts": ["a"]}}},
        {**good, "services": {"s": {"type": "apach", "host": "a"}}},
        {**good, "services": {"s": {"type": "apache", "host": "a", "listn": "all"}}},
        {**good, "services": {"s": {"host": "a"}}},
    ):
        assert not validator.accepts("#", bad), bad


def pack(options: dict[str, Any]) -> Pack:
    some = load_packs([], Problems())["qpopper"]
    return replace(some, type="mine", options_schema=options)


def test_references_of_a_pack_stay_its_own() -> None:
    options = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/word"}, "again": {"$ref": "#"}},
        "required": ["a"],
        "$defs": {"word": {"type": "string", "pattern": "^[a-z]+$"}},
    }
    validator = Validator(compose_schema({"mine": pack(options)}))
    assert validator.accepts("#/$defs/service-mine", {"type": "mine", "host": "x", "a": "word"})
    assert not validator.accepts("#/$defs/service-mine", {"type": "mine", "host": "x", "a": "WORD"})
    assert not validator.accepts("#/$defs/service-mine", {"type": "mine", "host": "x"})


UNSUPPORTED = [
    ("adopt", "authorities", "adopt: {certificate: a.crt, key: a.key}"),
    ("revoked", "authorities", "revoked: [{serial: 5f3a09, on: 2026-03-01}]"),
    ("on_replace", "authorities", "on_replace: {revoke_after: 7d}"),
    ("ocsp", "authorities", 'ocsp: {url: "http://ocsp.abc.com/"}'),
    ("succeeds", "authorities", "succeeds: old"),
    ("cross_signed_by", "authorities", "cross_signed_by: [old]"),
    ("retired", "authorities", "retired: true"),
    ("issuer: external", "authorities", "issuer: external"),
    ("custody: offline", "authorities", "key: {custody: offline}"),
    ("custody: pkcs11", "authorities", "key: {custody: pkcs11}"),
    ("pkcs11", "authorities", "key: {pkcs11: {pin: {env: PIN}}}"),
    ("pkcs12", "authorities", "formats: [pkcs12]"),
    ("keystore", "hosts", "keystore: {password: {env: A}}"),
    ("jks", "hosts", "formats: [pem, jks]"),
    ("custody: host", "hosts", "key: {custody: host}"),
    ("issuer: external", "hosts", "issuer: external"),
    ("adopt", "certificates", "adopt: {certificate: a.crt}"),
    ("keystore", "defaults", "keystore: {legacy: true}"),
    ("issuer: external", "defaults", "issuer: external"),
    ("custody: host", "defaults", "key: {custody: host}"),
    ("trust", "", "trust: {anchors: [ca]}"),
    ("moved", "", "moved: [{from: host/a, to: host/b}]"),
]


@pytest.mark.parametrize(("name", "section", "field"), UNSUPPORTED)
def test_what_comes_later_is_refused(tmp_path: Path, name: str, section: str, field: str) -> None:
    rest = {
        "authorities": "  old:\n    subject: {common_name: Old}\n    " + field,
        "hosts": f"hosts:\n  web:\n    fqdn: a.abc.com\n    {field}\ndefaults: {{issuer: ca}}",
        "certificates": f"certificates:\n  one:\n    usage: [client]\n    subject: {{common_name: A}}\n    {field}\n"
                        "defaults: {issuer: ca}",
        "defaults": f"defaults:\n  {field}",
        "": field,
    }[section]  # fmt: skip
    found = refused(tmp_path, f"{HEAD}{rest}\n")
    told = [one for one in found if one.severity == "error"]
    assert [one.code for one in told] == ["not-supported"]
    assert told[0].message.endswith("is not yet supported by this version")
    assert f"`{name}`" in told[0].message
    assert told[0].span is not None
    assert name.partition(":")[0] in told[0].span.text


def test_every_unsupported_field_is_in_the_schema() -> None:
    schema = base_schema()
    where = {"authorities": "authority", "hosts": "host", "certificates": "certificate"}
    for section, fields in _FIELDS.items():
        known = (
            schema["properties"] if not section
            else schema["properties"]["defaults"]["properties"] if section == "defaults"
            else schema["$defs"][where[section]]["properties"]
        )  # fmt: skip
        assert set(fields) <= set(known), section


def test_what_asks_for_nothing_is_no_use_of_a_later_field(tmp_path: Path) -> None:
    from manifests import loaded

    text = HEAD + "    retired: false\n    revoked: []\n    cross_signed_by: []\n    on_replace: keep\nmoved: []\n"
    assert list(loaded(tmp_path, text).authorities) == ["ca"]


def test_schema_is_json_that_ends_in_a_newline() -> None:
    text = COMMITTED.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_number_of_hosts_is_bounded_before_they_are_counted_out(tmp_path: Path) -> None:
    text = f"{HEAD}hosts:\n  'a[1:{MAX_HOSTS + 1}]': {{fqdn: 'a[1:{MAX_HOSTS + 1}].abc.com', issuer: ca}}\n"
    assert [one.code for one in refused(tmp_path, text)] == ["too-many"]
