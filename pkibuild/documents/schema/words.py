"""What jsonschema finds wrong with a value, as short diagnostics that never repeat a secret or a whole value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place, nearest
from pkibuild.documents.schema.engine import is_type, matches

MAX_ERRORS = 100
"""Violations of one value that are reported at most."""

IsSecret = Callable[[Place], bool]
Maker = Callable[[Any, Place, IsSecret], Iterator[Diagnostic]]
"""Puts one violation, at a place, into words."""


def explain(error: Any, place: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    """One violation as diagnostics; of alternatives, the one that was most likely meant."""
    here = (*place, *error.path)
    if "propertyNames" in error.relative_schema_path:
        return _without_secrets(_names, error, here, secret)
    if error.validator == "oneOf" and all(
        isinstance(one, dict) and [*one] == ["required"] for one in error.schema["oneOf"]
    ):
        return _without_secrets(_exactly_one, error, here, secret)
    if error.validator in ("anyOf", "oneOf") and error.context:
        return _explain_alternatives(error, here, secret)
    return _without_secrets(_WORDS.get(error.validator, _other), error, here, secret)


def _without_secrets(maker: Maker, error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    """The diagnostics of a maker, without any name within a secret that no schema declares."""
    shown = _without_secret_names(here, error, secret)
    for one in maker(error, here if shown == here else (*shown, 0), secret):  # which is called `an item of` it
        place = _without_secret_names(one.place or (), error, secret) if shown == here else shown
        yield replace(one, place=place)


def _without_secret_names(place: Place, error: Any, secret: IsSecret) -> Place:
    """The place, or what is around the first such name in it."""
    declared = {name for word, name in pairwise(error.absolute_schema_path) if word == "properties"}
    for depth, step in enumerate(place):
        if depth and isinstance(step, str) and step not in declared and secret(place[:depth]):
            return place[:depth]
    return place


def _exactly_one(error: Any, here: Place, _secret: IsSecret) -> Iterator[Diagnostic]:
    names = ", ".join(f"`{one['required'][0]}`" for one in error.schema["oneOf"])
    yield Diagnostic("missing-field", f"{_name(here)} needs exactly one of {names}", here, at_key=True)


def _explain_alternatives(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    branches: dict[int, list[Any]] = {}
    for one in error.context:
        branches.setdefault(one.schema_path[0], []).append(one)
    fitting = [errors for errors in branches.values() if not any(_is_wrong_type(one) for one in errors)]
    if len(fitting) == 1 or (fitting and len(branches) > 1 and isinstance(error.instance, (dict, list))):
        for one in min(fitting, key=len):
            yield from explain(one, here, secret)
    else:
        yield from _without_secrets(_no_alternative, error, here, secret)


def _is_wrong_type(error: Any) -> bool:
    return error.validator == "type" and not error.path


def _no_alternative(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    types = [one for branch in error.context if _is_wrong_type(branch) for one in _types_of(branch.schema)]
    if types and not any(is_type(error.instance, one) for one in types):
        described = [one.schema for one in error.context if _is_wrong_type(one)]
        yield _wrong_type(error.instance, types, here, described)
    else:
        message = f"{_shown(error.instance, here, secret)} {_is_not(here)}"
        yield Diagnostic("bad-value", message, here, _described(error.schema))


def _types_of(schema: Any) -> list[str]:
    types = schema["type"]
    return [types] if isinstance(types, str) else list(types)


_TYPE_WORDS = {
    "null": "nothing", "boolean": "true or false", "integer": "a whole number", "number": "a number",
    "string": "text", "array": "a list", "object": "a mapping",
}  # fmt: skip


def _wrong_type(value: Any, types: list[str], here: Place, schemas: Sequence[Any]) -> Diagnostic:
    """`schemas` are those that ask for the types."""
    wanted = " or ".join(dict.fromkeys(_TYPE_WORDS[one] for one in types))
    actual = next(word for name, word in _TYPE_WORDS.items() if is_type(value, name))
    hint = ""
    if "string" in types and actual in ("true or false", "a whole number", "a number"):
        text: Mapping[str, Any] = next((one for one in schemas if "string" in _types_of(one)), {})
        quoted = matches(str(value).lower(), text.get("pattern", ""))
        hint = "put it in quotes" if quoted else _described(text)
    elif types == ["array"] and actual == "text":
        hint = "write a list: `[…]`"
    elif actual == "nothing":
        hint = "write a value, or take the field out"
    elif actual == "text" and types in (["integer"], ["number"]):
        hint = "write it without quotes"
    elif actual == "text" and types == ["boolean"]:
        hint = "write `true` or `false`, without quotes"
    return Diagnostic("wrong-type", f"{_name(here)} must be {wanted}, not {actual}", here, hint)


def _type(error: Any, here: Place, _secret: IsSecret) -> Iterator[Diagnostic]:
    types = error.validator_value
    yield _wrong_type(error.instance, [types] if isinstance(types, str) else types, here, [error.schema])


def _additional(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    declared = error.schema.get("properties", {})
    patterns = [*error.schema.get("patternProperties", {})]
    unknown = (
        one for one in error.instance if one not in declared and not any(matches(one, some) for some in patterns)
    )
    for key in islice(unknown, MAX_ERRORS):
        place = (*here, key)
        if secret(place):
            yield Diagnostic("unknown-field", f"unknown field in {_name(here)}", place, _one_of(declared), at_key=True)
            continue
        close = nearest(key, declared)
        hint = f"did you mean `{close}`?" if close else _one_of(declared)
        where = f" in {_name(here)}" if here else ""
        yield Diagnostic("unknown-field", f"unknown field {quote(key)}{where}", place, hint, at_key=True)


def _required(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    # One error for each missing field; jsonschema names it in its message only, in quotes.
    name = error.message.split("'")[1]
    declared = error.schema.get("properties", {})
    unknown = [key for key in error.instance if key not in declared and not secret((*here, key))]
    if error.schema.get("additionalProperties") is False and any(nearest(key, declared) == name for key in unknown):
        return  # reported where it is misspelt
    yield Diagnostic("missing-field", f"{_name(here)} needs the field `{name}`", here, at_key=True)


def _enum(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    values = error.validator_value if error.validator == "enum" else [error.validator_value]  # one for a `const`
    allowed = [str(one) for one in values]
    close = nearest(error.instance, allowed) if isinstance(error.instance, str) and not secret(here) else ""
    if close and re.sub("[0-9]", "", close) == re.sub("[0-9]", "", error.instance):
        close = ""  # another number is another thing, not a misspelt one
    hint = f"did you mean `{close}`?" if close else _one_of(allowed)
    yield Diagnostic("bad-value", f"{_shown(error.instance, here, secret)} {_is_not(here)}", here, hint)


def _pattern(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    message = f"{_shown(error.instance, here, secret)} {_is_not(here)}"
    yield Diagnostic("bad-value", message, here, _described(error.schema))


def _described(schema: Any) -> str:
    """A schema's description as a hint: what begins with a name (`OpenSSL`, `ID`) keeps its capitals."""
    text: str = schema.get("description", "").split("\n")[0].rstrip(".")
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


def _bound(error: Any, here: Place, _secret: IsSecret) -> Iterator[Diagnostic]:
    limit = error.validator_value
    words = {
        "minimum": f"must be {limit} or more", "maximum": f"must be {limit} or less",
        "exclusiveMinimum": f"must be more than {limit}", "exclusiveMaximum": f"must be less than {limit}",
        "minLength": "must not be empty" if limit == 1 else f"must have {limit} characters or more",
        "maxLength": f"must have {limit} characters or fewer",
        "minItems": "must not be empty" if limit == 1 else f"must have {limit} items or more",
        "maxItems": f"must have {limit} items or fewer",
        "minProperties": "must not be empty" if limit == 1 else f"must have {limit} fields or more",
        "maxProperties": "must have exactly one field" if limit == 1 else f"must have {limit} fields or fewer",
        "uniqueItems": "has the same item twice",
    }  # fmt: skip
    yield Diagnostic("bad-value", f"{_name(here)} {words[error.validator]}", here)


def _names(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    place = (*here, error.instance)
    yield Diagnostic("bad-name", f"{_shown(error.instance, place, secret)} cannot be a name here", place, at_key=True)


def _other(error: Any, here: Place, secret: IsSecret) -> Iterator[Diagnostic]:
    yield refused(error.instance, here, secret)


def refused(value: Any, here: Place, secret: IsSecret) -> Diagnostic:
    """A diagnostic for a value of which no more is known than that it is not valid."""
    return Diagnostic("bad-value", f"{_shown(value, here, secret)} cannot be the value of {_name(here)}", here)


_WORDS: dict[str, Maker] = {
    "type": _type, "additionalProperties": _additional, "required": _required, "enum": _enum, "const": _enum,
    "pattern": _pattern, "propertyNames": _names,
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems",
         "maxItems", "minProperties", "maxProperties", "uniqueItems"), _bound),
}  # fmt: skip


def quote(value: Any) -> str:
    """A value of the user's in backticks, shortened, on one line."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        value = {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    text = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text[:61])
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def _shown(value: Any, here: Place, secret: IsSecret) -> str:
    return "this value (not shown)" if secret(here) else quote(value)


def _is_not(place: Place) -> str:
    return f"cannot be {_name(place)}" if place and isinstance(place[-1], int) else f"is not a valid {_name(place)}"


def _name(place: Place) -> str:
    """How a message calls what stands at a place: by its last key, or the list's for an item."""
    named = [step for step in place if isinstance(step, str)]
    if not named:
        return "the manifest"
    text = quote(named[-1])
    return f"an item of {text}" if isinstance(place[-1], int) else text


def _one_of(allowed: Any) -> str:
    names = list(allowed)
    shown = ", ".join(f"`{one}`" for one in names[:14])
    return f"one of {shown}{' …' if len(names) > 14 else ''}" if names else ""
