"""JSON Schema compiled to plain functions that say yes or no: the fast half of validation.

Only keywords that are listed here are known. A schema with any other is left to jsonschema (`schema.py`), which also
finds the words when the answer is no. Both halves share what is stricter here than in jsonschema: an integer is no
`1.0`, equality tells 1 from true and from 1.0, and `$` in a pattern does not let a trailing newline through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Schema = Mapping[str, Any] | bool


class UnknownKeyword(Exception):
    """The schema says something that these functions do not know."""


ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples", "deprecated", "readOnly",
     "writeOnly")
)  # fmt: skip

_TYPES: dict[str, Check] = {
    "null": lambda value: value is None,
    "boolean": lambda value: value is True or value is False,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is int or type(value) is float,
    "string": lambda value: type(value) is str,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
}


def is_type(value: Any, name: str) -> bool:
    return _TYPES[name](value)


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values that tells the types apart."""
    if type(one) is not type(other):
        return False
    if type(one) is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if type(one) is dict:
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return bool(one == other)


def is_unique(value: list[Any]) -> bool:
    """Whether no two items of a list are equal."""
    if all(type(item) is str for item in value):
        return len(set(value)) == len(value)
    return len({json.dumps(item, sort_keys=True) for item in value}) == len(value)


def is_format(value: Any, name: str) -> bool:
    """Whether a text is of a format; other formats than these only mark what a value is for."""
    if type(value) is not str or name not in ("ipv4", "ipv6"):
        return True
    import ipaddress

    try:
        (ipaddress.IPv4Address if name == "ipv4" else ipaddress.IPv6Address)(value)
    except ValueError:
        return False
    return "%" not in value  # a scope is no part of the format (RFC 4291 2.2)


def pattern(text: str) -> re.Pattern[str]:
    """A schema's pattern, in which `$` is the very end."""
    return re.compile(re.sub(r"(?<!\\)((?:\\\\)*)\$$", r"\1\\Z", text))


def compile_schema(schema: Schema, root: Mapping[str, Any]) -> Check:
    """A function that says whether a value is valid. Raises UnknownKeyword."""
    return _Compiler(root).schema(schema)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.made: dict[str, Check] = {}

    def schema(self, schema: Schema) -> Check:
        if isinstance(schema, bool):
            return lambda _: schema
        checks = [check for check in (self._keyword(name, schema) for name in schema) if check is not None]
        if not checks:
            return lambda _: True
        if len(checks) == 1:
            return checks[0]
        if len(checks) == 2:
            first, second = checks
            return lambda value: first(value) and second(value)
        return lambda value: all(check(value) for check in checks)

    def _keyword(self, name: str, schema: Mapping[str, Any]) -> Check | None:
        if name in ANNOTATIONS or name in _WITH_OTHERS:
            return None
        if name in _OBJECT:
            return self._object(schema) if name == next(one for one in schema if one in _OBJECT) else None
        maker = _MAKERS.get(name)
        if maker is None:
            raise UnknownKeyword(name)
        return maker(self, schema[name], schema)

    def reference(self, target: str) -> Check:
        """A check for `#/…`, made when it is first used, so that schemas may refer to themselves."""
        if target != "#" and not target.startswith("#/"):
            raise UnknownKeyword("$ref")
        if target not in self.made:
            self.made[target] = lambda value: self.made[target](value)
            self.made[target] = self.schema(resolve(target, self.root))
        return self.made[target]

    def _object(self, schema: Mapping[str, Any]) -> Check:
        """`properties`, `required`, `patternProperties` and `additionalProperties` together."""
        properties = {name: self.schema(one) for name, one in schema.get("properties", {}).items()}
        patterns = [(pattern(text), self.schema(one)) for text, one in schema.get("patternProperties", {}).items()]
        required = tuple(schema.get("required", ()))
        others = self.schema(schema.get("additionalProperties", True))

        def check(value: Any) -> bool:
            if type(value) is not dict:
                return True
            for name in required:
                if name not in value:
                    return False
            for key, item in value.items():
                own = properties.get(key)
                if own is not None and not own(item):
                    return False
                if patterns:
                    matching = [one for found, one in patterns if found.search(key)]
                    if not all(one(item) for one in matching):
                        return False
                    if matching:
                        continue
                if own is None and not others(item):
                    return False
            return True

        return check


_OBJECT = ("properties", "required", "patternProperties", "additionalProperties")
_WITH_OTHERS = ("then", "else")


def resolve(target: str, root: Mapping[str, Any]) -> Schema:
    """The schema at a JSON pointer such as `#/$defs/host`."""
    found: Any = root
    for step in target[2:].split("/") if target != "#" else ():
        step = step.replace("~1", "/").replace("~0", "~")
        found = found[int(step)] if isinstance(found, list) else found[step]
    schema: Schema = found
    return schema


def _type(_compiler: _Compiler, names: str | list[str], _: Any) -> Check:
    if isinstance(names, str):
        return _TYPES[names]
    checks = [_TYPES[name] for name in names]
    return lambda value: any(check(value) for check in checks)


def _enum(_compiler: _Compiler, values: list[Any], _: Any) -> Check:
    if all(type(value) is str for value in values):
        allowed = frozenset(values)
        return lambda value: type(value) is str and value in allowed
    return lambda value: any(equal(value, one) for one in values)


def _pattern(_compiler: _Compiler, text: str, _: Any) -> Check:
    search = pattern(text).search
    return lambda value: type(value) is not str or search(value) is not None


def _items(compiler: _Compiler, schema: Schema, _: Any) -> Check:
    check = compiler.schema(schema)

    def items(value: Any) -> bool:
        if type(value) is list:
            for item in value:
                if not check(item):
                    return False
        return True

    return items


def _if(compiler: _Compiler, schema: Schema, whole: Mapping[str, Any]) -> Check:
    condition = compiler.schema(schema)
    then, otherwise = compiler.schema(whole.get("then", True)), compiler.schema(whole.get("else", True))
    return lambda value: then(value) if condition(value) else otherwise(value)


def _names(compiler: _Compiler, schema: Schema, _: Any) -> Check:
    check = compiler.schema(schema)
    return lambda value: type(value) is not dict or all(check(key) for key in value)


def _all(checks: list[Check]) -> Check:
    return lambda value: all(check(value) for check in checks)


def _any(checks: list[Check]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _one(checks: list[Check]) -> Check:
    return lambda value: sum(check(value) for check in checks) == 1


def _combined(combine: Callable[[list[Check]], Check]) -> Callable[[_Compiler, list[Schema], Any], Check]:
    return lambda compiler, schemas, _: combine([compiler.schema(one) for one in schemas])


def _not(compiler: _Compiler, schema: Schema, _: Any) -> Check:
    check = compiler.schema(schema)
    return lambda value: not check(value)


def _bound(kind: tuple[type, ...], holds: Callable[[Any, Any], bool]) -> Callable[[_Compiler, Any, Any], Check]:
    return lambda _compiler, limit, _schema: lambda value: type(value) not in kind or holds(value, limit)


_MAKERS: dict[str, Callable[[_Compiler, Any, Mapping[str, Any]], Check | None]] = {
    "$ref": lambda compiler, target, _: compiler.reference(target),
    "type": _type,
    "enum": _enum,
    "const": lambda compiler, value, whole: _enum(compiler, [value], whole),
    "pattern": _pattern,
    "format": lambda _compiler, name, _: lambda value: is_format(value, name),
    "minLength": _bound((str,), lambda value, limit: len(value) >= limit),
    "maxLength": _bound((str,), lambda value, limit: len(value) <= limit),
    "minimum": _bound((int, float), lambda value, limit: value >= limit),
    "maximum": _bound((int, float), lambda value, limit: value <= limit),
    "exclusiveMinimum": _bound((int, float), lambda value, limit: value > limit),
    "exclusiveMaximum": _bound((int, float), lambda value, limit: value < limit),
    "items": _items,
    "minItems": _bound((list,), lambda value, limit: len(value) >= limit),
    "maxItems": _bound((list,), lambda value, limit: len(value) <= limit),
    "uniqueItems": lambda _compiler, wanted, _: lambda value: not wanted or type(value) is not list or is_unique(value),
    "propertyNames": _names,
    "minProperties": _bound((dict,), lambda value, limit: len(value) >= limit),
    "maxProperties": _bound((dict,), lambda value, limit: len(value) <= limit),
    "allOf": _combined(_all),
    "anyOf": _combined(_any),
    "oneOf": _combined(_one),
    "not": _not,
    "if": _if,
}
