"""The manifest's files: the root document, what it includes, and where everything named was written."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place, Problems, Span, UserError, nearest
from pkibuild.core.values import Record
from pkibuild.documents import Document, ParsedDocuments, Source, read_document
from pkibuild.documents.schema.words import quote
from pkibuild.documents.yaml.text import LIMIT
from pkibuild.world.disk import explain

SECTIONS = ("authorities", "hosts", "services", "certificates")
_IN_INCLUDED = frozenset((*SECTIONS, "version", "include", "packs"))
MAX_FILES = 20_000
MAX_LEVELS = 20
MAX_SIZE = 2 * LIMIT


class Written(Record):
    """One declaration as it was written: under which name, in which file."""

    name: str
    data: Any
    document: Document


class Gathered(Struct):
    """Every file of a manifest, its named sections merged."""

    root: Document
    documents: list[Document] = field(default_factory=list)
    sections: dict[str, dict[str, Written]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    packs: list[tuple[Document, int]] = field(default_factory=list)
    """For each entry of `packs`, the document and the number that it has there."""
    watched: list[str] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """For each name that a pattern stands for, (section, name), the pattern."""
    refused: list[Place] = field(default_factory=list)
    """Options of services that have an unknown name or another form than they should."""
    found: list[tuple[Document, Diagnostic, tuple[tuple[str, Document, Place], ...]]] = field(default_factory=list)
    """Problems of single documents, with their places in these, and related places."""

    def written(self, place: Place) -> tuple[Document, Place]:
        """The document, and the place in it, of a place of the whole manifest."""
        if len(place) >= 2 and place[0] in self.sections:
            section, name = str(place[0]), str(place[1])
            if name not in self.sections[section]:
                name = self.names.get((section, name), name)
            entry = self.sections[section].get(name)
            if entry is not None:
                return entry.document, (section, name, *place[2:])
        if len(place) == 2 and place[0] == "packs" and isinstance(place[1], int) and place[1] < len(self.packs):
            document, number = self.packs[place[1]]
            return document, ("packs", number)
        return self.root, place

    def is_written(self, place: Place) -> bool:
        """Whether something is written at a place of the manifest."""
        document, inside = self.written(place)
        found = document.data
        for step in inside:
            here = step in found if isinstance(found, dict) else isinstance(found, list) and step in range(len(found))
            if not here:
                return False
            found = found[step]
        return True

    def told(self) -> Iterator[Diagnostic]:
        """The problems of single documents, with their spans."""
        for document, one, related in self.found:
            spans = tuple((what, span) for what, other, place in related if (span := other.locate(place, at_key=True)))
            span = document.locate(one.place or (), one.at_key)
            yield replace(one, place=None, span=span, related_spans=spans)

    def locate(self, place: Place, at_key: bool = False) -> Span | None:
        """Where in which file a place of the manifest is written."""
        document, inside = self.written(place)
        return document.locate(inside, at_key)


def gather(source: Source, path: str, name: str, problems: Problems, memory: ParsedDocuments | None = None) -> Gathered:
    """Read a manifest and everything that it includes. Raises UserError when the manifest itself cannot be read."""
    root = read_document(source, path, name, memory)
    gathered = Gathered(root)
    if isinstance(root.data, dict):
        _Gatherer(source, gathered, problems, {source.real(path)}, memory).take(root, (name,))
    else:
        gathered.documents.append(root)
        gathered.watched.append(path)
    return gathered


class _Gatherer(Struct):
    source: Source
    gathered: Gathered
    problems: Problems
    seen: set[str]
    """Real paths of the files taken so far."""
    memory: ParsedDocuments | None
    open: list[str] = field(default_factory=list)
    """Real paths of the files whose includes are being followed."""
    size: int = 0
    """Characters of all files taken so far."""

    def take(self, document: Document, chain: tuple[str, ...]) -> None:
        self.gathered.documents.append(document)
        self.size += len(document.text)
        self.gathered.watched.append(document.path)
        self.open.append(self.source.real(document.path))
        for section in SECTIONS:
            found = document.data.get(section)
            if isinstance(found, dict):
                self._merge(document, section, found)
        packs = document.data.get("packs")
        if isinstance(packs, list):
            self.gathered.packs += [(document, number) for number in range(len(packs))]
        includes = document.data.get("include")
        if isinstance(includes, list):
            for number, entry in enumerate(includes):
                if isinstance(entry, str):
                    self._include(document, ("include", number), entry, chain)
        self.open.pop()

    def _merge(self, document: Document, section: str, found: dict[str, Any]) -> None:
        merged = self.gathered.sections[section]
        for name, data in found.items():
            if name in merged:
                related = (("first declared here", merged[name].document, (section, name)),)
                message = f"{quote(name)} is declared twice"
                self._tell(document, (section, name), "name-taken", message, at_key=True, related=related)
            else:
                merged[name] = Written(name, data, document)

    def _include(self, document: Document, place: Place, entry: str, chain: tuple[str, ...]) -> None:
        try:
            files = list(self._files(document, entry))
        except OSError as error:
            self._tell(document, place, "include-missing", f"cannot read {quote(entry)}: {explain(error)}")
            return
        if not files:
            self._tell(document, place, "include-missing", f"no file matches {quote(entry)}")
        for path, name in files:
            real = self.source.real(path)
            if real in self.open:
                if _is_glob(entry):
                    continue  # a glob over the folder of the file itself
                self._tell(document, place, "include-cycle", _cycle((*chain, name)))
                return
            if real in self.seen:
                continue
            limit = self._limit_reached(chain)
            if limit:
                self._tell(document, place, "include-endless", f"the includes go on for more than {limit}")
                return
            self.seen.add(real)
            self._read(document, place, path, name, chain)

    def _limit_reached(self, chain: tuple[str, ...]) -> str:
        if len(self.seen) >= MAX_FILES:
            return f"{MAX_FILES} files"
        if self.size > MAX_SIZE:
            return f"{MAX_SIZE // 2**20} MiB"
        return f"{MAX_LEVELS} levels" if len(chain) > MAX_LEVELS else ""

    def _read(self, document: Document, place: Place, path: str, name: str, chain: tuple[str, ...]) -> None:
        try:
            included = read_document(self.source, path, name, self.memory)
        except UserError as error:
            for one in error.diagnostics:
                if one.span is None:
                    self._tell(document, place, one.code, one.message, one.hint)
                else:
                    self.problems.extend([one])
            self.gathered.watched.append(path)
            return
        if included.data is None:
            included.data = {}
        if not isinstance(included.data, dict):
            self._tell(included, (), "wrong-type", "an included file must be a mapping with named sections")
            return
        self._check_keys(included)
        self.take(included, (*chain, name))

    def _check_keys(self, document: Document) -> None:
        for key, value in document.data.items():
            if key not in _IN_INCLUDED:
                close = nearest(key, _IN_INCLUDED)
                hint = f"did you mean `{close}`?" if close else "write it in the manifest itself"
                message = (
                    f"{quote(key)} cannot stand in an included file: only named sections and `packs` are merged in"
                )
                self._tell(document, (key,), "include-field", message, hint, at_key=True)
            elif key in SECTIONS and not isinstance(value, dict):
                self._tell(document, (key,), "wrong-type", f"`{key}` must be a mapping")
            elif key in ("include", "packs") and not (
                isinstance(value, list) and all(isinstance(one, str) and one for one in value)
            ):
                self._tell(document, (key,), "wrong-type", f"`{key}` must be a list of texts", "write a list: `[…]`")
            elif key == "version" and (value != 1 or type(value) is not int):
                self._tell(document, (key,), "bad-version", "`version` must be the integer 1")

    def _files(self, document: Document, entry: str) -> Iterator[tuple[str, str]]:
        """Path and shown name of the files that an entry means. Raises OSError."""
        path = posixpath.normpath(posixpath.join(document.folder, entry))
        shown = posixpath.normpath(posixpath.join(posixpath.dirname(document.name), entry))
        if not _is_glob(entry):
            yield path, shown
            return
        parts = path.strip("/").split("/")
        for found in self._below("/", parts):
            base = posixpath.commonpath([document.folder, found])
            inside = found[len(base) :].lstrip("/")
            near = base == document.folder
            yield found, posixpath.join(posixpath.dirname(document.name), inside) if near else found

    def _below(self, folder: str, parts: list[str]) -> Iterator[str]:
        head, rest = parts[0], parts[1:]
        if not _is_glob(head):
            names = [head]
        else:
            self.gathered.watched.append(folder)
            try:
                names = [one for one in self.source.names(folder) if _matches(one, head)]
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in names:
            path = posixpath.join(folder, name)
            if rest:
                yield from self._below(path, rest)
            else:
                yield path

    def _tell(
        self, document: Document, place: Place, code: str, message: str, hint: str = "", *,
        at_key: bool = False, related: tuple[tuple[str, Document, Place], ...] = (),
    ) -> None:  # fmt: skip
        self.gathered.found.append((document, Diagnostic(code, message, place, hint, at_key=at_key), related))


def _is_glob(text: str) -> bool:
    return any(one in text for one in "*?[")


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def _cycle(chain: tuple[str, ...]) -> str:
    begin = chain.index(chain[-1]) if chain[-1] in chain[:-1] else 0
    return "the files include each other: " + " → ".join(f"`{one}`" for one in chain[begin:])
