"""`pki.lock`: what was built from what, without secrets. Text, one JSON object a line, so that it diffs and merges.

First a header, then one line a node sorted by id, then one line a journal. Lines are decoded when they are asked for,
and a line that does not change is written as it was read.

Nothing secret may come in: a key is remembered by its public half, a text with secrets in it by a digest
of what it is with all of them masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from msgspec import convert, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Span, UserError, fail, warning
from pkibuild.core.values import Record, from_json, json_text, to_json
from pkibuild.model.desired import Artifact
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts

FORMAT = 1

Facts = KeyFacts | CertificateFacts | CrlFacts | FileFacts

_FACTS: tuple[tuple[str, type[Facts]], ...] = (
    ("key", KeyFacts),
    ("certificate", CertificateFacts),
    ("crl", CrlFacts),
    ("file", FileFacts),
)
"""Under which name each kind of facts stands in a line."""

_FACTS_NAMES = {kind: name for name, kind in _FACTS}

_NODE = b'{"id":"'
_USUAL = re.compile(rb'\{"id":"([!#-\[\]-~]+)"')
"""How nearly every node's line starts: with an id in ASCII and without escapes."""
_PATH = re.compile(rb'^\{"id":"(?:[^"\\]|\\.)*","kind":"[^"\\]*","path":("(?:[^"\\]|\\.)*")')
_JOURNAL = b'{"journal":"'
_MARKERS = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")


class LockEntry(Record):
    """What was observed of one node when it was built or last seen."""

    id: str
    kind: str
    path: str = ""
    """Output path; empty for a node without a file."""
    facts: Facts | None = None
    inputs: str = ""
    """Digest of what the node was made from (a config's template, options and paths)."""
    generation: int | None = None
    asked_end: int | None = None
    owner: str = ""
    group: str = ""
    mode: int | None = None
    until: int | None = None
    """Of an authority's older generation: when the last certificate under it ends."""

    @classmethod
    def of(
        cls,
        artifact: Artifact,
        facts: Facts,
        *,
        generation: int | None = None,
        asked_end: int | None = None,
        inputs: str = "",
    ) -> LockEntry:
        """That of an artifact whose file is `facts`."""
        rights = artifact.rights
        return cls(
            artifact.id, artifact.kind, artifact.path, facts, inputs, generation, asked_end,
            rights.owner, rights.group, rights.mode,
        )  # fmt: skip


class JournalMark(Record):
    """How far a journal had come, so that one that is behind or forked is noticed."""

    length: int
    head: str
    """Digest of its last line."""
    crl_number: int = 0
    """The last one, of any generation."""


class Lock(Record):
    """A lock as read. `with_changes` gives another one; nothing changes in place."""

    manifest: str
    """File name of the manifest that it belongs to."""
    output: str
    journals: Mapping[str, JournalMark] = field(default_factory=dict)
    """By the journal's output path."""
    damaged: Diagnostic | None = None
    """The warning to show when a part could not be read: then the lock is set aside and made again."""
    _lines: Mapping[str, bytes] = field(default_factory=dict)

    UNPRINTED = frozenset({"_lines"})

    # -- reading ---------------------------------------------------------------

    @staticmethod
    def parse(data: bytes, name: str) -> Lock:
        """Read a lock; `name` is its path for messages.

        Raises UserError: `lock-conflict`, `lock-newer`. What is garbled is left out, and `damaged` says so.
        """
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        header = _object(lines[0]) if lines else None
        bad = 0 if header is not None and isinstance(header.get("format"), int) else 1
        if header is not None and not bad:
            _refuse_newer(header["format"], name)
        nodes: dict[str, bytes] = {}
        journals: dict[str, JournalMark] = {}
        usual = _USUAL.match
        for number, line in enumerate(lines[0 if bad else 1 :], 1 if bad else 2):
            start = usual(line)
            key = start[1].decode() if start is not None and line.endswith(b"}") else _node_id(line)
            if key is not None and key not in nodes:
                nodes[key] = line
            elif not (key is None and _take_journal(line, journals)):
                _refuse_conflict(line, number, name)
                bad = bad or number
        head = header or {}
        damaged = _garbled(name, bad, lines) if bad else None
        return Lock(str(head.get("manifest", "")), str(head.get("output", "")), journals, damaged, nodes)

    def entry(self, node: str) -> LockEntry | None:
        """What is remembered of a node, or None. Raises UserError `lock-garbled` when its line cannot be read."""
        line = self._lines.get(node)
        if line is None:
            return None
        try:
            return _decode(line)
        except ValueError as error:
            raise fail(
                "lock-garbled",
                f"the lock's line for `{node}` cannot be read: {error}",
                hint="bring the lock back from git, or delete it: it is made again from the artifacts",
            ) from None

    def ids(self) -> Iterator[str]:
        """Every node, sorted."""
        return iter(sorted(self._lines))

    def undeclared(self, declared: Set[str]) -> Iterator[str]:
        """Every node that is not among those declared."""
        return (node for node in self._lines if node not in declared)

    def by_path(self) -> dict[str, str]:
        """The node at every output path."""
        nodes: dict[str, str] = {}
        for node, line in self._lines.items():
            path = _PATH.search(line)
            if path is not None:
                nodes[json.loads(path[1])] = node
        return nodes

    def __contains__(self, node: object) -> bool:
        return node in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    # -- writing ---------------------------------------------------------------

    def with_changes(
        self,
        changed: Mapping[str, bytes] | None = None,
        removed: Iterable[str] = (),
        journals: Mapping[str, JournalMark] | None = None,
    ) -> Lock:
        """This lock with other lines (`lines_of`), by node; `journals` are added to those that it has."""
        lines = dict(self._lines)
        for node in removed:
            lines.pop(node, None)
        lines.update(changed or {})
        marks = {**self.journals, **(journals or {})}
        return Lock(self.manifest, self.output, marks, None, lines)

    def with_journals(self, journals: Mapping[str, JournalMark]) -> Lock:
        """This lock with these journals in place of those that it has."""
        return Lock(self.manifest, self.output, journals, self.damaged, self._lines)

    def serialise(self) -> bytes:
        """The file's bytes; the same for equal locks, in whatever order their entries came."""
        header = {"format": FORMAT, "manifest": self.manifest, "output": self.output}
        marks = [_dump({"journal": name, **to_json(mark)}) for name, mark in sorted(self.journals.items())]
        nodes = [self._lines[node] for node in sorted(self._lines)]
        return b"\n".join([_dump(header), *nodes, *marks, b""])


def _dump(value: Mapping[str, Any]) -> bytes:
    return json_text(value).encode("ascii")


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _node_id(line: bytes) -> str | None:
    """The id at a node line's start; None when it is no node's line. Looks at the line's two ends only."""
    if not (line.startswith(_NODE) and line.endswith(b"}")):
        return None
    end = line.find(b'"', len(_NODE))
    name = line[len(_NODE) : end]
    if b"\\" not in name:
        return name.decode("utf-8", "replace") or None
    data = _object(line)
    key = data.get("id") if data else None
    return key if isinstance(key, str) else None


def _take_journal(line: bytes, journals: dict[str, JournalMark]) -> bool:
    data = _object(line) if line.startswith(_JOURNAL) else None
    name = data.get("journal") if data else None
    if not isinstance(name, str) or name in journals:
        return False
    try:
        journals[name] = from_json(JournalMark, data)
    except ValueError:
        return False
    return True


def _refuse_conflict(line: bytes, number: int, name: str) -> None:
    if line.startswith(_MARKERS):
        text = line.decode("utf-8", "replace")
        conflict = Diagnostic(
            "lock-conflict",
            "git could not merge the lock, and left its conflict markers",
            hint=f"take either side (`git checkout --ours -- {name}`), then run `pkibuild apply` where the "
            "output folder is: it brings the lock up to date",
            span=Span(name, number, 1, len(text.split(" ")[0]), text),
        )
        raise UserError(conflict)


def _refuse_newer(version: int, name: str) -> None:
    if version > FORMAT:
        raise fail(
            "lock-newer",
            f"`{name}` was written by a newer pkibuild (format {version}, this one knows {FORMAT})",
            hint="update pkibuild",
        )


def _garbled(name: str, number: int, lines: list[bytes]) -> Diagnostic:
    """The warning, with its place; the line itself is not shown: it may be anything."""
    line = lines[number - 1] if lines else b""
    try:
        json.loads(line.decode("ascii"))
        column = 1
    except UnicodeDecodeError as error:
        column = error.start + 1
    except json.JSONDecodeError as error:
        column = error.pos + 1
    except (ValueError, RecursionError):
        column = 1
    return replace(
        warning("lock-garbled", "the lock is garbled", hint="it is set aside and made again from the artifacts"),
        span=Span(name, number, column),
    )


def lines_of(entries: Iterable[LockEntry]) -> dict[str, bytes]:
    """The line of every node, without its newline."""
    return {entry.id: _encode(entry) for entry in entries}


def _encode(entry: LockEntry) -> bytes:
    data: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "path": entry.path or None,
        "generation": entry.generation,
        "asked_end": entry.asked_end,
        "owner": entry.owner or None,
        "group": entry.group or None,
        "mode": None if entry.mode is None else f"{entry.mode:04o}",
        "until": entry.until,
        "inputs": entry.inputs or None,
    }
    if entry.facts is not None:
        data[_FACTS_NAMES[type(entry.facts)]] = to_json(entry.facts)
    return _dump({name: value for name, value in data.items() if value is not None})


class _Line(Record):
    """A node's line but for its facts."""

    id: str = ""
    kind: str = ""
    path: str = ""
    generation: int | None = None
    asked_end: int | None = None
    owner: str = ""
    group: str = ""
    mode: str = ""
    """In octal digits."""
    until: int | None = None
    inputs: str = ""


def _decode(line: bytes) -> LockEntry:
    data = _object(line)
    if data is None:
        raise ValueError("it is not a JSON object")
    facts: Facts | None = None
    for name, kind in _FACTS:
        if name in data:
            facts = from_json(kind, data[name])
    one = convert(data, _Line)
    return LockEntry(
        one.id, one.kind, one.path, facts, one.inputs, one.generation, one.asked_end, one.owner, one.group,
        int(one.mode, 8) if one.mode else None, one.until,
    )  # fmt: skip
