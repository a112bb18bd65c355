"""A user's pack validated against the schemas of descriptors and of options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pkibuild.core.diagnostics import Diagnostic, Place, nearest
from pkibuild.documents import Document
from pkibuild.documents.schema.engine import compile_schema
from pkibuild.documents.schema.pointer import resolve
from pkibuild.documents.schema.validator import Validator
from pkibuild.documents.schema.words import quote
from pkibuild.packs.pack import COMMON
from pkibuild.world.files import read_file

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_SHOWN = 80


def descriptor_schema() -> dict[str, Any]:
    """The JSON Schema of `service.yaml`."""
    path = __file__.rpartition("/")[0] + "/service.schema.json"
    found: dict[str, Any] = json.loads(read_file(path))
    return found


def check_descriptor(document: Document) -> Iterator[Diagnostic]:
    """What is wrong with a descriptor, each at its line."""
    schema = descriptor_schema()
    if Validator(schema).accepts("#", document.data):
        return
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema).iter_errors(document.data):
        yield from _told(_deepest(error), document)


def _deepest(error: ValidationError) -> ValidationError:
    """Of the ways in which no alternative fits, the one that came furthest."""
    while error.context and not _asks_for_one_of(error):
        error = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "type"))
    return error


def _asks_for_one_of(error: ValidationError) -> bool:
    """Whether exactly one of several fields is wanted."""
    return error.validator == "oneOf" and all(one.validator == "required" for one in error.context or ())


def _told(error: ValidationError, document: Document) -> Iterator[Diagnostic]:
    path = tuple(error.absolute_path)
    schema: Any = error.schema
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(schema.get("properties", {}))
        for name in error.instance:
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean `{near}`?" if near else f"known are: {', '.join(known)}"
                span = document.locate((*path, name), True)
                yield Diagnostic("bad-pack", f"unknown field `{name}`", hint=hint, span=span)
        return
    if error.validator == "required" and isinstance(error.instance, dict):
        lacking = [name for name in wanted if name not in error.instance]
        message = f"the field `{lacking[0]}` is missing" if lacking else "a field is missing"
    elif _asks_for_one_of(error):
        fields = ", ".join(f"`{one['required'][0]}`" for one in wanted)
        message = f"exactly one of the fields {fields} is needed"
    elif error.validator == "enum":
        message = f"{_shown(error.instance)} is none of {', '.join(map(str, wanted))}"
    elif error.validator == "type":
        message = f"{_shown(error.instance)} is no {wanted}"
    elif error.validator == "pattern":
        message = f"{_shown(error.instance)} does not have the form {wanted}"
    else:
        message = f"{_shown(error.instance)} is not allowed here ({error.validator})"
    hint = str(schema.get("description", "")) if isinstance(schema, dict) else ""
    yield Diagnostic("bad-pack", message, hint=hint, span=document.locate(path))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{text[:_SHOWN]}…`" if len(text) > _SHOWN else f"`{text}`"


def check_options(document: Document) -> Iterator[Diagnostic]:
    """What is wrong with the schema of a pack's options."""
    data = document.data
    if not isinstance(data, dict) or data.get("type") != "object":
        message = 'the schema of the options has to be a mapping with `"type": "object"`'
        yield Diagnostic("bad-pack", message, span=document.locate(()))
        return
    refusal = _refusal(data)
    error = _schema_error(data) if refusal or not all(map(_is_python_pattern, _patterns(data))) else None
    if error is not None:
        yield _not_a_schema(document, *error)
        return
    for name in COMMON:
        if name in data.get("properties", {}):
            span = document.locate(("properties", name), True)
            yield Diagnostic("bad-pack", f"an option cannot be called `{name}`: every service has it", span=span)
    if data.get("additionalProperties") is not False:
        message = "the schema needs `additionalProperties: false`, so that a misspelt option is told"
        yield Diagnostic("bad-pack", message, span=document.locate(()))
    wrong = list(_wrong_references(data, data, ()))
    for place, message in wrong:
        hint = "refer to a part of this schema: `$ref` with `#/$defs/NAME`"
        yield Diagnostic("bad-pack", message, hint=hint, span=document.locate(place))
    if refusal is not None and not wrong:
        yield _not_a_schema(document, *refusal)


def _not_a_schema(document: Document, place: Place, message: str) -> Diagnostic:
    return Diagnostic("bad-pack", f"not a valid JSON Schema: {message[:200]}", span=document.locate(place))


def _refusal(schema: Mapping[str, Any]) -> tuple[Place, str] | None:
    """Where and why jsonschema-rs does not take a schema."""
    try:
        compile_schema(schema)
    except ValueError as error:
        return tuple(getattr(error, "instance_path", ())), str(error).split("\n")[0]
    return None


def _schema_error(schema: Mapping[str, Any]) -> tuple[Place, str] | None:
    """Where and why a schema is not one by its own schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return tuple(error.absolute_path), error.message
    return None


def _patterns(schema: Any) -> Iterator[str]:
    """Every regular expression of a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        if isinstance(schema.get("patternProperties"), dict):
            yield from schema["patternProperties"]
    for one in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _patterns(one)


def _is_python_pattern(pattern: str) -> bool:
    """Whether Python reads a regular expression too: jsonschema, which explains what is wrong, uses its engine."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _wrong_references(schema: Any, root: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    """What refers to something else than a part of the schema: which options are secret must be seen in it alone."""
    if isinstance(schema, list):
        for number, one in enumerate(schema):
            yield from _wrong_references(one, root, (*place, number))
    if not isinstance(schema, dict):
        return
    for word, one in schema.items():
        if word in ("$dynamicRef", "$id") and isinstance(one, str) and (place or word != "$id"):
            yield (*place, word), f"`{word}` is not supported in the schema of options"
        elif word == "$ref" and isinstance(one, str) and not _is_there(one, root):
            yield (*place, word), f"the schema refers to {quote(one)}, which is not there"
        elif word == "$ref" and isinstance(one, str) and _comes_back(one, root):
            yield (*place, word), f"the schema refers to {quote(one)}, which is itself again, without end"
        else:
            yield from _wrong_references(one, root, (*place, word))


def _comes_back(target: str, root: Mapping[str, Any]) -> bool:
    """Whether what a schema asks of a value is, somewhere, the same schema of the same value."""
    waiting, seen = [target], {target}
    while waiting:
        for one in _of_the_same_value(resolve(waiting.pop(), root)):
            if one == target:
                return True
            if one not in seen and _is_there(one, root):
                seen.add(one)
                waiting.append(one)
    return False


def _of_the_same_value(schema: Any) -> Iterator[str]:
    """To what a schema refers for the value itself, not for what is in it."""
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    parts = [schema.get(word) for word in ("if", "then", "else", "not")]
    parts += (one for word in ("allOf", "anyOf", "oneOf") for one in schema.get(word, ()))
    for part in (*parts, *schema.get("dependentSchemas", {}).values()):
        yield from _of_the_same_value(part)


def _is_there(target: str, root: Mapping[str, Any]) -> bool:
    try:
        return target.startswith("#") and isinstance(resolve(target, root), dict | bool)
    except (LookupError, TypeError, ValueError):
        return False
