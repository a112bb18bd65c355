"""An authority's journal: every certificate it ever issued, append-only, each line bound to the one before.

One JSON object a line (artifacts.md, "Journal"). `prev` is the SHA-256 of the line before, without its newline, in hex;
the first line has 64 zeros. What the lines themselves say is in `entries`.

Details that the events carry: `key` has `algorithm`; `revoke` has `on` and `reason`; `crl` has `number`, `this_update`
and `next_update`; an issued certificate has `issuer_generation` where it is not the authority's first key that signed.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import a2b_base64
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record
from pkibuild.model.facts import Revocation
from pkibuild.state.journal.entries import END, FIRST, HEAD, Draft, JournalEntry, bound, damaged, decode, draft, quoted

__all__ = ["FIRST", "Draft", "Issued", "Journal", "JournalEntry", "Writer", "draft", "parse"]


class Issued(Record):
    """What the start of a certificate's line says."""

    index: int
    """For `Journal.entry`."""
    serial: str
    not_after: str
    """ISO 8601 in UTC, as in the file, which sorts as text; empty where it is not recorded."""


class _Index(Record):
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
        return decode(self._lines[index], index, self.name)

    @property
    def entries(self) -> Iterator[JournalEntry]:
        return (self.entry(index) for index in range(len(self._lines)))

    @property
    def last_time(self) -> int | None:
        return self.entry(self.length - 1).time if self._lines else None

    def newest(self, node: str) -> JournalEntry | None:
        """The newest certificate of a node, issued or adopted."""
        found = self._index.newest.get(quoted(node))
        return None if found is None else self.entry(found)

    def issued(self, node: str) -> list[JournalEntry]:
        """All certificates of a node, oldest first."""
        sought = quoted(node)
        near = (index for index in self._index.issued if sought in self._lines[index])  # ten times as fast as HEAD
        heads = ((index, HEAD.match(self._lines[index])) for index in near)
        return [self.entry(index) for index, head in heads if head is not None and head[2] == sought]

    @property
    def all_issued(self) -> Iterator[Issued]:
        """Every certificate in this journal, oldest first, without decoding its lines."""
        return self.issued_since(0)

    def issued_since(self, length: int) -> Iterator[Issued]:
        """The same of what follows the first `length` lines."""
        issued = self._index.issued
        for index in issued[bisect_left(issued, length) :]:
            found = END.search(self._lines[index])
            if found is not None:
                yield Issued(index, found[1].decode("ascii"), (found[2] or b"").decode("ascii"))

    def der(self, index: int) -> bytes:
        """The certificate in a line, without decoding the rest of it; empty when it has none."""
        return _der_in(self._lines[index])

    def by_serial(self, serial: str) -> JournalEntry | None:
        found = self._index.serials.get(serial.encode())
        return None if found is None else self.entry(found)

    def has_serial(self, serial: str) -> bool:
        return serial.encode() in self._index.serials

    def generation(self, node: str) -> int | None:
        """The newest recorded generation of a node, or None where none is recorded."""
        return self._index.generations.get(quoted(node))

    def crl_number(self, generation: int | None = None) -> int:
        """The highest CRL number so far, of all lists or of those of one generation's key; 0 when there was none."""
        lists = (one for one in self.crls() if generation is None or (one.generation or 1) == generation)
        return max((int(one.detail.get("number", 0)) for one in lists), default=0)

    def crls(self) -> list[JournalEntry]:
        """Every revocation list made, oldest first."""
        return [self.entry(index) for index in self._index.crls]

    def to_be_listed(
        self, revocations: Iterable[Revocation], generation: int, now: int, ends: Mapping[str, int]
    ) -> Iterator[Revocation]:
        """Those revocations that a generation's next list has to hold.

        RFC 5280 3.3: an entry stays until it has been in a list issued beyond the certificate's end. `ends` tells the
        end, by serial, of certificates that are not in the journal yet.
        """
        lists = [one.detail for one in self.crls() if (one.generation or 1) == generation]
        made = [int(one["this_update"]) for one in lists if "this_update" in one]
        since = min(now, made[-1]) if made else now
        for one in revocations:
            entry = self.by_serial(one.serial)
            end = entry.not_after if entry else ends.get(one.serial)
            if end is None or end >= since:
                yield one

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

    def revokes_since(self, length: int) -> bool:
        """Whether anything is revoked, or is no longer, after the first `length` lines."""
        return bool(self._index.revoked) and self._index.revoked[-1] >= length

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
            self._found = _search(self._lines, _Index({}, {}, {}, (), (), ()), 0)
        return self._found

    def extended(self, lines: Sequence[bytes], head: str) -> Journal:
        longer = Journal(self.name, [*self._lines, *lines], head)
        if self._found is not None:
            longer._found = _search(longer._lines, self._found, self.length)
        return longer


def _der_in(line: bytes) -> bytes:
    at = line.rfind(b',"der":"')  # its last field; a text in the line cannot hold an unescaped quote
    return b"" if at < 0 else a2b_base64(line[at + 8 : -2])


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
            raise _blame(lines, seq, name)
        prev = sha256(line).hexdigest().encode()
    journal = Journal(name, lines, prev.decode(), end if end < len(data) else None)
    if lines:
        if not HEAD.match(lines[-1]):
            raise damaged(name, len(lines), "it is not a line of a journal")
        _check_last(journal)
    return journal


def _check_last(journal: Journal) -> None:
    """No later line vouches for the last one."""
    last = journal.entry(journal.length - 1)
    try:
        b64decode(last.base64, validate=True)
    except ValueError:
        raise damaged(journal.name, journal.length, "its certificate or list is no base64") from None


def _blame(lines: Sequence[bytes], seq: int, name: str) -> UserError:
    line = lines[seq - 1]
    if line.startswith((b"<<<<<<< ", b"=======", b">>>>>>> ")):
        return fail(
            "journal-damaged",
            f"`{name}` has conflict markers at line {seq}: two folders signed with this authority",
            hint="a history cannot be merged: take the side of the folder that signs, and issue the other's again",
        )
    if line.endswith(b"\r"):
        return damaged(name, seq, "its line ends were changed to CRLF")
    if seq > 1 and line.startswith(_start(seq)) and HEAD.match(line):
        return damaged(name, seq - 1, f"it was changed after it was written (line {seq} says so)")
    return damaged(name, seq, "it does not follow from the line before")


def _search(lines: Sequence[bytes], known: _Index, start: int) -> _Index:
    """With what is `known` of the lines before the one at `start`."""
    newest, generations, serials = dict(known.newest), dict(known.generations), dict(known.serials)
    issued, revoked, crls = [*known.issued], [*known.revoked], [*known.crls]
    match = HEAD.match
    for index in range(start, len(lines)):
        line = lines[index]
        found = match(line)
        if found is None:  # an event of a later version
            continue
        event, node, generation, serial = found.groups()
        if generation:
            generations[node] = int(generation)
        if event in (b"issue", b"adopt"):
            newest[node] = index
            if event == b"adopt" and serial in serials:  # issued as another node, whose service was renamed
                continue
            issued.append(index)
            if serial:
                serials[serial] = index
        elif event == b"revoke":
            revoked.append(index)
        elif event == b"crl":
            crls.append(index)
    return _Index(newest, generations, serials, issued, revoked, crls)


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

    def add(self, one: Draft) -> None:
        """Add a line. Raises ValueError for a serial that this journal already has, of another certificate."""
        if one.serial and one.event in ("issue", "adopt"):
            if self.has_serial(one.serial) and not (one.event == "adopt" and self._is_known(one)):
                raise ValueError(f"the serial {one.serial} was used before")
            self._serials.add(one.serial)
        line = bound(one, self._journal.length + len(self._added) + 1, self._head)
        self._added.append(line)
        self._head = sha256(line).hexdigest()

    def has_serial(self, serial: str) -> bool:
        return serial in self._serials or self._journal.has_serial(serial)

    def _is_known(self, one: Draft) -> bool:
        entry = self.journal().by_serial(one.serial)
        return entry is not None and entry.der == _der_in(one.body)

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
