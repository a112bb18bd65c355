"""Where each value of a document stands. Made only when a place is asked for, from the parser's events once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pkibuild.core.diagnostics import Place
from pkibuild.core.values import Record
from pkibuild.documents.yaml.reader import MAX_DEPTH, parser

Mark = tuple[int, int]
"""Line and column, from 0."""


class Spot(Struct):
    """Where a value, or a key, begins and ends."""

    start: Mark
    end: Mark
    items: dict[str | int, Entry] | None = None
    """Of a mapping or a list; None for a scalar."""


class Entry(Struct):
    key: Spot | None
    """None in a list."""
    value: Spot


class Index(Record):
    root: Spot | None
    duplicates: tuple[tuple[Mark, Mark], ...]
    """Each key written twice: where first, where again."""


def index(text: str) -> Index:
    """Positions of everything in a document that `reader.parse` has read without an exception."""
    events = parser(text)
    events.get_event()
    duplicates: list[tuple[Mark, Mark]] = []
    if type(events.get_event()) is not DocumentStartEvent:
        return Index(None, ())
    root = _Indexer(events.get_event, duplicates).spot(events.get_event(), 0)
    return Index(root, tuple(duplicates))


def _mark(mark: Any) -> Mark:
    return (mark.line, mark.column)


class _Indexer(Struct):
    next: Callable[[], Any]
    duplicates: list[tuple[Mark, Mark]]
    anchors: dict[str, Spot] = field(default_factory=dict)

    def spot(self, event: Any, depth: int) -> Spot:
        kind = type(event)
        spot = Spot(_mark(event.start_mark), _mark(event.end_mark))
        if kind is AliasEvent:
            # What an alias stands for is written elsewhere, but it is meant here.
            meant = self.anchors.get(event.anchor)
            spot.items = meant.items if meant else None
            return spot
        if event.anchor is not None:
            self.anchors[event.anchor] = spot
        if kind is MappingStartEvent and depth < MAX_DEPTH:
            self._mapping(spot, depth + 1)
        elif kind is SequenceStartEvent and depth < MAX_DEPTH:
            self._sequence(spot, depth + 1)
        return spot

    def _mapping(self, spot: Spot, depth: int) -> None:
        spot.items = {}
        while type(item := self.next()) is not MappingEndEvent:
            key = self.spot(item, depth)
            value = self.spot(self.next(), depth)
            name = item.value if type(item) is ScalarEvent else ""
            first = spot.items.get(name)
            if first is None:
                spot.items[name] = Entry(key, value)
            elif first.key is not None:
                self.duplicates.append((first.key.start, key.start))
        spot.end = _mark(item.end_mark)

    def _sequence(self, spot: Spot, depth: int) -> None:
        spot.items = {}
        while type(item := self.next()) is not SequenceEndEvent:
            spot.items[len(spot.items)] = Entry(None, self.spot(item, depth))
        spot.end = _mark(item.end_mark)


def find(root: Spot, place: Place) -> tuple[Spot | None, Spot, bool]:
    """The key and the value at a place, or at the nearest place above it that is there; and whether it is exact."""
    key: Spot | None = None
    spot = root
    for step in place:
        entry = spot.items.get(step) if spot.items else None
        if entry is None:
            return key, spot, False
        key, spot = entry.key, entry.value
    return key, spot, True
