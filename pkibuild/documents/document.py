"""A document: its data at once, its positions when asked for."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pkibuild.diagnostics import Diagnostic, Place, Span, UserError
from pkibuild.documents.region import IsSecret, Region, declaration
from pkibuild.documents.secrets import mask_unparsed
from pkibuild.documents.source import Source
from pkibuild.documents.text import LIMIT, decode
from pkibuild.world.files import explain as explain_error

if TYPE_CHECKING:
    import yaml


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
    _whole: Region | None = None
    _parts: dict[Place, Region | None] = field(default_factory=dict)
    _also_secret: IsSecret = lambda _: False

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    def locate(self, place: Place, at_key: bool = False) -> Span:
        """Where a value stands (its key with `at_key`), or the nearest thing above it that is there.

        A block mapping or list is shown by its key.
        """
        return self._region(place).span(place, at_key)

    def hide(self, also_secret: IsSecret) -> None:
        """Name places beyond those with telling names whose values must not be shown."""
        self._also_secret = also_secret
        self._whole = None
        self._parts.clear()

    def whole(self) -> Region:
        if self._whole is None:
            self._whole = Region(self.name, self.text, self.data, self._also_secret)
        return self._whole

    def _region(self, place: Place) -> Region:
        """What has to be looked at to find a place: its declaration, or everything once that pays."""
        if not place or len(self._parts) > _MANY or len(self.text) < _SHORT:
            return self.whole()
        if place[:2] not in self._parts:
            self._parts[place[:2]] = declaration(self.whole(), place)
        return self._parts[place[:2]] or self.whole()


_MANY = 40
"""So many declarations looked up one by one cost as much as the positions of a whole large document."""
_SHORT = 20_000
"""Characters; a shorter document is indexed at once."""


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
    for first, second in document.whole().index().duplicates:
        if one.span is not None and (second[0] + 1, second[1] + 1) == (one.span.line, one.span.column):
            span = document_span(document.text, document.name, *first, one.span.length)
            return replace(one, related_spans=(("first written here", span),))
    return one
