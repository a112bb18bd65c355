"""The journal: what it answers, and that no damage passes unseen."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.core.diagnostics import UserError
from pkibuild.core.times import END_OF_TIME
from pkibuild.model.facts import Revocation
from pkibuild.state.journal.journal import FIRST, Journal, JournalEntry, Writer, draft, parse

HOST = "host/myhost/certificate"


def example() -> Writer:
    writer = Writer(Journal("j"))
    writer.add(draft("key", 100, "authority/a/key", generation=1, public="aa", detail={"algorithm": "rsa-4096"}))
    writer.add(
        draft(
            "issue",
            100,
            "authority/a/certificate",
            generation=1,
            serial="01",
            not_before=0,
            not_after=9000,
            der=b"root",
        )
    )
    writer.add(
        draft("issue", 200, HOST, generation=1, serial="02", not_before=50, not_after=900, asked_end=990, der=b"old")
    )
    writer.add(draft("crl", 250, "authority/a/crl", generation=1, detail={"number": 7, "next_update": 900}))
    writer.add(draft("issue", 300, HOST, generation=2, serial="03", der=b"new", detail={"issuer_generation": 2}))
    writer.add(draft("crl", 400, "authority/a/crl", generation=2, detail={"number": 5}))
    return writer


def damage(data: bytes) -> str:
    with pytest.raises(UserError) as caught:
        parse(data, "pki/authorities/a/journal.jsonl")
    (found,) = caught.value.diagnostics
    assert found.code == "journal-damaged"
    assert found.hint
    return found.message.removeprefix("`pki/authorities/a/journal.jsonl` ")


def test_an_empty_journal() -> None:
    journal = parse(b"", "j")
    assert (journal.length, journal.head, journal.torn_at, journal.last_time) == (0, FIRST, None, None)
    assert journal.newest(HOST) is None
    assert journal.generation(HOST) is None
    assert journal.crl_number() == 0
    assert journal.contains(0, FIRST)
    assert not journal.contains(1, FIRST)


def test_what_it_answers() -> None:
    journal = parse(example().taken(), "j")
    newest = journal.newest(HOST)
    assert newest is not None
    assert (newest.seq, newest.serial, newest.der, newest.generation, newest.issuer_generation) == (
        5,
        "03",
        b"new",
        2,
        2,
    )
    assert [entry.der for entry in journal.issued(HOST)] == [b"old", b"new"]
    old = journal.by_serial("02")
    assert old is not None
    assert (old.not_before, old.not_after, old.asked_end) == (50, 900, 990)
    assert journal.has_serial("01")
    assert not journal.has_serial("04")
    assert journal.generation(HOST) == 2
    assert journal.generation("authority/a/key") == 1
    assert (journal.crl_number(1), journal.crl_number(2), journal.crl_number(3)) == (7, 5, 0)
    assert journal.last_time == 400
    assert journal.newest("authority/a/key") is None  # a key is no certificate
    ends = ["1970-01-01T02:30:00Z", "1970-01-01T00:15:00Z", ""]
    assert [(one.index, one.serial, one.not_after) for one in journal.all_issued] == [
        *zip([1, 2, 4], ["01", "02", "03"], ends, strict=True)
    ]
    assert [one.detail["number"] for one in journal.crls()] == [7, 5]


def test_revocations() -> None:
    writer = example()
    writer.add(draft("revoke", 500, HOST, serial="03", detail={"on": 450, "reason": "superseded"}))
    writer.add(draft("revoke", 500, HOST, serial="02", detail={"on": 460, "reason": "certificate_hold"}))
    assert writer.journal().revocations() == (
        Revocation("02", 460, "certificate_hold"),
        Revocation("03", 450, "superseded"),
    )
    assert writer.journal().revocations(generation=1) == (Revocation("02", 460, "certificate_hold"),)
    assert writer.journal().revocations(generation=2) == (Revocation("03", 450, "superseded"),)
    for serial in ("02", "03"):  # a hold can end, a revocation cannot
        writer.add(draft("revoke", 600, HOST, serial=serial, detail={"on": 600, "reason": "remove_from_crl"}))
    assert parse(writer.taken(), "j").revocations() == (Revocation("03", 450, "superseded"),)


def test_its_lines_are_for_people_and_bound_to_each_other() -> None:
    lines = example().taken().splitlines()
    second = json.loads(lines[1])
    assert second["prev"] == hashlib.sha256(lines[0]).hexdigest()
    assert second["time"] == "1970-01-01T00:01:40Z"
    assert json.loads(lines[0])["prev"] == "0" * 64
    assert json.loads(lines[3])["detail"] == {"next_update": "1970-01-01T00:15:00Z", "number": 7}
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_a_writer_gives_its_lines_once_and_goes_on() -> None:
    writer = example()
    first = writer.taken()
    assert writer.pending == b""
    writer.add(draft("gap", 700, "authority/a"))
    assert writer.pending.count(b"\n") == 1
    journal = parse(first + writer.taken(), "j")
    assert journal.length == 7
    assert journal.head == writer.journal().head
    again = Writer(journal)
    again.add(draft("gap", 800, "authority/a"))
    assert parse(first + b"".join([journal._lines[6], b"\n"]) + again.taken(), "j").length == 8


def test_a_serial_is_never_used_twice() -> None:
    writer = example()
    assert writer.has_serial("03")
    with pytest.raises(ValueError, match="used before"):
        writer.add(draft("issue", 1, HOST, serial="03"))
    later = Writer(parse(writer.taken(), "j"))
    with pytest.raises(ValueError, match="used before"):
        later.add(draft("adopt", 1, HOST, serial="01"))
    later.add(draft("revoke", 1, HOST, serial="01"))  # this is about a certificate, and makes none


def test_a_journal_knows_its_own_past() -> None:
    writer = example()
    past = writer.journal()
    writer.add(draft("gap", 1, "authority/a"))
    now = parse(writer.taken(), "j")
    assert now.contains(past.length, past.head)
    assert now.contains(now.length, now.head)
    assert not past.contains(now.length, now.head)
    assert not now.contains(past.length - 1, past.head)
    fork = Writer(past)
    fork.add(draft("gap", 2, "authority/a"))
    assert not fork.journal().contains(now.length, now.head)


def test_damage_is_told_by_line() -> None:
    data = example().taken()
    lines = data.splitlines(keepends=True)
    assert damage(data.replace(b'"serial":"02"', b'"serial":"0f"')).startswith("is damaged at line 3: it was changed")
    assert damage(b"".join(lines[:2] + lines[3:])).startswith("is damaged at line 3")
    assert damage(b"".join([lines[1], lines[0], *lines[2:]])).startswith("is damaged at line 1")
    assert "CRLF" in damage(data.replace(b"\n", b"\r\n"))
    assert damage(b"{}\n").startswith("is damaged at line 1")
    assert damage(data + b"\n").startswith("is damaged at line 7")
    ours, theirs = Writer(parse(data, "j")), Writer(parse(data, "j"))
    ours.add(draft("gap", 1, "x"))
    theirs.add(draft("gap", 2, "x"))
    merged = data + b"<<<<<<< HEAD\n" + ours.taken() + b"=======\n" + theirs.taken() + b">>>>>>> x\n"
    assert "conflict markers at line 7" in damage(merged)


def test_the_last_line_is_read_even_though_none_follows() -> None:
    start = b'{"seq":1,"prev":"' + FIRST.encode() + b'","time":"2026-01-01T00:00:00Z","event":"key","id":"x"'
    assert parse(start + b"}\n", "j").length == 1
    for end in (b"\n", b',"detail":7}\n', b',"not_after":"tomorrow"}\n', b',"generation":"1"}\n'):
        assert damage(start + end).startswith("is damaged at line 1")


def test_a_torn_line_is_dropped_and_its_place_known() -> None:
    data = example().taken()
    journal = parse(data + b'{"seq":7,"pr', "j")
    assert (journal.length, journal.torn_at) == (6, len(data))
    assert parse(data + b"\0" * 512, "j").torn_at == len(data)


times = st.integers(0, END_OF_TIME)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
details = st.dictionaries(
    texts.filter(lambda key: key not in ("on", "this_update", "next_update")), texts | st.integers()
)
hexes = st.binary(max_size=20).map(bytes.hex)
additions = st.fixed_dictionaries(
    {"event": st.sampled_from(["key", "issue", "revoke", "crl", "adopt", "gap"]), "time": times, "id": texts},
    optional={
        "generation": st.integers(1, 99),
        "serial": hexes,
        "not_before": times,
        "not_after": times,
        "asked_end": times,
        "public": hexes,
        "der": st.binary(max_size=40),
        "detail": details,
    },
)


def written(values: list[dict[str, Any]]) -> tuple[list[JournalEntry], bytes]:
    """What the lines should say, and the lines."""
    writer = Writer(Journal("j"))
    entries: list[JournalEntry] = []
    for one in values:
        if not writer.has_serial(one.get("serial", "")):
            prev = hashlib.sha256(writer.pending.splitlines()[-1]).hexdigest() if entries else FIRST
            told = {name: value for name, value in one.items() if name != "der"}
            der = base64.b64encode(one.get("der", b"")).decode()
            entries.append(JournalEntry(seq=len(entries) + 1, prev=prev, base64=der, **told))
            writer.add(draft(**one))
    return entries, writer.taken()


@given(st.lists(additions, max_size=8))
def test_what_is_written_is_read(values: list[dict[str, Any]]) -> None:
    entries, data = written(values)
    journal = parse(data, "j")
    assert list(journal.entries) == entries
    assert [journal.der(index) for index in range(journal.length)] == [entry.der for entry in entries]
    for entry in entries:
        of_node = [e for e in entries if e.id == entry.id and e.event in ("issue", "adopt")]
        assert journal.newest(entry.id) == (of_node[-1] if of_node else None)
        recorded = [e.generation for e in entries if e.id == entry.id and e.generation is not None]
        assert journal.generation(entry.id) == (recorded[-1] if recorded else None)


@given(st.lists(additions, max_size=8), st.integers(0, 8))
def test_one_that_grew_answers_as_one_that_is_read_whole(values: list[dict[str, Any]], at: int) -> None:
    _, data = written(values)
    lines = data.splitlines(keepends=True)
    whole = parse(data, "j")
    first = parse(b"".join(lines[:at]), "j")
    first.newest("any")  # it has been searched through
    grown = first.extended([line[:-1] for line in lines[at:]], whole.head)
    assert grown._index == whole._index
    assert list(grown.issued_since(at)) == [one for one in whole.all_issued if one.index >= at]


@given(st.lists(additions, min_size=1, max_size=5), st.data())
def test_a_truncated_journal_is_a_torn_one_or_an_earlier_one(values: list[dict[str, Any]], data: st.DataObject) -> None:
    entries, whole = written(values)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    journal = parse(cut, "j")
    assert list(journal.entries) == entries[: journal.length]
    complete = cut.endswith(b"\n") or not cut
    assert journal.torn_at == (None if complete else cut.rfind(b"\n") + 1)
    full = parse(whole, "j")
    assert full.contains(journal.length, journal.head)
    assert journal.contains(full.length, full.head) == (journal.length == full.length)


@given(st.lists(additions, min_size=2, max_size=5), st.data())
def test_any_changed_byte_before_the_last_line_is_noticed(values: list[dict[str, Any]], data: st.DataObject) -> None:
    _, whole = written(values)
    end = whole[:-1].rfind(b"\n") + 1
    if not end:
        return
    at = data.draw(st.integers(0, end - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    with pytest.raises(UserError):
        parse(whole[:at] + bytes([byte]) + whole[at + 1 :], "j")


@given(st.binary(min_size=1, max_size=200))
def test_anything_else_is_no_journal_and_no_traceback(data: bytes) -> None:
    assert damage(data + b"\n")
