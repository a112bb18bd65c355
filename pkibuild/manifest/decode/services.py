"""Services: on which hosts they run, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from pkibuild.core.diagnostics import Place
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.manifest.decode.options import filled
from pkibuild.manifest.read.patterns import glob, is_glob
from pkibuild.model.manifest import Service
from pkibuild.packs.pack import COMMON, Pack


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
