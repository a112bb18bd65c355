"""Strings that know where in the manifest they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pkibuild.diagnostics import Place


class Placed(str):
    """A string with its place, so that a value which a language cannot say is reported where it was written."""

    __slots__ = ("place",)
    place: Place

    def __new__(cls, text: str, place: Place) -> Placed:
        self = super().__new__(cls, text)
        self.place = place
        return self

    def __reduce__(self) -> tuple[type[Placed], tuple[str, Place]]:
        return Placed, (str(self), self.place)

    def __str__(self) -> str:
        return self[:]


def place_of(value: object) -> Place | None:
    return value.place if isinstance(value, Placed) else None


def placed(value: Any, place: Place) -> Any:
    """A copy of plain data in which every string is `Placed`, each at its own path below `place`."""
    if isinstance(value, str):
        return value if isinstance(value, Placed) else Placed(value, place)
    if isinstance(value, Mapping):
        return {key: placed(below, (*place, key)) for key, below in value.items()}
    if isinstance(value, Sequence):
        return [placed(below, (*place, index)) for index, below in enumerate(value)]
    return value
