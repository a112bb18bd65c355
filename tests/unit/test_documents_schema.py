"""Validation: jsonschema-rs and jsonschema agree, and the diagnostics are short."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkibuild.core.diagnostics import Place, Problems
from pkibuild.documents.schema.engine import matches, validator_class
from pkibuild.documents.schema.validator import Validator
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.read.compose import compose_schema
from pkibuild.packs.loader import load_packs

SCHEMA = compose_schema(load_packs([], Problems()))
POINTERS = [f"#/$defs/{name}" for name in SCHEMA["$defs"]] + ["#"]
VALIDATOR = Validator(SCHEMA)


def no_secret(_: Place) -> bool:
    return False


def accepted_by_jsonschema(pointer: str, value: Any) -> bool:
    """What jsonschema says of a value, by the stricter rules."""
    schema = SCHEMA if pointer == "#" else {"$ref": pointer, "$defs": SCHEMA["$defs"]}
    valid: bool = validator_class()(schema).is_valid(value)
    return valid


# -- values near to valid ones ------------------------------------------------------

ODD = st.sampled_from([None, True, False, 0, 1, -1, 1.0, 0.5, "", "x", "1d", "0d", "self", "a\n", "90d\n", "A", "*",
                       [], {}, [""], ["x", "x"], [1, True], {"x": 1}, {"env": "A"},
                       {"env": "A", "file": "b"}])  # fmt: skip


def examples_of(schema: Any, depth: int = 0) -> list[Any]:
    """Values that a schema gives as examples, or that are put together from those of its parts."""
    if not isinstance(schema, dict) or depth > 6:
        return []
    found = copy.deepcopy(schema.get("examples", []))
    if "$ref" in schema:
        found += examples_of(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], depth + 1)
    for one in schema.get("anyOf", []):
        found += examples_of(one, depth + 1)
    if "properties" in schema:
        parts = {name: examples_of(one, depth + 1) for name, one in schema["properties"].items()}
        found.append({name: some[0] for name, some in parts.items() if some})
        found.append({name: some[-1] for name, some in parts.items() if some})
    if "enum" in schema:
        found += schema["enum"]
    if "const" in schema:
        found.append(schema["const"])
    return found


def resolved(pointer: str) -> Any:
    return SCHEMA if pointer == "#" else SCHEMA["$defs"][pointer.rpartition("/")[2]]


@st.composite
def near(draw: st.DrawFn, pointer: str) -> Any:
    """An example of a schema, with some things in it changed, taken out or added."""
    value = copy.deepcopy(draw(st.sampled_from(examples_of(resolved(pointer)) or [None])))
    for _ in range(draw(st.integers(0, 3))):
        value = changed(draw, value)
    return value


def changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        what = draw(st.sampled_from(["deeper", "deeper", "out", "rename"]))
        if what == "deeper":
            return {**value, key: changed(draw, value[key])}
        rest = {name: one for name, one in value.items() if name != key}
        return rest if what == "out" else {**rest, f"{key}x": value[key]}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [changed(draw, value[0]), *value[1:], *value[:1]][: draw(st.integers(0, 4))]
    return draw(ODD)


@settings(max_examples=250)
@given(st.data())
def test_both_libraries_agree(data: st.DataObject) -> None:
    pointer = data.draw(st.sampled_from(POINTERS))
    value = data.draw(near(pointer))
    assert VALIDATOR.accepts(pointer, value) == accepted_by_jsonschema(pointer, value), (pointer, json.dumps(value))


@settings(max_examples=100)
@given(st.data())
def test_whatever_is_refused_is_explained_in_few_words(data: st.DataObject) -> None:
    pointer = data.draw(st.sampled_from(POINTERS))
    value = data.draw(near(pointer))
    problems = VALIDATOR.problems(pointer, value, ("hosts", "web"), no_secret)
    assert bool(problems) != VALIDATOR.accepts(pointer, value)
    for one in problems:
        assert one.message
        assert len(one.message) < 300
        assert one.place is not None
        assert one.place[:2] == ("hosts", "web")


def test_every_example_of_the_schema_is_valid() -> None:
    for pointer in POINTERS:
        walk(resolved(pointer))


def walk(schema: Any) -> None:
    """Every `examples` and `default` of a schema and its parts is valid by it."""
    if isinstance(schema, list):
        for one in schema:
            walk(one)
    if not isinstance(schema, dict):
        return
    part = {name: one for name, one in schema.items() if name != "$defs"}
    validator = Validator({"$defs": {**SCHEMA["$defs"], "part": part}})
    examples = schema.get("examples", []) if isinstance(schema.get("examples", []), list) else []
    for one in [*examples, *([schema["default"]] if "default" in schema and "type" in schema else [])]:
        assert validator.accepts("#/$defs/part", one), (schema.get("description"), one)
    for name, one in schema.items():
        if name == "properties":
            for part in one.values():
                walk(part)
        elif name in ("items", "anyOf", "oneOf", "additionalProperties"):
            walk(one)


def test_every_field_is_described() -> None:
    def undescribed(schema: Any, path: str) -> list[str]:
        found = []
        for name, one in schema.get("properties", {}).items():
            target = SCHEMA["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else {}
            if not (one.get("description") or target.get("description")):
                found.append(f"{path}.{name}: description")
            if not any(key in part for part in (one, target) for key in ("examples", "const")):
                found.append(f"{path}.{name}: examples")
            found += undescribed(one, f"{path}.{name}")
        for part in (schema.get("items"), *schema.get("anyOf", [])):
            found += undescribed(part, path) if isinstance(part, dict) else []
        return found

    definitions = [("", SCHEMA), *SCHEMA["$defs"].items()]
    found = [one for name, schema in definitions for one in undescribed(schema, name)]
    assert found == []


def test_schema_is_a_schema_and_closed() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)

    def open_objects(schema: Any, path: str) -> list[str]:
        if isinstance(schema, list):
            return [found for at, one in enumerate(schema) for found in open_objects(one, f"{path}/{at}")]
        if not isinstance(schema, dict):
            return []
        found = [path] if "properties" in schema and schema.get("additionalProperties") is not False else []
        parts = [(key, part) for key, part in schema.items() if key not in ("examples", "default", "if", "properties")]
        parts += schema.get("properties", {}).items()
        return found + [one for key, part in parts for one in open_objects(part, f"{path}/{key}")]

    assert open_objects(SCHEMA, "") == ["/$defs/any-service"]  # it hands on to one closed definition for each type


# -- what is stricter than in jsonschema ---------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 1}, 1.0),
        ({"const": 1}, True),
        ({"enum": [1, 2]}, 1.0),
        ({"enum": [True]}, 1),
        ({"type": "integer"}, 1.0),
        ({"type": "integer"}, True),
        ({"type": "number"}, True),
        ({"pattern": "^[a-z]+$"}, "abc\n"),
        ({"uniqueItems": True}, [{"a": [1]}, {"a": [1]}]),
    ],
)
def test_refused_with_a_diagnostic(schema: dict[str, Any], value: Any) -> None:
    validator = Validator({"$defs": {"x": schema}})
    assert not validator.accepts("#/$defs/x", value)
    assert validator.problems("#/$defs/x", value, ("hosts", "web"), no_secret)


@pytest.mark.parametrize("value", [[1, True], [1, 1.0], [0, False], [{"a": 1}, {"a": True}], [[1], [1.0]]])
def test_equality_tells_types_apart(value: list[Any]) -> None:
    assert Validator({"$defs": {"x": {"uniqueItems": True}}}).accepts("#/$defs/x", value)


@pytest.mark.parametrize(
    ("schema", "value", "valid"),
    [
        ({"type": "number"}, 1.0, True),
        ({"type": "number", "minimum": 2}, 1.0, False),
        ({"type": "number"}, 0.5, True),
        ({"enum": [1, 1.0]}, 1.0, True),
        ({"not": {"type": "integer"}}, 1.0, True),
        ({"items": {"properties": {"a": {"type": "integer"}}}}, [{"a": 1}, {"a": 1.0}], False),
        ({"format": "ipv6"}, "fe80::1%eth0", False),
        ({"format": "ipv4"}, "010.0.0.1", False),
        ({"not": {"format": "email"}}, "x", False),
        ({"type": "string"}, "\ud800", True),
        ({"pattern": "x"}, "\ud800", False),
        ({"type": "integer", "maximum": 5}, 10**300, False),
        ({"const": 10**300}, 10**300 + 1, False),
    ],
)
def test_numbers_formats_and_odd_texts(schema: dict[str, Any], value: Any, valid: bool) -> None:
    validator = Validator({"$defs": {"x": schema}})
    assert validator.accepts("#/$defs/x", value) == valid
    assert bool(validator.problems("#/$defs/x", value, ("hosts", "web"), no_secret)) != valid


@pytest.mark.parametrize(
    ("pattern", "text", "match"),
    [
        (r"a\$", "a$b", True),
        ("^(a|b$)", "ab", True),
        ("^a$", "a\n", False),
        ("^(a|b$)", "b\n", False),
        (r"^\d$", "7", True),
        (r"^\d$", "\u0663", False),  # ECMA 262: only ASCII digits
        (r"^[[]a&&b]$", "[a&&b]", True),
        (r"^[^\u0000-\u001f]+$(?!\n)", "a\u2028b", True),
        (r"^(?!(.*/)\.\.?(/|$))/x$", "/x", True),
        (r"(a+)+$", "a" * 60 + "b", False),  # tries are bounded
    ],
)
def test_patterns_mean_the_same_to_both_libraries(pattern: str, text: str, match: bool) -> None:
    assert matches(text, pattern) == match
    schema = {"pattern": pattern}
    assert Validator({"$defs": {"x": schema}}).accepts("#/$defs/x", text) == match
    assert validator_class()(schema).is_valid(text) == match


@pytest.mark.parametrize("name", ["a\n", "\u0663"])
def test_a_name_that_only_one_library_refuses_is_refused_with_a_diagnostic(name: str) -> None:
    schema = {"patternProperties": {r"^(a|\d)$": {}}, "additionalProperties": False}
    validator = Validator({"$defs": {"x": schema}})
    assert not validator.accepts("#/$defs/x", {name: 1})
    assert validator.problems("#/$defs/x", {name: 1}, ("hosts", "web"), no_secret)


def test_keywords_beyond_those_of_the_built_in_schemas() -> None:
    validator = Validator({"$defs": {"x": {"dependentRequired": {"a": ["b"]}}}})
    assert not validator.accepts("#/$defs/x", {"a": 1})
    assert validator.accepts("#/$defs/x", {"a": 1, "b": 2})


def test_a_schema_may_refer_to_itself() -> None:
    root = {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}
    validator = Validator(root)
    assert validator.accepts("#", {"a": {"a": {}}})
    assert not validator.accepts("#", {"a": {"b": {}}})


def test_a_very_deep_value_is_refused_and_not_followed() -> None:
    value: Any = 1.5
    for _ in range(5000):
        value = {"a": value}
    validator = Validator({"$defs": {"x": {"type": "object", "additionalProperties": False}}})
    assert [one.message for one in validator.problems("#/$defs/x", value, ("hosts", "web"), no_secret)] == [
        "unknown field `a` in `web`"
    ]


# -- words ------------------------------------------------------------------------------

WORDS = {
    "type": "object",
    "additionalProperties": False,
    "$defs": {"span": {"type": "string", "pattern": "^[0-9]+d|x", "description": "A number and `d`."}},
    "required": ["need"],
    "properties": {
        "need": {}, "list": {"type": "array", "minItems": 1},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "kind": {"enum": ["apache", "nginx"]}, "size": {"enum": ["rsa-2048", "rsa-3072"]},
        "text": {"type": ["string", "null"], "minLength": 1, "maxLength": 3},
        "name": {"pattern": "^[a-z]+$", "description": "A name in lower case."},
        "either": {"anyOf": [{"$ref": "#/$defs/x/$defs/span"}, {"type": "object", "required": ["y"]}]},
        "address": {"anyOf": [{"const": "*"}, {"format": "ipv4"}, {"format": "ipv6"}], "description": "IPv4 or IPv6."},
        "on": {"type": "boolean"},
        "names": {"propertyNames": {"pattern": "^[a-z]+$"}},
        "one": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "items": {"items": {"enum": ["a", "b"]}, "uniqueItems": True}, "secret": {"enum": ["x"]},
        "fixed": {"const": 2}, "word": {"const": "apache"},
        "hidden": {"properties": {"secret": {"propertyNames": {"pattern": "^[a-z]+$"}}}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ({}, "`web` needs the field `need`", ""),
        ({"prot": 1}, "unknown field `prot` in `web`", "did you mean `port`?"),
        ({"port": 0}, "`port` must be 1 or more", ""),
        ({"port": 70000}, "`port` must be 65535 or less", ""),
        ({"port": "80"}, "`port` must be a whole number, not text", "write it without quotes"),
        ({"port": 1.5}, "`port` must be a whole number, not a number", ""),
        ({"port": None}, "`port` must be a whole number, not nothing", "write a value, or take the field out"),
        ({"list": "a"}, "`list` must be a list, not text", "write a list: `[…]`"),
        ({"list": []}, "`list` must not be empty", ""),
        ({"kind": "apach"}, "`apach` is not a valid `kind`", "did you mean `apache`?"),
        ({"kind": "z"}, "`z` is not a valid `kind`", "one of `apache`, `nginx`"),
        ({"text": 5}, "`text` must be text or nothing, not a whole number", "put it in quotes"),
        ({"text": ""}, "`text` must not be empty", ""),
        ({"text": "abcd"}, "`text` must have 3 characters or fewer", ""),
        ({"name": "A" * 100}, f"`{'A' * 60}…` is not a valid `name`", "a name in lower case"),
        ({"name": "a\n"}, "`a\\u000a` is not a valid `name`", "a name in lower case"),
        ({"either": "a"}, "`a` is not a valid `either`", "a number and `d`"),
        ({"either": {}}, "`either` needs the field `y`", ""),
        ({"either": 5}, "`either` must be text or a mapping, not a whole number", "a number and `d`"),
        ({"address": "999.1.1.1"}, "`999.1.1.1` is not a valid `address`", "IPv4 or IPv6"),
        ({"address": "fe80::1%eth0"}, "`fe80::1%eth0` is not a valid `address`", "IPv4 or IPv6"),
        ({"on": "yes"}, "`on` must be true or false, not text", "write `true` or `false`, without quotes"),
        ({"size": "rsa-1024"}, "`rsa-1024` is not a valid `size`", "one of `rsa-2048`, `rsa-3072`"),
        ({"names": {"A": 1}}, "`A` cannot be a name here", ""),
        ({"one": {}}, "`one` needs exactly one of `a`, `b`", ""),
        ({"one": {"a": 1, "b": 1}}, "`one` needs exactly one of `a`, `b`", ""),
        ({"items": ["a", "c"]}, "`c` cannot be an item of `items`", "one of `a`, `b`"),
        ({"items": ["a", "a"]}, "`items` has the same item twice", ""),
        ({"secret": "hunter2"}, "this value (not shown) is not a valid `secret`", "one of `x`"),
        ({"fixed": 3}, "`3` is not a valid `fixed`", "one of `2`"),
        ({"word": "apach"}, "`apach` is not a valid `word`", "did you mean `apache`?"),
        ({"word": "z"}, "`z` is not a valid `word`", "one of `apache`"),
        ({"hidden": {"secret": {"HUNTER": 1}}}, "this value (not shown) cannot be a name here", ""),
    ],
)
def test_words(value: dict[str, Any], message: str, hint: str) -> None:
    validator = Validator({"$defs": {"x": WORDS}})
    given_value = value if value == {} else {"need": 1, **value}
    found = validator.problems("#/$defs/x", given_value, ("hosts", "web"), lambda place: "secret" in place)
    assert [(one.message, one.hint) for one in found] == [(message, hint)]


def test_a_misspelt_field_is_not_told_as_missing_too() -> None:
    found = Validator({"$defs": {"x": WORDS}}).problems("#/$defs/x", {"neeed": 1}, ("hosts", "web"), no_secret)
    assert [(one.message, one.hint) for one in found] == [("unknown field `neeed` in `web`", "did you mean `need`?")]


def test_a_huge_value_is_not_repeated() -> None:
    found = Validator({"$defs": {"x": WORDS}}).problems(
        "#/$defs/x", {"need": 1, "kind": "z" * 5_000_000}, (), no_secret
    )
    assert len(found[0].message) < 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "`null`"),
        (True, "`true`"),
        (1, "`1`"),
        (1.5, "`1.5`"),
        ("a\x1bb", "`a\\u001bb`"),
        ([1], "a list"),
        ({}, "a mapping"),
    ],
)
def test_quoting(value: Any, text: str) -> None:
    assert quote(value) == text
