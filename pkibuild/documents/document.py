"""A document: its data at once, its positions when asked for."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pkibuild.diagnostics import Diagnostic, Place, Span, UserError
from pkibuild.documents.secrets import MASK, mask_unparsed, secrets_in
from pkibuild.documents.source import Source
from pkibuild.documents.text import LIMIT, decode
from pkibuild.world.files import explain as explain_error

if TYPE_CHECKING:
    import yaml

    from pkibuild.documents.positions import Index, Mark, Spot


@dataclass(slots=True)
class Document:
    """A YAML file that was read."""

    name: str
    """As the user knows it, for messages."""
    path: str
    """Absolute."""
    text: str
    data: Any = None
    """Plain dicts (text keys), lists, text, numbers, booleans and None. Not to be changed: aliases share values."""
    also_secret: Callable[[Place], bool] = lambda _: False
    """Places beyond those with telling names whose values must not be shown."""
    _index: Index | None = None
    _lines: list[str] = field(default_factory=list)
    _hidden: dict[int, list[tuple[int, int]]] | None = None

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    def locate(self, place: Place, at_key: bool = False) -> Span | None:
        """Where a value stands (its key with `at_key`), or the nearest thing above it that is there.

        A block mapping or list is shown by its key. None when the document is empty.
        """
        from pkibuild.documents.positions import find

        root = self.positions().root
        if root is None:
            return Span(self.name, 1, 1)
        key, spot, exact = find(root, place)
        empty = spot.start == spot.end
        block = spot.items is not None and spot.end[0] > spot.start[0]
        if key is not None and (at_key or empty or not exact or block):
            spot = key
        return self._span(spot.start, spot.end)

    def _span(self, start: Mark, end: Mark) -> Span:
        line, column = start
        lines = self._split()
        whole = lines[line] if line < len(lines) else ""
        length = end[1] - column if end[0] == line else len(whole) - column
        return Span(self.name, line + 1, column + 1, max(1, length), self._shown(line, whole, column))

    def _shown(self, number: int, line: str, column: int) -> str:
        """A line with its secrets masked, so that what stands at `column` stays there."""
        for begin, stop in sorted(self._secrets_by_line().get(number, ()), reverse=True):
            stop = min(stop, len(line))
            mask = MASK if begin >= column else MASK[0] * (stop - begin)
            line = line[:begin] + mask + line[stop:]
        return line

    def positions(self) -> Index:
        if self._index is None:
            from pkibuild.documents.positions import index

            self._index = index(self.text)
        return self._index

    def _split(self) -> list[str]:
        if not self._lines:
            self._lines = [line.removesuffix("\r") for line in self.text.split("\n")]
        return self._lines

    def _secrets_by_line(self) -> dict[int, list[tuple[int, int]]]:
        """Which columns of which lines must not be shown."""
        if self._hidden is None:
            from pkibuild.documents.positions import find

            root = self.positions().root
            self._hidden = {}
            for place, at_key in secrets_in(self.data, self.also_secret) if root else ():
                key, value, _ = find(root, place) if root else (None, None, False)
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

    def hide(self, also_secret: Callable[[Place], bool]) -> None:
        """Name further places whose values must not be shown."""
        self.also_secret = also_secret
        self._hidden = None


def read_document(source: Source, path: str, name: str) -> Document:
    """Read and parse a YAML file. Raises UserError with every problem of its YAML, each at its place."""
    try:
        data = source.read(path, LIMIT)
    except OSError as error:
        raise UserError(Diagnostic("read-failed", f"cannot read `{name}`: {explain_error(error)}")) from None
    return parse_document(decode(data, name), path, name)


def parse_document(text: str, path: str, name: str) -> Document:
    """Parse the text of a YAML file. Raises UserError with every problem of its YAML, each at its place."""
    import yaml

    from pkibuild.documents import reader

    document = Document(name, path, text)
    problems: list[Diagnostic] = []

    def found(code: str, message: str, event: Any, hint: str) -> None:
        line, column = event.start_mark.line, event.start_mark.column
        length = event.end_mark.column - column if event.end_mark.line == line else 1
        span = document_span(text, name, line, column, max(1, length))
        problems.append(Diagnostic(code, message, hint=hint, span=span))

    try:
        document.data = reader.parse(text, found)
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_error(error, text, name))
    except UserError:
        pass  # told to `found`
    else:
        problems = [_with_first(one, document) if one.code == "duplicate-key" else one for one in problems]
    if problems:
        raise UserError(*problems)
    return document


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> Diagnostic:
    from pkibuild.documents import reader

    mark = error.problem_mark or error.context_mark
    if error.context == "while scanning a quoted scalar" and "end of stream" in (error.problem or ""):
        mark = error.context_mark  # where the quote was opened says more than the end of the file
    if mark is None:
        return reader.explain(error.problem or "", "")
    lines = text.split("\n")
    at = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
    return reader.explain(error.problem or "", at).at(document_span(text, name, mark.line, mark.column, 1))


def document_span(text: str, name: str, line: int, column: int, length: int) -> Span:
    """A span in a text that could not be read as a whole: what may be a secret is masked by its looks."""
    lines = [one.removesuffix("\r") for one in text.split("\n")]
    while line > 0 and (line >= len(lines) or not lines[line].strip()):  # the end of the file: what came before it
        line -= 1
        column = len(lines[line])
    shown = mask_unparsed(lines, line)
    return Span(name, line + 1, column + 1, length, shown)


def _with_first(one: Diagnostic, document: Document) -> Diagnostic:
    """A duplicate key with the place where it was first written."""
    for first, second in document.positions().duplicates:
        if one.span is not None and (second[0] + 1, second[1] + 1) == (one.span.line, one.span.column):
            span = document_span(document.text, document.name, *first, one.span.length)
            return replace(one, related_spans=(("first written here", span),))
    return one
