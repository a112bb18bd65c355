"""What decoding knows: the declarations as written, the defaults, and where to report a problem."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct, field

from pkibuild.core.diagnostics import Place, Problems, nearest
from pkibuild.core.values import Record
from pkibuild.documents import Document
from pkibuild.manifest.decode.names import BadName
from pkibuild.manifest.read.gather import Gathered

MAX_COMPARED = 100_000
"""Comparing so many names for suggestions takes about half a second."""

Related = tuple[tuple[str, Place], ...]


class Raw(Record):
    """One declaration, its ranges counted out; what is left of it is valid by the schema."""

    section: str
    name: str
    written: str
    """The name as written: a pattern where it is one of a fleet."""
    data: Mapping[str, Any]
    """Without the fields that the schema refused."""
    document: Document
    sound: bool = True
    """Whether the schema refused nothing: only then is a field that is absent missing."""

    @property
    def place(self) -> Place:
        return (self.section, self.name)

    def said(self) -> str:
        """What it says, and the file that its paths are relative to."""
        return f"{self.document.path}\n{self.data!r}"


class Context(Struct):
    gathered: Gathered
    problems: Problems
    defaults: Mapping[str, Any]
    now: int
    told: set[tuple[str, Place]] = field(default_factory=set)
    """What was reported of which written place: a fleet's mistake is told once."""
    compared: int = 0
    """How many names were compared for suggestions."""

    def error(
        self, code: str, message: str, place: Place, hint: str = "", related: Related = (), at_key: bool = False
    ) -> None:
        if self._first(code, place):
            self.problems.error(code, message, place, hint, related, at_key)

    def warn(self, code: str, message: str, place: Place, hint: str = "") -> None:
        if self._first(code, place):
            self.problems.warn(code, message, place, hint)

    def bad_name(self, code: str, text: str, what: str, error: BadName, place: Place) -> None:
        """Report a text that is no name of its kind."""
        from pkibuild.documents.schema.words import quote

        self.error(code, f"{quote(text)} is no {what}: {error}", place, error.hint)

    def _first(self, code: str, place: Place) -> bool:
        document, inside = self.gathered.written(place)
        key = (code, (document.path, *inside))
        if key in self.told:
            return False
        self.told.add(key)
        return True

    def not_supported(self, what: str, place: Place, at_key: bool) -> None:
        """Refuse what a later version does."""
        message, hint = f"{what} is not yet supported by this version", "take it out, or use a later version"
        self.error("not-supported", message, place, hint, at_key=at_key)

    def lacks(self, raw: Raw, code: str, message: str, hint: str) -> None:
        """Report what a declaration does not have, at its name."""
        if raw.sound:
            self.error(code, message, raw.place, hint, at_key=True)

    def nearest(self, word: str, valid: Collection[str]) -> str:
        """The valid name that is most likely meant; empty when there is none, or when too many were asked for."""
        self.compared += len(valid)
        return nearest(word, valid) if self.compared < MAX_COMPARED else ""

    def where(self, raw: Raw, name: str) -> Place:
        """Where the value of a field that may be inherited was written."""
        return (*raw.place, name) if name in raw.data or name not in self.defaults else ("defaults", name)

    def path(self, place: Place, path: str) -> str:
        """A path written at a place, made absolute: it is relative to the file that writes it."""
        document, _ = self.gathered.written(place)
        return posixpath.normpath(posixpath.join(document.folder, path))
