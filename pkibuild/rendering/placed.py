"""Values that know where in the manifest they were written, and whether they are secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.documents.schema.masks import Paths, further

HIDDEN = "********"
"""In a message, in place of a secret."""


_new = str.__new__  # looked up once: there are twenty for every host


class Placed(str):
    """A string with its place, so that a value which a language cannot say is reported where it was written."""

    __slots__ = ("place", "secret")
    place: Place
    secret: bool
    """Never shown, in a message neither."""

    def __new__(cls, text: str, place: Place, secret: bool = False) -> Placed:
        self = _new(cls, text)
        self.place = place
        self.secret = secret
        return self

    def __reduce__(self) -> tuple[type[Placed], tuple[str, Place, bool]]:
        return Placed, (str(self), self.place, self.secret)

    def __str__(self) -> str:
        return self[:]

    def __iter__(self) -> Iterator[Placed]:
        """A template takes a text apart with `{% set a, b = … %}`."""
        return (Placed(one, self.place, self.secret) for one in str(self))


class SecretNumber(int):
    """A whole number that is never shown, in a message neither; any other number needs no place."""

    place: Place
    secret = True

    def __new__(cls, number: int, place: Place) -> SecretNumber:
        self = super().__new__(cls, number)
        self.place = place
        return self

    def __reduce__(self) -> tuple[type[SecretNumber], tuple[int, Place]]:
        return SecretNumber, (int(self), self.place)


_WITH_PLACE = (Placed, SecretNumber)


def place_of(value: object) -> Place | None:
    return value.place if isinstance(value, _WITH_PLACE) else None


def is_secret(value: object) -> bool:
    return isinstance(value, _WITH_PLACE) and value.secret


def placed(value: Any, place: Place, secrets: Paths = ()) -> Any:
    """A copy of plain data in which every string is `Placed`, each at its own path below `place`.

    What lies at or below one of the paths in `secrets` is marked as secret, its whole numbers and names too; as places
    are told, names within it are in none. `*` stands for every element.
    """
    if isinstance(value, str):
        return value if isinstance(value, Placed) else Placed(value, place, () in secrets)
    if isinstance(value, Mapping):
        hidden = () in secrets
        return {
            Placed(key, place, True) if hidden else key: placed(
                below, place if hidden else (*place, key), further(secrets, key)
            )
            for key, below in value.items()
        }
    if isinstance(value, Sequence):
        inside = further(secrets, "*")
        return [placed(below, (*place, index), inside) for index, below in enumerate(value)]
    if () in secrets and isinstance(value, int) and not isinstance(value, bool):
        return SecretNumber(value, place)
    return value
