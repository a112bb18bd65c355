"""A document's text with the data in it, and where its bytes come from: the disk or a revision of a git repository."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place, Span, UserError
from pkibuild.documents.yaml.reparse import ParsedDocuments, parsed_document
from pkibuild.documents.yaml.text import LIMIT, decode
from pkibuild.world import files
from pkibuild.world.disk import explain as explain_error

if TYPE_CHECKING:
    import yaml

    from pkibuild.documents.yaml.region import IsSecret, Region


class Source(Protocol):
    """A tree of files, addressed by absolute paths."""

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` + 1 bytes of a file. Raises OSError."""
        ...

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted. Raises OSError."""
        ...

    def real(self, path: str) -> str:
        """One name for a file, however it is reached."""
        ...


class Disk:
    """The files of this machine."""

    def read(self, path: str, limit: int) -> bytes:
        return files.read_file(path, limit)

    def names(self, folder: str) -> list[str]:
        return files.names_in(folder)

    def real(self, path: str) -> str:
        return files.real_path(path)


class Document(Struct):
    """A YAML file that was read."""

    name: str
    """As the user writes it, for messages."""
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
            from pkibuild.documents.yaml.region import Region

            self._whole = Region(self.name, self.text, self.data, self._also_secret)
        return self._whole

    def _region(self, place: Place) -> Region:
        """What has to be looked at to find a place: its declaration, or everything once that pays."""
        if not place or len(self._parts) > _MANY or len(self.text) < _SHORT:
            return self.whole()
        if place[:2] not in self._parts:
            from pkibuild.documents.yaml.region import declaration

            self._parts[place[:2]] = declaration(self.whole(), place)
        return self._parts[place[:2]] or self.whole()


_MANY = 40
"""So many declarations looked up one by one cost as much as the positions of a whole large document."""
_SHORT = 20_000
"""Characters; a shorter document is indexed at once."""


def read_document(source: Source, path: str, name: str, memory: ParsedDocuments | None = None) -> Document:
    """Read and parse a YAML file. Raises UserError with every problem of its YAML, each at its place."""
    try:
        data = source.read(path, LIMIT)
    except OSError as error:
        raise UserError(Diagnostic("read-failed", f"cannot read `{name}`: {explain_error(error)}")) from None
    text = decode(data, name)
    if memory is None:
        return parse_document(text, path, name)
    found = memory.read(path, text)
    if found is None:
        starts: dict[str, list[int]] = {}
        document = parse_document(text, path, name, starts)
        found = parsed_document(text, document.data, starts)
    memory.add(path, found)
    return Document(name, path, text, found.data)


def parse_document(text: str, path: str, name: str, starts: dict[str, list[int]] | None = None) -> Document:
    """Parse the text of a YAML file. Raises UserError with the problems of its YAML, each at its place.

    `starts` are added to as by `reader.parse`.
    """
    import yaml

    from pkibuild.documents.yaml import reader

    document = Document(name, path, text)
    problems = _Problems(name, text)
    for pure in (False, True):
        problems.diagnostics.clear()
        try:
            document.data = reader.parse(text, problems.report, starts, pure=pure)
        except yaml.MarkedYAMLError as error:
            if reader.too_deep_for_libyaml(error) and not pure:
                continue  # the other parser says which level is one too many
            problems.syntax(error)
        except UserError:
            pass  # reported already
        else:
            problems.add_firsts(document)
        break
    if problems.diagnostics:
        raise UserError(*problems.diagnostics)
    return document


class _Problems:
    """The problems of a file that is not read to its end: what may be a secret is masked by its looks."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.diagnostics: list[Diagnostic] = []
        self._lines: list[str] = []

    def report(self, code: str, message: str, event: Any, hint: str) -> None:
        """Record a problem that the reader reports. Raises UserError when it was one too many."""
        line, column = event.start_mark.line, event.start_mark.column
        length = event.end_mark.column - column if event.end_mark.line == line else 1
        self.diagnostics.append(Diagnostic(code, message, hint=hint, span=self.span(line, column, max(1, length))))
        if len(self.diagnostics) >= _MANY_PROBLEMS:
            raise UserError

    def syntax(self, error: yaml.MarkedYAMLError) -> None:
        from pkibuild.documents.yaml import reader

        conflict = self._conflict()
        if conflict is not None:
            self.diagnostics.append(conflict)
            return
        mark = error.problem_mark or error.context_mark
        if error.context == "while scanning a quoted scalar" and "end of stream" in (error.problem or ""):
            mark = error.context_mark  # where the quote was opened says more than the end of the file
        if mark is None:
            self.diagnostics.append(reader.explain(error.problem or "", ""))
            return
        at = self.lines[mark.line][mark.column : mark.column + 1] if mark.line < len(self.lines) else ""
        self.diagnostics.append(reader.explain(error.problem or "", at).at(self.span(mark.line, mark.column, 1)))

    def _conflict(self) -> Diagnostic | None:
        """The first conflict marker that git left: it says more than what YAML makes of it."""
        from pkibuild.documents.schema.secrets import MARKERS

        markers = [one for one in enumerate(self.lines) if one[1].startswith(MARKERS)]
        if len({line[:7] for _, line in markers}) < len(MARKERS):
            return None
        message = "git could not merge this file, and left its conflict markers"
        hint = "settle the conflict: take what is meant of both sides, and the markers out"
        return Diagnostic("yaml-syntax", message, hint=hint, span=self.span(markers[0][0], 0, 7))

    def add_firsts(self, document: Document) -> None:
        """To each key that is written twice, where it was first."""
        if not any(one.code == "duplicate-key" for one in self.diagnostics):
            return
        firsts = {(again[0] + 1, again[1] + 1): first for first, again in document.whole().index().duplicates}
        for number, one in enumerate(self.diagnostics):
            first = firsts.get((one.span.line, one.span.column)) if one.span else None
            if first is not None and one.span is not None and one.code == "duplicate-key":
                span = self.span(*first, one.span.length)
                self.diagnostics[number] = replace(one, related_spans=(("first written here", span),))

    @property
    def lines(self) -> list[str]:
        if not self._lines:
            self._lines = [one.removesuffix("\r") for one in self.text.split("\n")]
        return self._lines

    def span(self, line: int, column: int, length: int) -> Span:
        from pkibuild.documents.schema.secrets import mask_unparsed

        while line > 0 and (line >= len(self.lines) or not self.lines[line].strip()):
            line -= 1  # the end of the file: shown is what came before it
            column = len(self.lines[line])
        return Span(self.name, line + 1, column + 1, length, mask_unparsed(self.lines, line))


_MANY_PROBLEMS = 100
"""So many problems of a file's YAML are reported at most."""
