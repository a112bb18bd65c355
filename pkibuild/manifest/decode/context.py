"""What decoding works with: the declarations as written, defaults, inherited fields, and where to report a problem."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct, field

from pkibuild.core import times as units
from pkibuild.core.diagnostics import Place, Problems, nearest
from pkibuild.core.values import Record
from pkibuild.documents import Document
from pkibuild.manifest.decode.names import BadName
from pkibuild.manifest.read.gather import Gathered
from pkibuild.model.manifest import KeySpec, Secret, Validity

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

        self.error(code, f"{quote(text)} is not a valid {what}: {error}", place, error.hint)

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


ALGORITHM = "ecdsa-p256"
ROOT_VALIDITY = 7305 * units.DAY
INTERMEDIATE_VALIDITY = 3650 * units.DAY
LEAF_VALIDITY = 397 * units.DAY
RENEW_AT_MOST = 30 * units.DAY

_NOT_FOR_AUTHORITIES = ("rotate", "passphrase")
"""Fields of `defaults.key` that do not reach authorities."""


class Fields(Struct):
    """Decodes shared fields; what many declarations inherit is decoded once."""

    context: Context
    _keys: dict[tuple[str | None, bool], KeySpec] = field(default_factory=dict)
    _validities: dict[tuple[str, Place], Validity | None] = field(default_factory=dict)

    # -- keys ---------------------------------------------------------------------

    def key(self, raw: Raw, authority: bool = False) -> KeySpec:
        own = raw.data.get("key")
        if isinstance(own, Mapping):
            return self._key(raw, own, authority)
        cached = self._keys.get((own, authority))
        if cached is None:
            cached = self._keys[own, authority] = self._key(raw, _as_mapping(own), authority)
        return cached

    def _key(self, raw: Raw, own: Mapping[str, Any], authority: bool) -> KeySpec:
        inherited = dict(_as_mapping(self.context.defaults.get("key")))
        for name in _NOT_FOR_AUTHORITIES if authority else ():
            inherited.pop(name, None)
        merged = {**inherited, **own}
        passphrase = None
        if "passphrase" in merged:
            place = (*raw.place, "key") if "passphrase" in own else ("defaults", "key")
            passphrase = self._secret(merged["passphrase"], (*place, "passphrase"))
        return KeySpec(
            algorithm=merged.get("algorithm", ALGORITHM),
            passphrase=passphrase,
            rotate=merged.get("rotate", "never"),
            generation=merged.get("generation", 1),
            generation_declared="generation" in merged,
        )

    def _secret(self, written: Mapping[str, Any], place: Place) -> Secret:
        if "env" in written:
            return Secret("env", written["env"], place)
        if "file" in written:
            return Secret("file", self.context.path(place, written["file"]), place)
        if "command" in written:
            return Secret("command", tuple(written["command"]), place)
        return Secret("prompt", "", place)

    # -- times ----------------------------------------------------------------------

    def validity(self, raw: Raw, built_in: int, inherit: bool = True) -> Validity:
        value = raw.data.get("validity")
        place: Place = (*raw.place, "validity")
        if value is None and inherit and "validity" in self.context.defaults:
            value, place = self.context.defaults["validity"], ("defaults", "validity")
        if value is None:
            return Validity(seconds=built_in)
        if isinstance(value, Mapping):
            return self._fixed_end(value["not_after"], (*place, "not_after")) or Validity(seconds=built_in)
        seconds = self.duration(value, place)
        return Validity(seconds=seconds or built_in)

    def _fixed_end(self, text: str, place: Place) -> Validity | None:
        end = self.time(text, place)
        if end is None:
            return None
        if end <= self.context.now:
            self.context.error("end-in-the-past", f"`{text}` is in the past", place)
            return None
        return Validity(not_after=end)

    def duration(self, text: str, place: Place) -> int | None:
        """Seconds of a duration; None (and a problem) when it reaches beyond the last year that X.509 can say."""
        seconds = units.parse_duration(text)
        if self.context.now + seconds > units.END_OF_TIME:
            self.context.error(
                "end-of-time", f"`{text}` from now is later than 9999-12-31 (RFC 5280 4.1.2.5)", place,
                "a certificate without an end is written `{not_after: 9999-12-31T23:59:59Z}`",
            )  # fmt: skip
            return None
        return seconds

    def time(self, text: str, place: Place) -> int | None:
        try:
            return units.parse_time(text)
        except ValueError as error:
            self.context.error("bad-time", str(error), place)
            return None

    def issued_since(self, raw: Raw) -> int | None:
        text = raw.data.get("issued_since")
        if text is None:
            return None
        place = (*raw.place, "issued_since")
        since = self.time(text, place)
        if since is not None and since > self.context.now:
            self.context.error("since-in-the-future", f"`{text}` is in the future", place,
                               "what is issued until then would be issued again at every run")  # fmt: skip
        return since

    def renew_before(self, raw: Raw, validity: Validity) -> int:
        """As declared or inherited, else a third of the validity, 30 days at most."""
        text = raw.data.get("renew_before") or self.context.defaults.get("renew_before")
        if text is None:
            return min(RENEW_AT_MOST, validity.seconds // 3) if validity.seconds else RENEW_AT_MOST
        place = self.context.where(raw, "renew_before")
        return self.declared_renewal(raw, text, place, validity)

    def declared_renewal(self, raw: Raw, text: str, place: Place, validity: Validity) -> int:
        seconds = units.parse_duration(text)
        if validity.seconds is not None and seconds >= validity.seconds:
            self.context.error(
                "renews-too-early",
                f"`renew_before` ({text}) is not shorter than the validity "
                f"({units.format_duration(validity.seconds)}): it would be due as soon as it is issued",
                place,
                related=(("the validity", self.context.where(raw, "validity")),),
            )
        return seconds

    # -- the rest ---------------------------------------------------------------------

    def formats(self, raw: Raw, inherit: bool = True) -> tuple[str, ...]:
        """`pem` first, which is always there, then the others in the schema's order."""
        wanted = raw.data.get("formats")
        if wanted is None:
            wanted = self.context.defaults.get("formats", ()) if inherit else ()
        return ("pem", *(one for one in _FORMATS if one in wanted))


_FORMATS = ("fullchain", "chain", "der", "combined", "pkcs12", "jks")


def _as_mapping(key: Any) -> Mapping[str, Any]:
    if key is None:
        return {}
    return {"algorithm": key} if isinstance(key, str) else key
