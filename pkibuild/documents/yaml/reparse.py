"""A large document that an earlier run read: only the entries that were edited are parsed again.

An entry is a name with what is declared under it, as `hosts:` has ten thousand. Its lines mean the same wherever they
stand, as long as they begin where the parser found an entry to begin, are followed by another entry of the same
section, and no anchor is in the document. Anything else, and anything unusual about the edit, is left to the parser.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import UserError
from pkibuild.core.values import Record

LARGE = 20_000
"""Characters; what is shorter is parsed as fast as it is compared."""
_UNUSUAL = re.compile(r"[&*!\r\t]|^(?! |$)", re.MULTILINE)
"""Anchors, aliases and tags, perhaps; other line ends; a line that is not indented, such as `---`."""


class ParsedDocument(Record):
    """A document without problems and without anchors."""

    text: str
    data: Any
    starts: dict[str, list[int]]
    """By section, for each entry in order: where in the text its name begins."""


class ParsedDocuments(Struct):
    """Large documents by path."""

    before: dict[str, ParsedDocument] = field(default_factory=dict)
    """As an earlier run read them."""
    now: dict[str, ParsedDocument] = field(default_factory=dict)
    """As this run read them."""

    def read(self, path: str, text: str) -> ParsedDocument | None:
        """A document, where it can be made from what an earlier run read; else None."""
        before = self.before.get(path)
        return reparse(before, text) if before is not None and len(text) >= LARGE else None

    def add(self, path: str, document: ParsedDocument) -> None:
        if len(document.text) >= LARGE:
            self.now[path] = document

    @property
    def has_changed(self) -> bool:
        return any(self.before.get(path) is not document for path, document in self.now.items())


def parsed_document(text: str, data: Any, starts: dict[str, list[int]]) -> ParsedDocument:
    """A document that the parser has read, with those of its sections whose entries have lines of their own."""
    return ParsedDocument(text, data, {name: some for name, some in starts.items() if _has_lines(text, some)})


def _has_lines(text: str, starts: list[int]) -> bool:
    """Whether every entry begins a line, and all of them in one column."""
    indents = [text[text.rfind("\n", 0, start) + 1 : start] for start in starts]
    return bool(indents) and bool(indents[0]) and not indents[0].strip(" ") and len(set(indents)) == 1


def reparse(before: ParsedDocument, text: str) -> ParsedDocument | None:
    """The document as it is now; None where the whole of it has to be parsed."""
    if text == before.text:
        return before
    same = text.rfind("\n", 0, _common(before.text, text)) + 1
    rest = _common(before.text[same:][::-1], text[same:][::-1])
    for section, starts in before.starts.items():
        column = starts[0] - before.text.rfind("\n", 0, starts[0]) - 1
        first = bisect_left(starts, same + column) - 1  # a line before an entry belongs to the one above
        after = bisect_left(starts, len(before.text) - rest + column, max(first, 0) + 1)
        if first >= 0 and after < len(starts):
            return _with_entries(before, text, section, column, first, after)
    return None


def _with_entries(
    before: ParsedDocument, text: str, section: str, column: int, first: int, after: int
) -> ParsedDocument | None:
    """With the entries from `first` to the one before `after` as they are now."""
    starts, entries = before.starts[section], before.data[section]
    grown = len(text) - len(before.text)
    begin, end = starts[first] - column, starts[after] - column
    old, new = before.text[begin:end], text[begin : end + grown]
    if _UNUSUAL.search(old) or _UNUSUAL.search(new) or not new.endswith("\n"):
        return None
    parsed = _entries(new, column)
    if parsed is None or parsed[1][0] != column:
        return None
    items = list(entries.items())
    others = dict([*items[:first], *items[after:]])
    if not others.keys().isdisjoint(parsed[0]):
        return None
    data = {**before.data, section: dict([*items[:first], *parsed[0].items(), *items[after:]])}
    moved = {name: [one + grown for one in some] if some[0] >= end else some for name, some in before.starts.items()}
    own = [*starts[:first], *(one + begin for one in parsed[1]), *(one + grown for one in starts[after:])]
    return replace(before, text=text, data=data, starts={**moved, section: own})


def _entries(text: str, column: int) -> tuple[dict[str, Any], list[int]] | None:
    """Entries by themselves, and where they begin; None when they are not what they seem."""
    import yaml

    from pkibuild.documents.yaml import reader

    problems: list[str] = []
    try:
        entries, starts = reader.parse_entries(text, lambda code, *_: problems.append(code))
    except (yaml.YAMLError, UserError):
        return None
    right = all(text.rfind("\n", 0, one) + 1 + column == one for one in starts)
    return None if problems or not right else (entries, starts)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
