"""OpenSSL's own memory of an authority: `index.txt`, `serial`, `crlnumber`, computed from the journal, and read back.

The formats are those of `openssl ca`: a row is status (V, R or E), end, revocation, serial, file name and subject,
with tabs between; dates are `YYMMDDHHMMSSZ`, from 2050 on `YYYYMMDDHHMMSSZ`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType

from pkibuild.core.diagnostics import Diagnostic, warning
from pkibuild.core.times import END_OF_TIME, format_time
from pkibuild.core.values import Record
from pkibuild.model.facts import OpensslCertificate, Revocation
from pkibuild.state.journal.journal import Journal
from pkibuild.state.openssl import oneline

INDEX_ATTRIBUTES = b"unique_subject = no\n"
"""`index.txt.attr`: without it the second certificate of one subject breaks even `-gencrl`."""

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "unspecified": "unspecified",
        "key_compromise": "keyCompromise",
        "ca_compromise": "CACompromise",
        "affiliation_changed": "affiliationChanged",
        "superseded": "superseded",
        "cessation_of_operation": "cessationOfOperation",
        "certificate_hold": "certificateHold",
    }
)
"""The reasons that `openssl ca` knows, in its spelling; the others it refuses to read."""

_READ_REASONS: Mapping[str, str] = MappingProxyType(
    {
        **{theirs.lower(): ours for ours, theirs in _REASONS.items()},
        "holdinstruction": "certificate_hold",
        "keytime": "key_compromise",
        "cakeytime": "ca_compromise",
    }
)

_DATE = re.compile(r"(?:[1-9][0-9])?[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{8}Z")
_SERIAL = re.compile(r"[0-9A-Fa-f]+")
_LONGEST_NUMBER = 39
"""Hexadecimal digits of a CRL number."""
_ALWAYS = format_time(END_OF_TIME)
_CERTIFICATE_NAME = re.compile(r"([0-9A-Fa-f]+)\.pem")


class Row(Record):
    """A row of the index. `revoked` is empty unless the status is R."""

    status: str
    not_after: str
    revoked: str
    serial: str
    """As in the journal: lower case."""
    subject: str

    def text(self) -> str:
        # TXT_DB escapes tabs alone; none can come out of a subject, where control characters are `\x09`.
        return f"{self.status}\t{self.not_after}\t{self.revoked}\t{self.serial.upper()}\tunknown\t{self.subject}\n"


# -- from the journal -----------------------------------------------------------------------------------------------


class Written(Record):
    """What was written last of an authority's files. While they are the same, byte for byte, OpenSSL did nothing."""

    digest: str
    """Of `index.txt` and `crlnumber`."""
    length: int
    head: str
    """The journal that they said."""
    since: str
    until: str
    """From when to when the rows tell rightly what has expired (ISO 8601, which sorts as text)."""

    def stands(self, index: bytes, crlnumber: bytes, journal: Journal) -> bool:
        """Whether files are as they were written, for this journal or an earlier state of it."""
        return self.digest == _digest(index, crlnumber) and journal.contains(self.length, self.head)


def _digest(index: bytes, crlnumber: bytes) -> str:
    return sha256(b"%d %b%b" % (len(crlnumber), crlnumber, index)).hexdigest()


def index(journal: Journal, now: int, old: bytes = b"") -> bytes:
    """`index.txt`: a row for each certificate in the journal, oldest first.

    Subjects that stand in `old`, the index so far, are taken from there: they were written by this function, or by
    the very OpenSSL that compares them.
    """
    return _rows(journal, format_time(now), _subjects(old))[0]


def step(
    journal: Journal,
    now: int,
    old: bytes,
    crlnumber: bytes,
    written: Written | None,
    subjects: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, bytes, Written]:
    """The next `index.txt` and `crlnumber` after these, and what is to be remembered of them.

    Where those are as they were `written`, rows are added for what was issued since, unless others change as well.
    `subjects` are those of certificates that were just issued, by serial (`oneline`).
    """
    moment = format_time(now)
    if (
        written is not None
        and written.since <= moment <= written.until
        and written.stands(old, crlnumber, journal)
        and not journal.revokes_since(written.length)
    ):
        added, until = _rows(journal, moment, subjects, written.length)
        data, until = old + added, min(written.until, until)
    else:
        data, until = _rows(journal, moment, {**subjects, **_subjects(old)})
    number = crl_number(journal)
    return data, number, Written(_digest(data, number), journal.length, journal.head, moment, until)


def _subjects(index: bytes) -> dict[str, str]:
    return {row.serial: row.subject for row in read_index(index)[0]}


def _rows(journal: Journal, moment: str, subjects: Mapping[str, str], start: int = 0) -> tuple[bytes, str]:
    """The rows of what the journal has from its entry `start` on, and until when they hold."""
    revoked = {one.serial: one for one in journal.revocations()}
    rows, until = [], _ALWAYS
    for one in journal.issued_since(start):
        number, end = one.serial, one.not_after
        if not end:
            continue
        revocation = revoked.get(number)
        valid = not revocation and end >= moment
        if valid and end < until:
            until = end
        row = Row(
            "R" if revocation else "V" if valid else "E",
            _date(end),
            _revocation(revocation) if revocation else "",
            number,
            subjects.get(number) or _subject(journal, one.index) or number.upper(),  # as OpenSSL names what has no name
        )
        rows.append(row.text())
    return "".join(rows).encode("utf-8"), until


def _subject(journal: Journal, entry: int) -> str:
    der = journal.der(entry)
    return oneline.subject(der) if der else str(journal.entry(entry).detail.get("subject", ""))


@lru_cache(maxsize=256)  # the certificates of one run share their ends
def _date(text: str) -> str:
    """A date of the index for `2046-11-24T00:00:00Z`."""
    digits = text.translate(_NO_MARKS)
    return digits[2:] if text < "2050" else digits


_NO_MARKS = MappingProxyType({ord(mark): None for mark in "-:T"})


def _revocation(revocation: Revocation) -> str:
    reason = _REASONS.get(revocation.reason, "unspecified")
    date = _date(format_time(revocation.on))
    return date if reason == "unspecified" else f"{date},{reason}"


def serial(journal: Journal) -> bytes:
    """The serial file, for an OpenSSL that does not know `rand_serial`, or is not told to use it.

    Such a one counts up from here. One more than the last serial would say the next certificate's number in advance;
    so the start is drawn from the journal's head: 159 bits, like pkibuild's own serials, another one after each entry,
    the same again while nothing happens, and never one that is taken.
    """
    number = int.from_bytes(sha256(b"serial " + journal.head.encode()).digest()[:20], "big") >> 1
    while number == 0 or journal.has_serial(_hex(number)):
        number += 1
    return _hex(number).upper().encode() + b"\n"


def crl_number(journal: Journal) -> bytes:
    """The crlnumber file: the number that the next CRL gets, higher than those of all generations."""
    return _hex(journal.crl_number() + 1).upper().encode() + b"\n"


def _hex(number: int) -> str:
    text = f"{number:x}"
    return text.zfill(len(text) + len(text) % 2)


# -- back into the journal ------------------------------------------------------------------------------------------


class Changes(Record):
    """What plain OpenSSL did since the journal was last brought up to date."""

    certificates: tuple[OpensslCertificate, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    crl_number: int | None = None
    """The number of the last CRL that OpenSSL made, when it is higher than the journal's."""
    problems: tuple[Diagnostic, ...] = ()
    revoked_ids: tuple[str, ...] = ()
    """Of each revocation, the id of the certificate."""

    def __bool__(self) -> bool:
        return bool(self.certificates or self.revocations or self.crl_number is not None)


def unknown(names: Iterable[str], journal: Journal) -> list[str]:
    """Those files of `newcerts/` whose certificates are not in the journal: only they need to be read."""
    found = ((name, _CERTIFICATE_NAME.fullmatch(name)) for name in names)
    return [name for name, match in found if match and not journal.has_serial(_normal(match[1]))]


def changes(
    index: bytes,
    crlnumber: bytes,
    newcerts: Mapping[str, bytes],
    journal: Journal,
    *,
    issuer_digest: str = "",
    name: str = "index.txt",
) -> Changes:
    """What the files of an authority's folder say that its journal does not.

    `newcerts` has the contents of the files that `unknown` named; `issuer_digest` is the digest of the authority's
    name (empty: not compared), `name` the path of the index for messages. A certificate counts as issued when it is
    in `newcerts/`, even if OpenSSL was killed before it wrote its index.
    """
    rows, problems = read_index(index, name)
    by_serial = {row.serial: row for row in rows}
    certificates: dict[str, OpensslCertificate] = {}
    for file, data in sorted(newcerts.items()):
        found = _certificate(file, data, issuer_digest)
        if isinstance(found, Diagnostic):
            problems.append(found)
        elif not journal.has_serial(found.serial):
            certificates[found.serial] = found
    for row in rows:
        if row.serial not in certificates and not journal.has_serial(row.serial):
            certificates[row.serial] = OpensslCertificate(row.serial, _seconds(row.not_after), row.subject)
            problems.append(_missing(row, name))
    ordered = sorted(certificates.values(), key=lambda one: (one.facts.not_before if one.facts else 0, one.serial))
    return Changes(
        tuple(ordered),
        _revocations(by_serial.values(), journal),
        _last_number(crlnumber, journal.crl_number()),
        tuple(problems),
    )


def read_index(data: bytes, name: str = "index.txt") -> tuple[list[Row], list[Diagnostic]]:
    """The rows of an index, and a warning for each line that is none."""
    rows: list[Row] = []
    problems: list[Diagnostic] = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) == 6 and _is_row(parts):
            rows.append(Row(parts[0], parts[1], parts[2], _normal(parts[3]), parts[5]))
        else:
            problems.append(warning("openssl-index", f"`{name}` line {number} is no row of an index; it is left out"))
    return rows, problems


def _is_row(parts: list[str]) -> bool:
    status, end, revoked, number = parts[:4]
    if status not in ("V", "R", "E") or not _is_date(end) or not _SERIAL.fullmatch(number):
        return False
    return status != "R" or _is_date(revoked.split(",")[0])


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    return len(text) == 13 or text[:4] < "9999" or _seconds(text) <= END_OF_TIME  # no other year leads beyond it


def _normal(number: str) -> str:
    if len(number) % 2 == 0 and not number.startswith("00"):  # nearly every one
        return number.lower()
    return _hex(int(number, 16))


def _seconds(date: str) -> int:
    """Seconds of `YYMMDDHHMMSSZ` (1950 to 2049, RFC 5280 4.1.2.5.1) or `YYYYMMDDHHMMSSZ`."""
    if len(date) == 13:
        date = ("19" if date >= "50" else "20") + date
    rest = [int(date[at : at + 2]) for at in range(4, 14, 2)]
    return max(0, calendar.timegm((int(date[:4]), *rest)))


def _certificate(file: str, data: bytes, issuer_digest: str) -> OpensslCertificate | Diagnostic:
    from pkibuild.keys import pem
    from pkibuild.x509 import inspect

    try:
        der = pem.only_der(data, pem.CERTIFICATE)
        facts = inspect.certificate_facts(der)
    except ValueError as error:
        return warning("openssl-certificate", f"`newcerts/{file}` is passed over: {error}")
    if facts.serial != _normal(file.removesuffix(".pem")):
        return warning("openssl-certificate", f"`newcerts/{file}` is passed over: its serial is {facts.serial}")
    if issuer_digest and facts.issuer_digest != issuer_digest:
        return warning("openssl-certificate", f"`newcerts/{file}` is passed over: another authority issued it")
    return OpensslCertificate(facts.serial, facts.not_after, oneline.subject(der), der, facts)


def _missing(row: Row, name: str) -> Diagnostic:
    return warning(
        "openssl-certificate",
        f"`{name}` has a certificate with the serial {row.serial} that is not in `newcerts/`",
        hint="its serial is remembered and stays in the CRL if it is revoked; the certificate itself is unknown",
    )


def _revocations(rows: Iterable[Row], journal: Journal) -> tuple[Revocation, ...]:
    known = {one.serial for one in journal.revocations()}
    found = [_read_revocation(row) for row in rows if row.status == "R" and row.serial not in known]
    return tuple(sorted(found, key=lambda one: one.serial))


def _read_revocation(row: Row) -> Revocation:
    date, _, reason = row.revoked.partition(",")
    return Revocation(
        row.serial, _seconds(date), _READ_REASONS.get(reason.partition(",")[0].strip().lower(), "unspecified")
    )


def _last_number(crlnumber: bytes, known: int) -> int | None:
    text = crlnumber.strip().decode("ascii", "replace")
    # One that leaves no room to rise within 20 octets (RFC 5280 5.2.3) is no number of a list.
    last = int(text, 16) - 1 if _SERIAL.fullmatch(text) and len(text.lstrip("0")) <= _LONGEST_NUMBER else 0
    return last if last > known else None
