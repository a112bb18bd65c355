"""The two libraries of JSON Schema (draft 2020-12): jsonschema-rs decides, jsonschema says what is wrong.

jsonschema-rs fetches nothing and checks the formats `ipv4` and `ipv6`. jsonschema is made stricter than the
standard: `1.0` is not an integer, and 1 does not equal 1.0. Patterns are left to jsonschema-rs, so that they mean the
same to both libraries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

_ANNOTATIONS = (
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "iri", "iri-reference",
    "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template", "uuid",
)  # fmt: skip
"""Formats that only say what a text is for."""


def compile_schema(schema: Mapping[str, Any] | bool) -> Any:
    """A validator with `is_valid(value)`. Raises jsonschema_rs.ValidationError (a ValueError) for a bad schema."""
    from jsonschema_rs import Draft202012Validator  # imported only by a run that reads a manifest

    formats = dict.fromkeys(_ANNOTATIONS, lambda _: True)
    return Draft202012Validator(schema, formats=formats, validate_formats=True, offline=True)  # type: ignore[arg-type]


@cache
def _compile_keyword(keyword: str, value: str) -> Any:
    return compile_schema({keyword: value})


def matches(text: str, pattern: str) -> bool:
    """Whether a regular expression (ECMA 262, as JSON Schema has them) matches somewhere in a text."""
    return _holds("pattern", pattern, text)


def has_format(text: str, name: str) -> bool:
    """Whether a text is of a format."""
    return _holds("format", name, text)


def _holds(keyword: str, wanted: str, text: str) -> bool:
    try:
        holds: bool = _compile_keyword(keyword, wanted).is_valid(text)
    except UnicodeEncodeError:  # a surrogate by itself, which is not a character
        return False
    return holds


_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),), "boolean": (bool,), "integer": (int,), "number": (int, float), "string": (str,),
    "array": (list,), "object": (dict,),
}  # fmt: skip


def is_type(value: Any, name: str) -> bool:
    """Whether a value is of a type of JSON Schema; true is not an integer, and neither is 1.0."""
    return type(value) in _TYPES[name]


def has_whole_float(value: Any) -> bool:
    """Whether there is a number such as `1.0`, which JSON Schema takes for an integer, in a value."""
    waiting = [value]
    for one in waiting:  # which grows meanwhile: aliases nest values deeper than Python nests calls
        kind = type(one)
        if kind is dict:
            waiting += one.values()
        elif kind is list:
            waiting += one
        elif kind is float and one.is_integer():
            return True
    return False


@cache
def validator_class() -> Any:
    """jsonschema's validator of draft 2020-12 with the stricter rules."""
    from jsonschema import Draft202012Validator  # slow to import, and seldom needed
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def fails_unless(holds: Callable[[Any, Any], bool]) -> Any:
        def keyword(_validator: Any, wanted: Any, value: Any, _schema: Any) -> Iterator[Any]:
            if not holds(value, wanted):
                yield ValidationError("")

        return keyword

    types = Draft202012Validator.TYPE_CHECKER
    for name in _TYPES:
        types = types.redefine(name, lambda _, value, name=name: is_type(value, name))
    keywords: dict[str, Any] = {
        "const": fails_unless(lambda value, wanted: _json(value) == _json(wanted)),
        "enum": fails_unless(lambda value, allowed: _json(value) in map(_json, allowed)),
        "format": fails_unless(lambda value, name: not isinstance(value, str) or has_format(value, name)),
        "pattern": fails_unless(lambda value, pattern: not isinstance(value, str) or matches(value, pattern)),
        "uniqueItems": fails_unless(lambda value, on: not on or not isinstance(value, list) or _is_unique(value)),
    }
    make: Any = extend  # jsonschema's own annotations leave it untyped
    return make(Draft202012Validator, keywords, type_checker=types)


def _json(value: Any) -> str:
    """A text that two values share only if they are equal and of the same types."""
    return json.dumps(value, sort_keys=True)


def _is_unique(value: list[Any]) -> bool:
    return len(set(map(_json, value))) == len(value)
