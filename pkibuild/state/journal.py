"""An authority's journal: every certificate it ever issued, append-only, each line bound to the one before.

One JSON object a line (artifacts.md, "Journal"). `prev` is the SHA-256 of the line before, without its newline, in hex;
the first line has 64 zeros. The fields up to `not_after` stand in a fixed order at the line's start, so that a journal
of 45 MB is checked and searched without decoding its lines.

Details that the events carry: `key` has `algorithm`; `revoke` has `on` and `reason`; `crl` has `number`, `this_update`
and `next_update`; an issued certificate has `issuer_generation` where it is not the authority's first key that signed.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from types import NoneType
from typing import Any

from pkibuild.diagnostics import UserError, fail
from pkibuild.facts import Revocation
from pkibuild.units import format_time

FIRST = "0" * 64
"""What stands for the digest of a line before the first one."""

_DETAIL_TIMES = frozenset({"on", "this_update", "next_update"})

_HEAD = re.compile(
    rb'\{"seq":\d+,"prev":".{64}","time":".{20}","event":"([a-z-]+)","id":"([^"\\]*(?:\\.[^"\\]*)*)"'
    rb'(?:,"generation":(\d+))?(?:,"serial":"([0-9a-f]*)")?'
)
_END = re.compile(rb'"serial":"([0-9a-f]+)"(?:,"not_before":".{20}")?(?:,"not_after":"(.{20})")?')


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line. Times are seconds since the epoch; what an event does not have is None or empty."""

    seq: int
    """Counts from 1."""
    prev: str
    time: int
    event: str
    """`key`, `issue`, `revoke`, `crl`, `adopt` or `gap`."""
    id: str
    """The node: `host/myhost/certificate`; for `revoke` the node of the revoked certificate, where it is known."""
    generation: int | None = None
    """The generation of that node's key."""
    serial: str = ""
    """Lower-case hex, an even number of digits."""
    not_before: int | None = None
    not_after: int | None = None
    asked_end: int | None = None
    """The end that was declared, where the issuer's own end clamped it."""
    public: str = ""
    """Digest of the DER SubjectPublicKeyInfo."""
    base64: str = ""
    """The DER certificate as it stands in the file."""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def der(self) -> bytes:
        return b64decode(self.base64)

    @property
    def issuer_generation(self) -> int:
        """The generation of the authority's key that signed this certificate."""
        return int(self.detail.get("issuer_generation", 1))


@dataclass(frozen=True, slots=True)
class Issued:
    """What the start of a certificate's line says."""

    index: int
    """For `Journal.entry`."""
    serial: str
    not_after: str
    """ISO 8601 in UTC, as in the file, which sorts as text; empty where it is not recorded."""


@dataclass(frozen=True, slots=True)
class _Index:
    """Numbers of lines, by what stands at their start. Ids are as in the file, serials in ASCII."""

    newest: Mapping[bytes, int]
    generations: Mapping[bytes, int]
    serials: Mapping[bytes, int]
    issued: Sequence[int]
    revoked: Sequence[int]
    crls: Sequence[int]


class Journal:
    """A checked journal. Lines are decoded when they are asked for."""

    __slots__ = ("_found", "_lines", "head", "name", "torn_at")

    def __init__(self, name: str, lines: Sequence[bytes] = (), head: str = FIRST, torn_at: int | None = None) -> None:
        self.name = name
        self.head = head
        """Digest of the last line, or `FIRST`."""
        self.torn_at = torn_at
        """Where a last line without its newline begins (bytes): to be cut off before anything is appended."""
        self._lines = lines
        self._found: _Index | None = None

    @property
    def length(self) -> int:
        return len(self._lines)

    def entry(self, index: int) -> JournalEntry:
        return _decode(self._lines[index], index, self.name)

    @property
    def entries(self) -> Iterator[JournalEntry]:
        return (self.entry(index) for index in range(len(self._lines)))

    @property
    def last_time(self) -> int | None:
        return self.entry(self.length - 1).time if self._lines else None

    def newest(self, node: str) -> JournalEntry | None:
        """The newest certificate of a node, issued or adopted."""
        found = self._index.newest.get(_quoted(node))
        return None if found is None else self.entry(found)

    def issued(self, node: str) -> list[JournalEntry]:
        """All certificates of a node, oldest first."""
        sought = _quoted(node)
        heads = ((index, _HEAD.match(self._lines[index])) for index in self._index.issued)
        return [self.entry(index) for index, head in heads if head is not None and head[2] == sought]

    @property
    def all_issued(self) -> Iterator[Issued]:
        """Every certificate in this journal, oldest first, without decoding its lines."""
        for index in self._index.issued:
            found = _END.search(self._lines[index])
            if found is not None:
                yield Issued(index, found[1].decode("ascii"), (found[2] or b"").decode("ascii"))

    def by_serial(self, serial: str) -> JournalEntry | None:
        found = self._index.serials.get(serial.encode())
        return None if found is None else self.entry(found)

    def has_serial(self, serial: str) -> bool:
        return serial.encode() in self._index.serials

    def generation(self, node: str) -> int | None:
        """The newest recorded generation of a node, or None where none is recorded."""
        return self._index.generations.get(_quoted(node))

    def crls(self) -> Iterator[JournalEntry]:
        """The entries of every revocation list, oldest first."""
        return (self.entry(index) for index in self._index.crls)

    def crl_number(self, generation: int = 1) -> int:
        """The last CRL number under one generation of the authority's key; 0 when there was none."""
        numbers = (int(one.detail.get("number", 0)) for one in self.crls() if (one.generation or 1) == generation)
        return max(numbers, default=0)

    def crls(self) -> list[JournalEntry]:
        """Every revocation list made, oldest first."""
        return [self.entry(index) for index in self._index.crls]

    def revocations(self, generation: int | None = None) -> tuple[Revocation, ...]:
        """What is revoked, sorted by serial; with `generation` only what that key of the authority signed.

        The newest entry of a serial counts. `remove_from_crl` ends a `certificate_hold`, and nothing else.
        """
        found: dict[str, Revocation] = {}
        for entry in (self.entry(index) for index in self._index.revoked):
            reason = str(entry.detail.get("reason", "unspecified"))
            before = found.get(entry.serial)
            if reason != "remove_from_crl":
                found[entry.serial] = Revocation(entry.serial, int(entry.detail.get("on", entry.time)), reason)
            elif before is not None and before.reason == "certificate_hold":
                del found[entry.serial]
        kept = [one for serial, one in sorted(found.items())]
        if generation is not None:
            kept = [one for one in kept if self._signed_by(one.serial) == generation]
        return tuple(kept)

    def _signed_by(self, serial: str) -> int:
        entry = self.by_serial(serial)
        return entry.issuer_generation if entry is not None else 1

    def contains(self, length: int, head: str) -> bool:
        """Whether a journal of this length and head is this one, or was at an earlier time."""
        return 0 <= length <= len(self._lines) and self._digest(length) == head

    def _digest(self, length: int) -> str:
        if length == len(self._lines):
            return self.head
        start = len(_start(length + 1))
        return self._lines[length][start : start + 64].decode("ascii")

    @property
    def _index(self) -> _Index:
        if self._found is None:
            self._found = _search(self._lines)
        return self._found

    def extended(self, lines: Sequence[bytes], head: str) -> Journal:
        return Journal(self.name, [*self._lines, *lines], head)


def _start(seq: int) -> bytes:
    return b'{"seq":%d,"prev":"' % seq


def parse(data: bytes, name: str) -> Journal:
    """Read and check a journal; `name` is its path for messages. Raises UserError `journal-damaged`."""
    end = data.rfind(b"\n") + 1
    lines = data[:end].split(b"\n")
    lines.pop()
    prev = FIRST.encode()
    for seq, line in enumerate(lines, 1):
        if not line.startswith(b'{"seq":%d,"prev":"%b",' % (seq, prev)):
            raise _damaged(lines, seq, name)
        prev = sha256(line).hexdigest().encode()
    journal = Journal(name, lines, prev.decode(), end if end < len(data) else None)
    if lines:
        if not _HEAD.match(lines[-1]):
            raise _broken(name, len(lines), "it is no line of a journal")
        journal.entry(len(lines) - 1)  # no later line vouches for the last one
    return journal


def _damaged(lines: Sequence[bytes], seq: int, name: str) -> UserError:
    line = lines[seq - 1]
    if line.startswith((b"<<<<<<< ", b"=======", b">>>>>>> ")):
        return fail(
            "journal-damaged",
            f"`{name}` has conflict markers at line {seq}: two folders signed with this authority",
            hint="a history cannot be merged: take the side of the folder that signs, and issue the other's again",
        )
    if line.endswith(b"\r"):
        return _broken(name, seq, "its line ends were changed to CRLF")
    if seq > 1 and line.startswith(_start(seq)) and _HEAD.match(line):
        return _broken(name, seq - 1, f"it was changed after it was written (line {seq} says so)")
    return _broken(name, seq, "it does not follow from the line before")


def _broken(name: str, line: int, why: str) -> UserError:
    return fail(
        "journal-damaged",
        f"`{name}` is damaged at line {line}: {why}",
        hint="bring the file back from a backup or from git; nothing is signed with this authority until then",
    )


def _quoted(node: str) -> bytes:
    """An id as it stands between the quotes in a line."""
    return encode_basestring_ascii(node)[1:-1].encode("ascii")


def _search(lines: Sequence[bytes]) -> _Index:
    newest: dict[bytes, int] = {}
    generations: dict[bytes, int] = {}
    serials: dict[bytes, int] = {}
    issued: list[int] = []
    revoked: list[int] = []
    crls: list[int] = []
    match = _HEAD.match
    for index, line in enumerate(lines):
        found = match(line)
        if found is None:  # an event of a later version
            continue
        event, node, generation, serial = found.groups()
        if generation:
            generations[node] = int(generation)
        if event in (b"issue", b"adopt"):
            newest[node] = index
            issued.append(index)
            if serial:
                serials[serial] = index
        elif event == b"revoke":
            revoked.append(index)
        elif event == b"crl":
            crls.append(index)
    return _Index(newest, generations, serials, issued, revoked, crls)


def _decode(line: bytes, index: int, name: str) -> JournalEntry:
    try:
        data = json.loads(line.decode("ascii"))
        get = data.get
        texts = (data["prev"], data["event"], data["id"], get("serial", ""), get("public", ""), get("der", ""))
        generation, detail = get("generation"), get("detail", {})
        if not all(type(one) is str for one in texts) or type(generation) not in (int, NoneType):
            raise ValueError
        return JournalEntry(
            data["seq"],
            texts[0],
            _seconds(data["time"]),
            texts[1],
            texts[2],
            generation,
            texts[3],
            _optional(get("not_before")),
            _optional(get("not_after")),
            _optional(get("asked_end")),
            texts[4],
            texts[5],
            {key: _seconds(value) if key in _DETAIL_TIMES else value for key, value in detail.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _broken(name, index + 1, "it is no line of a journal") from None


def _seconds(text: str) -> int:
    if len(text) != 20 or text[-1] != "Z":
        raise ValueError("no time of a journal")
    return int(datetime.fromisoformat(text).timestamp())


def _optional(text: str | None) -> int | None:
    return None if text is None else _seconds(text)


def encode(entry: JournalEntry) -> bytes:
    """The entry's line, without its newline. The order of the fields is part of the format.

    Put together by hand: a cold build of ten thousand hosts spends its time here and in the signatures.
    """
    quote = encode_basestring_ascii
    line = (
        f'{{"seq":{entry.seq},"prev":"{entry.prev}","time":"{_stamp(entry.time)}",'
        f'"event":"{entry.event}","id":{quote(entry.id)}'
    )
    if entry.generation is not None:
        line += f',"generation":{entry.generation}'
    if entry.serial:
        line += f',"serial":{quote(entry.serial)}'
    if entry.not_before is not None:
        line += f',"not_before":"{_stamp(entry.not_before)}"'
    if entry.not_after is not None:
        line += f',"not_after":"{_stamp(entry.not_after)}"'
    if entry.asked_end is not None:
        line += f',"asked_end":"{_stamp(entry.asked_end)}"'
    if entry.public:
        line += f',"public":{quote(entry.public)}'
    if entry.detail:
        detail = {k: _stamp(v) if k in _DETAIL_TIMES else v for k, v in sorted(entry.detail.items())}
        line += f',"detail":{json.dumps(detail, separators=(",", ":"))}'
    if entry.base64:
        line += f',"der":"{entry.base64}"'
    return (line + "}").encode("ascii")


@lru_cache(maxsize=256)  # the entries of one run share their times
def _stamp(seconds: int) -> str:
    return format_time(seconds)


class Writer:
    """Continues a journal in memory; the caller appends `taken()` to the file and flushes it.

    A torn line must be cut off (`Journal.torn_at`) before the first append.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._head = journal.head
        self._added: list[bytes] = []
        self._serials: set[str] = set()
        self._taken = 0

    def add(
        self,
        event: str,
        time: int,
        id: str,
        *,
        generation: int | None = None,
        serial: str = "",
        not_before: int | None = None,
        not_after: int | None = None,
        asked_end: int | None = None,
        public: str = "",
        der: bytes = b"",
        detail: Mapping[str, Any] | None = None,
    ) -> JournalEntry:
        """Add an entry. Raises ValueError for a serial that this journal already has."""
        if serial and event in ("issue", "adopt"):
            if self.has_serial(serial):
                raise ValueError(f"the serial {serial} was used before")
            self._serials.add(serial)
        entry = JournalEntry(
            self._journal.length + len(self._added) + 1,
            self._head,
            time,
            event,
            id,
            generation,
            serial,
            not_before,
            not_after,
            asked_end,
            public,
            b64encode(der).decode("ascii"),
            dict(detail or {}),
        )
        line = encode(entry)
        self._added.append(line)
        self._head = sha256(line).hexdigest()
        return entry

    def has_serial(self, serial: str) -> bool:
        return serial in self._serials or self._journal.has_serial(serial)

    @property
    def pending(self) -> bytes:
        """What was added and not yet taken."""
        return b"".join(b"%b\n" % line for line in self._added[self._taken :])

    def taken(self) -> bytes:
        """What is to be appended to the file now; it is no longer pending."""
        data = self.pending
        self._taken = len(self._added)
        return data

    def journal(self) -> Journal:
        """The journal with everything added."""
        return self._journal.extended(self._added, self._head) if self._added else self._journal
