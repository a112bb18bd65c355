"""A service's own options: defaults filled in, paths made absolute, secrets known."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from pkibuild.documents.schema.pointer import resolve


def filled(value: Any, schema: Any, root: Mapping[str, Any], folder: str) -> Any:
    """A copy of `value` with the schema's defaults filled in at every depth.

    Texts of format `path` become absolute.
    """
    schema = _resolved(schema, root)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties", {})
        complete = {
            name: filled(value[name] if name in value else one["default"], one, root, folder)
            for name, one in ((name, _resolved(one, root)) for name, one in properties.items())
            if name in value or "default" in one
        }
        for name, item in value.items():
            if name not in complete:
                complete[name] = filled(item, rest, root, folder)
        return complete
    if isinstance(value, list):
        return [filled(item, schema.get("items", {}), root, folder) for item in value]
    if isinstance(value, str):
        return posixpath.normpath(posixpath.join(folder, value)) if schema.get("format") == "path" else value
    return value


def files_in(value: Any, schema: Any, root: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Absolute paths of the user's own files that options name: texts of format `path`, or (relative to the manifest's
    folder) `manifest-path`."""
    schema = _resolved(schema, root)
    if isinstance(value, dict):
        rest = schema.get("additionalProperties", {})
        for name, item in value.items():
            yield from files_in(item, schema.get("properties", {}).get(name, rest), root, folder)
    elif isinstance(value, list):
        for item in value:
            yield from files_in(item, schema.get("items", {}), root, folder)
    elif isinstance(value, str) and schema.get("format") in ("path", "manifest-path"):
        yield posixpath.normpath(posixpath.join(folder, value))


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, `$ref`s followed and alternatives joined; an empty one where nothing is known."""
    if not isinstance(schema, Mapping):
        return {}
    if "$ref" in schema:
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return {**_resolved(resolve(schema["$ref"], root), root), **beside}
    if "properties" in schema or "items" in schema:
        return schema
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found = _resolved(one, root)
        if "properties" in found or "items" in found:
            return {**found, **schema}
    return schema
