"""The lock: what it remembers, how it merges, and what is said when it cannot be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.core.diagnostics import UserError
from pkibuild.core.values import from_json, to_json
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts, Revocation
from pkibuild.model.manifest import Constraints, Names, Subtrees
from pkibuild.state.lock.lock import Facts, JournalMark, Lock, LockEntry, lines_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lists = st.lists(texts, max_size=2).map(tuple)
numbers = st.integers(0, 2**40)
attributes = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
subtrees = st.builds(Subtrees, lists, lists, lists)
certificates = st.builds(
    CertificateFacts,
    subject=attributes,
    issuer=attributes,
    path_length=st.none() | st.integers(0, 9),
    usages=lists,
    names=st.builds(Names, lists, lists, lists, lists),
    constraints=st.builds(Constraints, subtrees, subtrees),
    crl_urls=lists,
    ca_issuers_urls=lists,
    ocsp_urls=lists,
    **dict.fromkeys(
        ["serial", "subject_digest", "issuer_digest", "public", "algorithm", "key_id", "issuer_key_id", "fingerprint"],
        texts,
    ),
    not_before=numbers,
    not_after=numbers,
    ca=st.booleans(),
)
facts = st.one_of(
    st.none(),
    st.builds(KeyFacts, texts, texts, st.booleans()),
    certificates,
    st.builds(
        CrlFacts,
        texts,
        texts,
        numbers,
        numbers,
        numbers,
        st.lists(st.builds(Revocation, texts, numbers, texts), max_size=2).map(tuple),
        texts,
    ),
    st.builds(FileFacts, texts, lists, texts),
)
entries = st.builds(
    LockEntry,
    id=texts.filter(bool),
    kind=texts,
    path=texts,
    facts=facts,
    inputs=texts,
    generation=st.none() | numbers,
    asked_end=st.none() | numbers,
    owner=texts,
    group=texts,
    mode=st.none() | st.integers(0, 0o7777),
    until=st.none() | numbers,
)
marks = st.builds(JournalMark, numbers, texts, numbers)
unique = st.lists(entries, max_size=6, unique_by=lambda one: one.id)

KEY = LockEntry("host/b/key", "key", "hosts/b/b.key", KeyFacts("ecdsa-p256", "aa"), mode=0o400)
EMPTY = Lock("pki.yaml", "pki")


def read(lock: Lock) -> Lock:
    return Lock.parse(lock.serialise(), "pki.lock")


@given(unique, st.dictionaries(texts, marks, max_size=3))
def test_what_is_written_is_read(found: list[LockEntry], journals: dict[str, JournalMark]) -> None:
    lock = read(EMPTY.with_changes(lines_of(found), journals=journals))
    assert lock.damaged is None
    assert [lock.entry(one.id) for one in found] == found
    assert list(lock.ids()) == sorted(one.id for one in found)
    assert lock.journals == journals
    assert (lock.manifest, lock.output) == ("pki.yaml", "pki")
    assert read(lock) == lock


@given(unique, st.randoms())
def test_the_order_of_entries_does_not_show(found: list[LockEntry], random: st.DataObject) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random, which hypothesis has no name for
    assert EMPTY.with_changes(lines_of(shuffled)).serialise() == EMPTY.with_changes(lines_of(found)).serialise()


@given(unique, entries)
def test_a_node_more_is_a_line_more(found: list[LockEntry], added: LockEntry) -> None:
    before = EMPTY.with_changes(lines_of([one for one in found if one.id != added.id]))
    after = before.with_changes(lines_of([added]))
    old, new = before.serialise().split(b"\n"), after.serialise().split(b"\n")
    (line,) = [one for one in new if one not in old]
    assert [one for one in new if one != line] == old
    assert after.with_changes(removed=[added.id]).serialise() == before.serialise()


@given(facts.filter(bool))
def test_facts_survive_json(found: Facts) -> None:
    assert from_json(type(found), json.loads(json.dumps(to_json(found)))) == found


def test_a_line_says_no_more_than_there_is() -> None:
    (line,) = EMPTY.with_changes(lines_of([KEY])).serialise().splitlines()[1:]
    assert json.loads(line) == {
        "id": "host/b/key",
        "kind": "key",
        "path": "hosts/b/b.key",
        "mode": "0400",
        "key": {"algorithm": "ecdsa-p256", "public": "aa"},
    }


def test_unknown_fields_are_passed_over_and_kept() -> None:
    line = b'{"id":"x","kind":"key","later":1,"key":{"algorithm":"a","public":"b","more":[2]}}'
    data = EMPTY.serialise() + line + b"\n"
    lock = Lock.parse(data, "pki.lock")
    assert lock.entry("x") == LockEntry("x", "key", facts=KeyFacts("a", "b"))
    assert line in lock.with_changes(lines_of([KEY])).serialise()


def error(data: bytes) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        Lock.parse(data, "pki.lock")
    (found,) = caught.value.diagnostics
    return found.code, found.hint


@pytest.mark.parametrize("style", ["merge", "diff3", "header"])
def test_conflict_markers(style: str) -> None:
    ours, theirs = EMPTY.with_changes(lines_of([KEY])).serialise(), EMPTY.serialise()
    base = b"||||||| base\n" if style == "diff3" else b""
    head, body = (b"", ours) if style == "header" else (theirs, ours.splitlines(keepends=True)[1])
    data = head + b"<<<<<<< HEAD\n" + body + base + b"=======\n" + b">>>>>>> branch\n"
    code, hint = error(data)
    assert code == "lock-conflict"
    assert "take either side" in hint


def test_a_newer_format() -> None:
    assert error(b'{"format":2,"manifest":"pki.yaml"}\nsomething else\n') == ("lock-newer", "update pkibuild")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 40,
        b"junk\n",
        b"{}\n",
        b'{"format":"1"}\n',
        b"[1]\n",
        b'{"format":1}\n\xff\n',
        b'{"format":1}\n{"id":7}\n',
    ],
)
def test_garbage_is_flagged(garbage: bytes) -> None:
    found = Lock.parse(garbage, "pki.lock").damaged
    assert found is not None
    assert (found.code, found.severity) == ("lock-garbled", "warning")


def test_a_garbled_lock_still_knows_its_journals_and_whole_lines() -> None:
    mark = JournalMark(3, "ab", 7)
    whole = EMPTY.with_changes(lines_of([KEY]), journals={"authorities/a/journal.jsonl": mark}).serialise()
    for data in (whole.split(b"\n", 1)[1], whole.replace(b"\n", b"\n{{{\n", 1), whole[:30] + b"\n" + whole):
        lock = Lock.parse(data, "pki.lock")
        assert lock.damaged is not None
        assert lock.journals == {"authorities/a/journal.jsonl": mark}
        assert lock.entry(KEY.id) == KEY


def test_a_node_twice_is_garbled() -> None:
    line = EMPTY.with_changes(lines_of([KEY])).serialise().splitlines(keepends=True)[1]
    assert Lock.parse(EMPTY.serialise() + line + line, "pki.lock").damaged is not None


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"x","kind":}',
        b'{"id":"x","kind":3}',
        b'{"id":"x","kind":"key","mode":"rw"}',
        b'{"id":"x","kind":"key","generation":"1"}',
        b'{"id":"x","kind":"key","generation":true}',
        b'{"id":"x","kind":"key","key":{}}',
        b'{"id":"x","kind":"key","key":[]}',
        b'{"id":"x","kind":"key","key":{"algorithm":1,"public":""}}',
        b'{"id":"x","kind":"certificate","certificate":{"not_before":1,"not_after":2,"subject":[["a"]]}}',
    ],
)
def test_a_garbled_line_is_an_error_when_it_is_asked_for(line: bytes) -> None:
    lock = Lock.parse(EMPTY.serialise() + line + b"\n", "pki.lock")
    with pytest.raises(UserError) as caught:
        lock.entry("x")
    assert caught.value.diagnostics[0].code == "lock-garbled"
    assert "`x`" in caught.value.diagnostics[0].message


def test_what_is_not_there() -> None:
    lock = read(EMPTY.with_changes(lines_of([KEY])))
    assert lock.entry("host/c/key") is None
    assert "host/c/key" not in lock
    assert KEY.id in lock
    assert len(lock) == 1


def test_nodes_are_found_by_their_path() -> None:
    lock = Lock("pki.yaml", "pki").with_changes(
        lines_of(
            [
                LockEntry("host/a/key", "key", "hosts/a/a.key", KeyFacts("ed25519", "p")),
                LockEntry('service/x@a/é"', "config", 'hosts/a/"é', FileFacts("d")),
                LockEntry("nowhere", "key"),
            ]
        )
    )
    assert lock.by_path() == {"hosts/a/a.key": "host/a/key", 'hosts/a/"é': 'service/x@a/é"'}
