"""jsonschema, as strict as manifests need it: it says what is wrong where jsonschema-rs refuses a value.

Three things differ from JSON Schema: `1.0` is not an integer, 1 does not equal 1.0, and the formats `ipv4` and `ipv6`
are checked. Patterns are left to jsonschema-rs, so that they mean the same to both libraries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pkibuild.documents.schema.engine import has_format, matches

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
