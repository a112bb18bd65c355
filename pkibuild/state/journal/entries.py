"""A line of a journal and what it says.

The fields up to `not_after` stand in a fixed order at the line's start, so that a journal of 45 MB is searched without
decoding its lines. Times are ISO 8601 for people who read the file, whole seconds inside.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from types import NoneType
from typing import Any, NamedTuple

from msgspec import field

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.times import format_time
from pkibuild.core.values import Record

FIRST = "0" * 64
"""What stands for the digest of a line before the first one."""

_DETAIL_TIMES = frozenset({"on", "this_update", "next_update"})

HEAD = re.compile(
    rb'\{"seq":\d+,"prev":".{64}","time":".{20}","event":"([a-z-]+)","id":"([^"\\]*(?:\\.[^"\\]*)*)"'
    rb'(?:,"generation":(\d+))?(?:,"serial":"([0-9a-f]*)")?'
)
"""Event, id (as it is escaped), generation and serial at a line's start."""


END = re.compile(rb'"serial":"([0-9a-f]+)"(?:,"not_before":".{20}")?(?:,"not_after":"(.{20})")?')
"""Serial and end of a line that `HEAD` matches."""


class Draft(NamedTuple):
    """What a line is to say, before it is bound to the line before it."""

    event: str
    serial: str
    body: bytes
    """The line from `"time"` on."""


class JournalEntry(Record):
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


def quoted(node: str) -> bytes:
    """An id as it stands between the quotes in a line."""
    return encode_basestring_ascii(node)[1:-1].encode("ascii")


def decode(line: bytes, index: int, name: str) -> JournalEntry:
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
        raise damaged(name, index + 1, "it is not a line of a journal") from None


def _seconds(text: str) -> int:
    if len(text) != 20 or text[-1] != "Z":
        raise ValueError("no time of a journal")
    return int(datetime.fromisoformat(text).timestamp())


def _optional(text: str | None) -> int | None:
    return None if text is None else _seconds(text)


def draft(
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
) -> Draft:
    """What a line is to say (see `JournalEntry`). The order of the fields is part of the format.

    Put together by hand: a cold build of ten thousand hosts spends its time here and in the signatures.
    """
    quote = encode_basestring_ascii
    line = f'"time":"{_stamp(time)}","event":"{event}","id":{quote(id)}'
    if generation is not None:
        line += f',"generation":{generation}'
    if serial:
        line += f',"serial":{quote(serial)}'
    if not_before is not None:
        line += f',"not_before":"{_stamp(not_before)}"'
    if not_after is not None:
        line += f',"not_after":"{_stamp(not_after)}"'
    if asked_end is not None:
        line += f',"asked_end":"{_stamp(asked_end)}"'
    if public:
        line += f',"public":{quote(public)}'
    if detail:
        told = {k: _stamp(v) if k in _DETAIL_TIMES else v for k, v in sorted(detail.items())}
        line += f',"detail":{json.dumps(told, separators=(",", ":"))}'
    if der:
        line += f',"der":"{b2a_base64(der, newline=False).decode("ascii")}"'
    return Draft(event, serial, (line + "}").encode("ascii"))


def bound(one: Draft, seq: int, prev: str) -> bytes:
    """The line, without its newline, bound to the line before it."""
    return b'{"seq":%d,"prev":"%b",%b' % (seq, prev.encode("ascii"), one.body)


@lru_cache(maxsize=256)  # the entries of one run share their times
def _stamp(seconds: int) -> str:
    return format_time(seconds)


def damaged(name: str, line: int, why: str) -> UserError:
    return fail(
        "journal-damaged",
        f"`{name}` is damaged at line {line}: {why}",
        hint="bring the file back from a backup or from git; nothing is signed with this authority until then",
    )
