"""Diagnostics as text and as JSON values."""

from __future__ import annotations

from pkibuild.core.diagnostics import Diagnostic, Span, warning
from pkibuild.views import diagnostics as view
from pkibuild.views.terminal import Style, width


def at(column: int, length: int, line: str, *, file: str = "pki.yaml", number: int = 14) -> Span:
    return Span(file, number, column, length, line)


UNKNOWN = Diagnostic(
    "unknown-issuer",
    "authority `int-ca` is not declared",
    hint="did you mean `intermediate-ca`?",
    span=at(13, 6, "    issuer: int-ca"),
)


def test_text_is_as_the_architecture_shows_it() -> None:
    assert view.text([UNKNOWN]) == (
        "pki.yaml:14:13: error[unknown-issuer]: authority `int-ca` is not declared\n"
        "   14 |     issuer: int-ca\n"
        "      |             ^^^^^^\n"
        "  hint: did you mean `intermediate-ca`?\n"
    )


def test_related_places_are_shown_with_their_lines() -> None:
    twice = Diagnostic(
        "taken", "`a` is declared twice", span=at(1, 1, "a: 2"),
        related_spans=(("first declared here", at(1, 1, "a: 1", number=3)),),
    )  # fmt: skip
    assert view.text([twice]) == (
        "pki.yaml:14:1: error[taken]: `a` is declared twice\n"
        "   14 | a: 2\n"
        "      | ^\n"
        "  pki.yaml:3:1: first declared here\n"
        "    3 | a: 1\n"
        "      | ^\n"
    )


def carets(span: Span) -> tuple[int, int]:
    """Column (from 0) and number of carets as a terminal shows them."""
    line, under = view.text([Diagnostic("x", "y", span=span)]).splitlines()[1:]
    assert len(line.split("|")[0]) == len(under.split("|")[0])
    return width(under[: under.index("^")].split("| ", 1)[1]), under.count("^")


def test_carets_stand_below_wide_characters() -> None:
    line = "  organization: 台灣公司 x"
    assert carets(at(17, 4, line)) == (16, 8)
    assert carets(at(22, 1, line)) == (16 + 8 + 1, 1)


def test_carets_stand_below_combining_characters_and_tabs() -> None:
    assert carets(at(8, 1, "a: 'e\u0301' b")) == (6, 1)
    told = view.text([Diagnostic("x", "y", span=at(5, 1, "\ta:\tb"))]).splitlines()
    assert told[2].endswith("| \t  \t^")


def test_a_long_line_is_cut_around_its_problem() -> None:
    told = view.text([Diagnostic("x", "y", span=at(50_001, 1, "a" * 50_000 + "!" + "b" * 50_000))]).splitlines()
    assert max(map(len, told)) < 200
    line, under = told[1:]
    assert line[under.index("^")] == "!"


def test_hostile_values_are_written_out() -> None:
    told = view.text([Diagnostic("x", "bad `\x1b[2J\n`", span=at(4, 3, "a: \u202eb\x07"))])
    assert not set(told) & set("\x1b\u202e\x07")
    assert "a: \\u202eb\\x07" in told


def test_sorted_by_place_and_each_once() -> None:
    first = Diagnostic("a", "first", span=at(9, 1, "", number=2))
    second = Diagnostic("b", "second", span=at(1, 1, "", number=10))
    last = Diagnostic("c", "last")
    assert view.in_order([last, second, first, second]) == [first, second, last]


def test_colours_change_nothing_else() -> None:
    assert "\x1b" in view.text([UNKNOWN], Style(True))
    assert "\x1b" not in view.text([UNKNOWN])


def test_counting() -> None:
    assert view.counted([]) == "no problems"
    assert view.counted([UNKNOWN, warning("x", "y"), warning("x", "z")]) == "1 error, 2 warnings"
    assert view.plural(2, "authority") == "2 authorities"


def test_json_values() -> None:
    assert view.values([UNKNOWN]) == [
        {
            "severity": "error",
            "code": "unknown-issuer",
            "message": "authority `int-ca` is not declared",
            "hint": "did you mean `intermediate-ca`?",
            "file": "pki.yaml",
            "line": 14,
            "column": 13,
            "length": 6,
        }
    ]
