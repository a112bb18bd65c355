"""YAML read safely, and places in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.core.diagnostics import Diagnostic, Place, UserError
from pkibuild.documents import Document
from pkibuild.documents.document import parse_document
from pkibuild.documents.yaml.reader import MAX_ALIASED, MAX_DEPTH
from pkibuild.documents.yaml.text import decode
from pkibuild.views.diagnostics import text as view


def read(text: str) -> Document:
    return parse_document(decode(text.encode(), "a.yaml"), "/x/a.yaml", "a.yaml")


def problems_of(read_it: Callable[[], object]) -> tuple[Diagnostic, ...]:
    """What is said when something is refused; nothing when it is accepted. Any other exception is a bug."""
    try:
        read_it()
    except UserError as error:
        return error.diagnostics or (Diagnostic("nothing-said", ""),)
    return ()


def said(text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(text)
    return view(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("Off", "Off"),
        ("true", True), ("True", True), ("FALSE", False), ("tRue", "tRue"),
        ("null", None), ("~", None), ("", None), ("nULL", "nULL"),
        ("0", 0), ("12", 12), ("-5", -5), ("+7", 7), ("0o17", 15), ("0x1F", 31),
        ("007", "007"), ("-01", "-01"), ("1_000", "1_000"), ("0b1", "0b1"), ("12:30:00", "12:30:00"), ("1:2", "1:2"),
        ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("00.5", "00.5"), ("1e999", "1e999"),
        (".inf", ".inf"), (".nan", ".nan"), ("2030-01-01", "2030-01-01"), ("=", "="), ("'1'", "1"), ('"true"', "true"),
        ("9" * 300, int("9" * 300)), ("9" * 5000, "9" * 5000), ("5f3a09", "5f3a09"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    found = read(f"a: {text}\n").data["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text() -> None:
    assert read("1: a\ntrue: b\n~: c\n007: d\n").data == {"1": "a", "true": "b", "~": "c", "007": "d"}


def test_anchors_and_aliases_share_a_value() -> None:
    data = read("a: &x {b: [1, 2]}\nc: *x\nd: &y text\ne: *y\n").data
    assert data["c"] is data["a"]
    assert data["e"] == "text"


def test_all_tags_and_duplicates_are_told_at_once() -> None:
    assert (
        said("a: !!str 1\nb: !x {}\na: 2\nc: {d: 1, d: 2}\n")
        == """\
a.yaml:1:4: error[yaml-tag]: tags are not allowed
    1 | a: !!str 1
      |    ^^^^^^^
  hint: put the value in quotes if it begins with `!`
a.yaml:2:4: error[yaml-tag]: tags are not allowed
    2 | b: !x {}
      |    ^^^^
  hint: put the value in quotes if it begins with `!`
a.yaml:3:1: error[duplicate-key]: `a` is written twice
    3 | a: 2
      | ^
  a.yaml:1:1: first written here
    1 | a: !!str 1
      | ^
a.yaml:4:11: error[duplicate-key]: `d` is written twice
    4 | c: {d: 1, d: 2}
      |           ^
  a.yaml:4:5: first written here
    4 | c: {d: 1, d: 2}
      |     ^
"""
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c\n", "a.yaml:1:5: error[yaml-syntax]: `: ` cannot stand here"),
        ("a: `b`\n", "a.yaml:1:4: error[yaml-syntax]: no value can begin with this character"),
        ("a: 'b\nc: d\n", "a.yaml:1:4: error[yaml-syntax]: a quote is not closed"),
        ("a: {{ b }}\n", "a.yaml:1:5: error[yaml-key]: a key has to be plain text"),
        ("? [a]\n: b\n", "a.yaml:1:3: error[yaml-key]: a key has to be plain text"),
        ("&a b: c\n", "a.yaml:1:1: error[yaml-key]: a key cannot have an anchor"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: error[yaml-documents]: a second document begins here"),
        ("a: *b\n", "a.yaml:1:4: error[yaml-alias]: this alias stands for nothing that is complete before it"),
        ("a: &b [*b]\n", "a.yaml:1:8: error[yaml-alias]: this alias stands for nothing that is complete before it"),
        ("%YAML 1.1\n---\na: 1\n", "a.yaml:1:1: error[yaml-version]: a YAML version other than 1.2"),
        ("%TAG ! x:\n---\na: 1\n", "a.yaml:1:1: error[yaml-tag]: tags are not allowed"),
        ("a:\n  - b\n\tc: d\n", "a.yaml:3:1: error[yaml-tab]: a tab cannot indent"),
        (
            "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> more\n",
            "a.yaml:2:1: error[yaml-syntax]: git could not merge this file, and left its conflict markers",
        ),
        ("a: 1\n<<<<<<< HEAD\n", "a.yaml:2:13: error[yaml-syntax]: `:` is missing after a key"),
        ("a: [1,\nb: 2\n", "a.yaml:2:5: error[yaml-syntax]: `,` or `]` is missing before this"),
    ],
)
def test_what_yaml_allows_no_longer(text: str, line: str) -> None:
    assert said(text).splitlines()[0] == line


def test_an_explicit_single_document_is_fine() -> None:
    assert read("%YAML 1.2\n---\na: 1\n...\n").data == {"a": 1}


@pytest.mark.parametrize("text", ["- " * 100_000, "[" * 100_000, "{a: " * 100_000, "a:\n " * 3 + "- " * 100_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert f"error[yaml-depth]: more than {MAX_DEPTH} levels of nesting" in said(text)


def test_the_deepest_allowed_nesting() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).data is not None


def test_as_many_aliases_as_are_allowed() -> None:
    values = MAX_ALIASED // 100 - 1
    text = f"a: &a [{', '.join('x' * values)}]\nb: [{', '.join(['*a'] * 100)}]\n"
    assert len(read(text).data["b"]) == 100
    assert "error[yaml-alias]" in said(text + "c: *a\n")


# -- places ---------------------------------------------------------------------

DOCUMENT = """\
# a comment
top: {a: 1, b: [x, 'y z'], "c d": ~}
list:
  - one
  - name: two
    more: |
      lines
      of text
  -
empty:
hosts:
  web:
    fqdn: www.abc.com   # the name
    aliases: &names [a.b, c.d]
  db: {aliases: *names}
"""


@pytest.mark.parametrize(
    ("place", "at_key", "line", "column", "length"),
    [
        (("top",), False, 2, 6, 31),
        (("top",), True, 2, 1, 3),
        (("top", "a"), False, 2, 10, 1),
        (("top", "b", 1), False, 2, 20, 5),
        (("top", "c d"), True, 2, 28, 5),
        (("top", "missing"), False, 2, 1, 3),
        (("list",), False, 3, 1, 4),
        (("list", 0), False, 4, 5, 3),
        (("list", 1, "name"), False, 5, 11, 3),
        (("list", 1, "more"), False, 6, 11, 1),
        (("empty",), False, 10, 1, 5),
        (("hosts", "web"), False, 12, 3, 3),
        (("hosts", "web", "fqdn"), False, 13, 11, 11),
        (("hosts", "db", "aliases", 1), False, 14, 27, 3),
        (("hosts", "nobody"), False, 11, 1, 5),
    ],
)
@pytest.mark.parametrize("padding", [0, 3000])
def test_places(place: Place, at_key: bool, line: int, column: int, length: int, padding: int) -> None:
    document = read("# padding\n" * padding + DOCUMENT)  # a large document is looked at in parts
    span = document.locate(place, at_key)
    assert (span.line - padding, span.column, span.length) == (line, column, length)
    assert span.text == DOCUMENT.splitlines()[line - 1]


KEYS = st.sampled_from(["a", "b", "c d", "e:", "#f", "ünï", "- g", "0"])
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "text", "two words", "ü", "multi\nline", "a: b", "'"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


def places_in(data: Any, above: Place = ()) -> list[tuple[Place, Any]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(above, data)] + [found for step, item in items for found in places_in(item, (*above, step))]


@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=5), st.booleans())
def test_every_place_is_found_and_reads_back(data: dict[str, Any], flow: bool) -> None:
    """Text that a YAML library wrote is read as the same data, and each scalar is found where it stands."""
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    document = read(text)
    assert document.data == data
    lines = text.split("\n")
    for place, value in places_in(data):
        span = document.locate(place)
        assert span.text == lines[span.line - 1]
        if isinstance(value, int) and not isinstance(value, bool):
            assert span.text[span.column - 1 : span.column - 1 + span.length] == str(value)


@given(st.text() | st.text(alphabet="ab:{}[]-?&*!|>'\"%@`,# \n\t1~", max_size=60))
def test_any_text_is_read_or_refused_at_a_place(text: str) -> None:
    found = problems_of(lambda: read(text))
    assert all(one.span is not None for one in found)
    view(found)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    found = problems_of(lambda: decode(data, "a.yaml"))
    assert {one.code for one in found} <= {"not-utf-8", "bad-character"}


# -- secrets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ca:\n  passphrase: hunter2\n  x: 1\n",
        "ca: {x: 1, passphrase: hunter2}\n",
        "ca: {passphrase: 'hunter2', x: 1}\n",
        "ca:\n  passphrase: |\n    hunter2\n    hunter2\n  x: 1\n",
        'ca:\n  passphrase: "hunter2\n    hunter2"\n  x: 1\n',
        "ca:\n  passphrase: {env: hunter2 is no name}\n  x: 1\n",
        "ca:\n  passphrase: {value: hunter2}\n  x: 1\n",
        "ca:\n  passphrase: {hunter2: }\n  x: 1\n",
        "ca:\n  passphrase: [hunter2]\n  x: 1\n",
        "ca:\n  keystore: {password: hunter2}\n  x: 1\n",
        "ca:\n  Pass-Word: hunter2\n  x: 1\n",
        "ca:\n  key: {pkcs11: {pin: hunter2}}\n  x: 1\n",
        "ca:\n  passphrase: &s hunter2\n  passwords: {a: hunter2, b: *s}\n  x: 1\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("padding", [0, 3000])
def test_secrets_are_masked_in_every_line(text: str, padding: int) -> None:
    document = read("# padding\n" * padding + text)
    for place, _ in places_in(document.data):
        for at_key in (False, True):
            assert "hunter2" not in document.locate(place, at_key).text


def test_a_mask_keeps_what_is_pointed_at_in_its_column() -> None:
    document = read("ca: {passphrase: hunter2, x: 1}\n")
    assert document.locate(("ca", "passphrase")).text == "ca: {passphrase: •••, x: 1}"
    span = document.locate(("ca", "x"))
    assert span.text[span.column - 1 :] == "1}"
    assert span.column == 30


@pytest.mark.parametrize("source", ["{env: NAME}", "{file: a/b}", "{command: [pass, show, x]}", "{prompt: true}"])
def test_where_a_secret_comes_from_is_no_secret(source: str) -> None:
    assert read(f"passphrase: {source}\nx: 1\n").locate(("passphrase",)).text == f"passphrase: {source}"


@pytest.mark.parametrize(
    "text",
    [
        "passphrase: 'hunter2\n",
        "passphrase: hunter2: x\n",
        "key: {passphrase: hunter2\n",
        "passphrase: |\n  hunter2\n  hunter2 [\n bad: {\n",
        "a: 1\npassphrase: >\n  hunter2\n\thunter2\n",
        "passphrase: hunter2\npassphrase: hunter2\n",
        "passphrase: !!str hunter2\n",
        'passphrase: "hunter2\\q"\n',
        'passphrase: "\n  hunter2\\q"\n',
    ],
)
def test_secrets_are_masked_where_the_file_is_no_yaml(text: str) -> None:
    assert "hunter2" not in said(text)
