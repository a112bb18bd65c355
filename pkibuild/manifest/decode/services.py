"""Services: on which hosts they run, and their options (defaults filled in, paths made absolute)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from pkibuild.core.diagnostics import Place
from pkibuild.documents.schema.pointer import resolve
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.manifest.read.patterns import glob, is_glob
from pkibuild.model.manifest import Service
from pkibuild.packs.pack import COMMON, Pack


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


class Services(Struct):
    context: Context
    packs: Mapping[str, Pack]
    hosts: Mapping[str, Raw]
    """Every declared host, those with problems too."""

    def service(self, raw: Raw) -> Service:
        data = raw.data
        schema = self.packs[data["type"]].options_schema
        own = {name: value for name, value in data.items() if name not in COMMON}
        options = filled(own, schema, schema, raw.document.folder)
        return Service(raw.name, raw.place, data["type"], self._hosts(raw), options)

    def _hosts(self, raw: Raw) -> tuple[str, ...]:
        data = raw.data
        if "host" in data:
            place = (*raw.place, "host")
            return (data["host"],) if self._is_declared(data["host"], place) else ()
        wanted = data["hosts"]
        if isinstance(wanted, Mapping):
            return self._tagged(wanted["tags"], (*raw.place, "hosts", "tags"))
        chosen: dict[str, None] = {}
        for at, text in enumerate(wanted):
            place = (*raw.place, "hosts", at)
            if is_glob(text):
                chosen.update(dict.fromkeys(self._matching(text, place)))
            elif self._is_declared(text, place):
                chosen[text] = None
        return tuple(chosen)

    def _is_declared(self, name: str, place: Place) -> bool:
        if name in self.hosts:
            return True
        close = self.context.nearest(name, self.hosts)
        hint = f"did you mean `{close}`?" if close else "declare it under `hosts:`"
        self.context.error("unknown-host", f"host {quote(name)} is not declared", place, hint)
        return False

    def _matching(self, text: str, place: Place) -> list[str]:
        match = glob(text).match
        found = [name for name in self.hosts if match(name)]
        if not found:
            self.context.error("no-host", f"no host matches {quote(text)}", place)
        return found

    def _tagged(self, tags: list[str], place: Place) -> tuple[str, ...]:
        wanted = set(tags)
        found = tuple(name for name, raw in self.hosts.items() if wanted <= _tags(raw.data))
        if not found:
            known = sorted({tag for raw in self.hosts.values() for tag in _tags(raw.data)})
            close = self.context.nearest(tags[0], known) if tags[0] not in known else ""
            words = " and ".join(quote(one) for one in tags)
            self.context.error("no-host", f"no host has the tag{'s' if len(tags) > 1 else ''} {words}", place,
                               f"did you mean `{close}`?" if close else "")  # fmt: skip
        return found


def _tags(data: Any) -> set[str]:
    tags = data.get("tags", ()) if isinstance(data, Mapping) else ()
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
