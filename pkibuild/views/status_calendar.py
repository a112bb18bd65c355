"""When every certificate and CRL ends, as a calendar to subscribe to (iCalendar, RFC 5545)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from pkibuild.core.times import DAY, format_date, format_time
from pkibuild.model.plan import StatusRow

LINE = 75
"""Octets of a line without its break (RFC 5545 3.1)."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def text(rows: Sequence[StatusRow], now: int) -> str:
    """A calendar with an event of a whole day (UTC) for every end."""
    return "".join(_folded(line) for line in _lines(rows, now))


def _lines(rows: Sequence[StatusRow], now: int) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//pkibuild//pkibuild status//EN", "CALSCALE:GREGORIAN")
    for row in rows:
        if row.not_after is not None:
            yield from _event(row, row.not_after, now)
    yield "END:VCALENDAR"


def _event(row: StatusRow, end: int, now: int) -> Iterator[str]:
    what = "revocation list" if row.kind == "crl" else "certificate"
    yield "BEGIN:VEVENT"
    yield f"UID:{_uid(row)}"
    yield f"DTSTAMP:{_stamp(now)}"
    yield f"DTSTART;VALUE=DATE:{_date(end)}"
    yield f"DTEND;VALUE=DATE:{_date(end + DAY)}"
    yield f"SUMMARY:{_text(f'{row.id}: {what} ends')}"
    yield f"DESCRIPTION:{_text(chr(10).join(_told(row, end)))}"
    yield f"CATEGORIES:{row.kind.upper()}"
    yield "TRANSP:TRANSPARENT"  # nobody is busy with it
    yield "END:VEVENT"


def _uid(row: StatusRow) -> str:
    """The same for the same artifact of the same PKI: a renewal moves the event."""
    return hashlib.sha256(f"{row.id}\n{row.issuer}".encode()).hexdigest()[:32] + "@pkibuild"


def _told(row: StatusRow, end: int) -> Iterator[str]:
    facts = (
        ("subject", row.subject),
        ("issuer", row.issuer),
        ("number" if row.kind == "crl" else "serial", row.serial),
        ("ends", format_time(end)),
        ("renews", "" if row.renew_at is None else format_time(row.renew_at)),
        ("state", row.state),
        ("", row.message),
    )
    for name, value in facts:
        if value:
            yield f"{name}: {value}" if name else value


def _stamp(seconds: int) -> str:
    return format_time(seconds).replace("-", "").replace(":", "")


def _date(seconds: int) -> str:
    return format_date(seconds).replace("-", "")


def _text(value: str) -> str:
    """A TEXT value (RFC 5545 3.3.11): backslash, semicolon, comma and line break escaped, no control characters."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return _CONTROLS.sub("", value)


def _folded(line: str) -> str:
    """The line with its break, continued with a blank where it is longer than 75 octets; characters stay whole."""
    parts: list[str] = []
    part, size = "", 0
    for character in line:
        octets = len(character.encode("utf-8"))
        if size + octets > LINE:
            parts.append(part)
            part, size = " ", 1
        part, size = part + character, size + octets
    return "\r\n".join([*parts, part]) + "\r\n"
