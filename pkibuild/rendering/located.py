"""Values of a template's context that carry their place in the manifest, and whether they are secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.documents.schema.masks import Paths, further

HIDDEN = "********"
"""In a message, in place of a secret."""

_new = str.__new__  # looked up once: there are twenty for every host


class LocatedText(str):
    """A string with its place, so that a value which a language cannot represent is reported where it was written."""

    __slots__ = ("place", "secret")
    place: Place
    secret: bool
    """Never shown, not even in a message."""

    def __new__(cls, text: str, place: Place, secret: bool = False) -> LocatedText:
        self = _new(cls, text)
        self.place = place
        self.secret = secret
        return self

    def __reduce__(self) -> tuple[type[LocatedText], tuple[str, Place, bool]]:
        return LocatedText, (str(self), self.place, self.secret)

    def __str__(self) -> str:
        return self[:]

    def __iter__(self) -> Iterator[LocatedText]:
        """A template can unpack a text: `{% set a, b = … %}`."""
        return (LocatedText(character, self.place, self.secret) for character in str(self))


class SecretNumber(int):
    """A whole number that is never shown, not even in a message; other numbers need no place."""

    place: Place
    secret = True

    def __new__(cls, number: int, place: Place) -> SecretNumber:
        self = super().__new__(cls, number)
        self.place = place
        return self

    def __reduce__(self) -> tuple[type[SecretNumber], tuple[int, Place]]:
        return SecretNumber, (int(self), self.place)


_WITH_PLACE = (LocatedText, SecretNumber)


def place_of(value: object) -> Place | None:
    return value.place if isinstance(value, _WITH_PLACE) else None


def is_secret(value: object) -> bool:
    return isinstance(value, _WITH_PLACE) and value.secret


def with_places(value: Any, place: Place, secrets: Paths = ()) -> Any:
    """A copy of plain data in which every string is `LocatedText`, each at its own path below `place`.

    Values at or below one of the paths in `secrets` are marked as secret, as are the names of mappings and the whole
    numbers there. Names within a secret do not become part of a place, as places are shown. `*` stands for every
    element.
    """
    if isinstance(value, str):
        return value if isinstance(value, LocatedText) else LocatedText(value, place, () in secrets)
    if isinstance(value, Mapping):
        hidden = () in secrets
        return {
            LocatedText(key, place, True) if hidden else key: with_places(
                below, place if hidden else (*place, key), further(secrets, key)
            )
            for key, below in value.items()
        }
    if isinstance(value, Sequence):
        inside = further(secrets, "*")
        return [with_places(below, (*place, index), inside) for index, below in enumerate(value)]
    if () in secrets and isinstance(value, int) and not isinstance(value, bool):
        return SecretNumber(value, place)
    return value
