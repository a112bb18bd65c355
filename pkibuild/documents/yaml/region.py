"""A stretch of a document that can be parsed by itself: places in it become spans, secrets in its lines masks.

Nearly every place that is asked for lies in one declaration. Its lines are found by their looks, and taken only if
they parse to exactly the data that the document has there; else the whole document is the region.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from pkibuild.core.diagnostics import Place, Span
from pkibuild.documents.schema.secrets import MASK, secrets_in

if TYPE_CHECKING:
    from pkibuild.documents.yaml.positions import Index, Mark, Spot

IsSecret = Callable[[Place], bool]


class Region(Struct):
    file: str
    text: str
    data: Any
    also_secret: IsSecret
    """Secrets beyond those with telling names, by their places in the document."""
    first: int = 0
    """The line of the document that it begins with, from 0."""
    above: Place = ()
    """The place of `data` in the document."""
    _index: Index | None = None
    _lines: list[str] = field(default_factory=list)
    _hidden: dict[int, list[tuple[int, int]]] | None = None

    def span(self, place: Place, at_key: bool) -> Span:
        """Where something stands; `place` is that in the document."""
        from pkibuild.documents.yaml.positions import find

        root = self.index().root
        if root is None:
            return Span(self.file, 1, 1)
        key, spot, exact = find(root, place[len(self.above) :])
        empty = spot.start == spot.end
        block = spot.items is not None and spot.end[0] > spot.start[0]
        if key is not None and (at_key or empty or not exact or block):
            spot = key
        return self._span(spot.start, spot.end)

    def index(self) -> Index:
        if self._index is None:
            from pkibuild.documents.yaml.positions import index

            self._index = index(self.text)
        return self._index

    def _span(self, start: Mark, end: Mark) -> Span:
        if not self._lines:
            self._lines = [line.removesuffix("\r") for line in self.text.split("\n")]
        line, column = start
        whole = self._lines[line] if line < len(self._lines) else ""
        length = end[1] - column if end[0] == line else len(whole) - column
        if any(begin == column for begin, _ in self._secrets().get(line, ())):
            length = len(MASK)  # how long a secret is, is told as little as the secret
        shown = self._masked(line, whole, column)
        return Span(self.file, self.first + line + 1, column + 1, max(1, length), shown)

    def _masked(self, number: int, line: str, column: int) -> str:
        """A line with its secrets masked, so that what stands at `column` stays there."""
        for begin, stop in sorted(self._secrets().get(number, ()), reverse=True):
            stop = min(stop, len(line))
            mask = MASK if begin >= column else MASK[0] * (stop - begin)
            line = line[:begin] + mask + line[stop:]
        return line

    def _secrets(self) -> dict[int, list[tuple[int, int]]]:
        """Which columns of which lines must not be shown."""
        if self._hidden is None:
            from pkibuild.documents.yaml.positions import find

            root = self.index().root
            self._hidden = {}
            for place, at_key in secrets_in(self.data, self.also_secret, self.above) if root else ():
                key, value, _ = find(root, place[len(self.above) :]) if root else (None, None, False)
                spot: Spot | None = key if at_key else value
                if spot is not None:
                    self._hide(spot.start, spot.end)
        return self._hidden

    def _hide(self, start: Mark, end: Mark) -> None:
        assert self._hidden is not None
        for line in range(start[0], end[0] + 1):
            begin = start[1] if line == start[0] else 0
            stop = end[1] if line == end[0] else sys.maxsize
            if begin < stop:
                self._hidden.setdefault(line, []).append((begin, stop))


def declaration(whole: Region, place: Place) -> Region | None:
    """The region of the declaration that a place lies in, or of the top-level field; None when it is not found."""
    at, data, depth = 0, whole.data, 0
    region: tuple[int, int] | None = None
    for step in place[:2]:
        if not isinstance(data, dict) or not isinstance(step, str) or step not in data:
            break
        found = _entry(whole.text, step, *(region or (0, len(whole.text))), indented=depth > 0)
        if found is None:
            break
        region, data, depth = found, data[step], depth + 1
        at = found[0]
    if region is None:
        return None
    text = whole.text[region[0] : region[1]]
    expected = {place[depth - 1]: data}
    if not _parses_to(text, expected):
        return None
    first = whole.text.count("\n", 0, at)
    return Region(whole.file, text, expected, whole.also_secret, first, place[: depth - 1])


def _entry(text: str, key: str, start: int, end: int, *, indented: bool) -> tuple[int, int] | None:
    """Where the lines of a block mapping's entry begin and end, going by their looks."""
    indent = " +" if indented else ""
    entry = rf"^({indent})(['\"]?){re.escape(key)}\2[ ]*:(?=[ \r\n]|$)"
    found = re.compile(entry, re.MULTILINE).search(text, start, end)
    if found is None:
        return None
    after = re.compile(rf"^ {{0,{len(found[1])}}}(?![ \r\n#]|$)", re.MULTILINE).search(text, found.end(), end)
    return found.start(), after.start() if after else end


def _parses_to(text: str, expected: Any) -> bool:
    import yaml

    from pkibuild.core.diagnostics import UserError
    from pkibuild.documents.yaml import reader

    problems: list[str] = []
    try:
        value = reader.parse(text, lambda code, *_: problems.append(code))
    except (yaml.YAMLError, UserError):
        return False
    return not problems and bool(value == expected)
