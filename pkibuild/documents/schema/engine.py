"""jsonschema-rs, set up for the schemas of this program: draft 2020-12, nothing fetched, `ipv4` and `ipv6` checked."""

from __future__ import annotations

from collections.abc import Mapping
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
