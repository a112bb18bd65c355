"""Unified diffs of configs."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from pkibuild.review.changes import text_changes

lines = st.lists(st.sampled_from(["a", "b", "c", "", "-x", "+y", " z", "@@"]), max_size=40)


def joined(text: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in text).encode()


def applied(old: list[str], diffs: list[tuple[str, ...]]) -> list[str]:
    """The old text with the hunks applied, as `patch` would."""
    new: list[str] = []
    at = 0
    for head, *body in diffs:
        start, count = (int(one) for one in head.split()[1][1:].split(","))
        begin = start - 1 if count else start
        new += old[at:begin]
        at = begin
        for line in body:
            if line[0] in " -":
                assert old[at] == line[1:]
                at += 1
            if line[0] in " +":
                new.append(line[1:])
    return new + old[at:]


@given(old=lines, new=lines)
def test_the_hunks_lead_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    changes = text_changes(joined(old), joined(new))
    assert applied(old, [change.diff for change in changes]) == new
    assert bool(changes) == (old != new)
    for change in changes:
        assert list(change.before) == [line[1:] for line in change.diff[1:] if line[0] == "-"]
        assert list(change.after) == [line[1:] for line in change.diff[1:] if line[0] == "+"]


@given(old=lines, new=lines)
def test_places_are_counted_as_everybody_counts_them(old: list[str], new: list[str]) -> None:
    """Where both find the same stretches, the heads are those of Python's own unified diff."""
    ours = [change.diff[0] for change in text_changes(joined(old), joined(new))]
    theirs = [line.strip() for line in difflib.unified_diff(old, new, lineterm="", n=3) if line.startswith("@@ -")]
    if len(ours) == len(theirs) == 1 and set(old).isdisjoint(new):
        assert [full(one) for one in theirs] == ours


def full(head: str) -> str:
    """`@@ -1 +1,2 @@` with its counts written out."""
    sides = [side if "," in side else f"{side},1" for side in head.split()[1:3]]
    return f"@@ {sides[0]} {sides[1]} @@"


def test_a_small_edit_in_a_long_text() -> None:
    old = [f"line {number}" for number in range(100_000)]
    new = [*old[:50_000], "new", *old[50_001:]]
    (change,) = text_changes(joined(old), joined(new))
    assert (change.before, change.after) == (("line 50000",), ("new",))
    assert change.diff[0] == "@@ -49998,7 +49998,7 @@"


def test_edits_far_apart_are_hunks_of_their_own() -> None:
    old = [str(number) for number in range(30)]
    new = ["x" if number in (2, 20) else line for number, line in enumerate(old)]
    assert [change.diff[0] for change in text_changes(joined(old), joined(new))] == [
        "@@ -1,6 +1,6 @@",
        "@@ -18,7 +18,7 @@",
    ]


def test_a_missing_newline_is_told() -> None:
    (change,) = text_changes(b"a\nb", b"a\nb\n")
    assert change.before == ("\\ no newline at the end",)


def test_two_texts_without_anything_in_common() -> None:
    old, new = [f"a{number}" for number in range(3000)], [f"b{number}" for number in range(3000)]
    (change,) = text_changes(joined(old), joined(new))
    assert len(change.before) == len(change.after) == 3000
