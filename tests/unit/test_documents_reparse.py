"""Large documents that are known from an earlier run: read again where they were edited, as the parser reads them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pkibuild.core.diagnostics import UserError
from pkibuild.documents.yaml import reader
from pkibuild.documents.yaml.reparse import LARGE, ParsedDocument, ParsedDocuments, parsed_document, reparse
from pkibuild.documents.yaml.text import decode

BEFORE = """\
version: 1
defaults: {issuer: ca}
hosts:
  a:
    fqdn: a.example.com
    aliases: [x.example.com, "y"]
  b:
    fqdn: b.example.com
    # about b

  c: {fqdn: c.example.com}
  d:
    fqdn: d.example.com
services:
  web:
    type: apache
    host: a
  pop:
    type: qpopper
"""


def parsed(text: str) -> ParsedDocument | None:
    """What the parser finds; None when it finds a problem."""
    problems: list[str] = []
    starts: dict[str, list[int]] = {}
    try:
        decode(text.encode("utf-8", "replace"), "x")
        data = reader.parse(text, lambda code, *_: problems.append(code), starts)
    except (yaml.YAMLError, UserError):
        return None
    return None if problems else parsed_document(text, data, starts)


def before(text: str = BEFORE) -> ParsedDocument:
    found = parsed(text)
    assert found is not None
    return found


def again(old: str, new: str, text: str = BEFORE) -> ParsedDocument | None:
    assert text.count(old) == 1
    return reparse(before(text), text.replace(old, new))


EDITS = [
    ("b.example.com", "b2.example.com"),
    ("    aliases: [x.example.com, \"y\"]\n", ""),
    ("  b:\n", "  b2:\n"),
    ("  b:\n", "  new:\n    fqdn: new.example.com\n  b:\n"),
    ("  b:\n    fqdn: b.example.com\n    # about b\n\n", ""),
    ("  b:\n    fqdn: b.example.com\n", "  b:\n    fqdn: |\n      b.example.com\n\n"),
    ("  c: {fqdn: c.example.com}\n", "  c: {fqdn: c.example.com,\n    aliases: [z]}\n"),
    ("  c: {fqdn: c.example.com}\n", "  c:\n"),
    ("c.example.com", "ç.example.com"),
    ("type: apache", "type: files\n    port: 1"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), EDITS)
def test_an_edit_of_entries(old: str, new: str) -> None:
    found = again(old, new)
    assert found is not None
    assert found == parsed(BEFORE.replace(old, new))
    assert list(found.data["hosts"]) == list(yaml.safe_load(BEFORE.replace(old, new))["hosts"])
    assert reparse(found, BEFORE) == before()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("issuer: ca", "issuer: cb"),
        ("d.example.com", "e.example.com"),  # the last of its section: where it ends is told by nothing after it
        ("qpopper", "apache"),
        ("  b:\n", "  a:\n"),  # written twice
        ("  b:\n", "  d:\n"),
        ("b.example.com", "&x b.example.com"),
        ("b.example.com", "*x"),
        ("b.example.com", "!!str b.example.com"),
        ("b.example.com", "\"b.example.com"),
        ("b.example.com", "{b"),
        ("b.example.com", "[b"),
        ("b.example.com", "b\tc"),
        ("b.example.com", "b\r"),
        ("    fqdn: b.example.com\n", "    fqdn: b\n    fqdn: c\n"),
        ("    fqdn: b.example.com\n", "    fqdn: b\n---\n"),
        ("    fqdn: b.example.com\n", "    fqdn: b\n...\n"),
        ("    fqdn: b.example.com\n", "    fqdn: b\ntop: 1\n"),
        ("    fqdn: b.example.com\n", "    fqdn: b\n <<: {}\n"),
        ("  b:\n", "   b:\n"),
        ("  b:\n", " b:\n"),
        ("  b:\n", "    b:\n"),
        ("  b:\n", "  - b:\n"),
        ("  b:\n", "  ? b\n  :\n"),
        ("  b:\n", "  \"b\" :\n"),
        ("  b:\n", "  b\n"),
        ("hosts:\n", "hosts:\n\n"),
        ("services:\n", "hosts2:\n"),
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_the_parser_or_read_the_same(old: str, new: str) -> None:
    text = BEFORE.replace(old, new)
    assert text != BEFORE
    found = reparse(before(), text)
    assert found is None or found == parsed(text)


def test_nothing_changed() -> None:
    one = before()
    assert reparse(one, BEFORE) is one


@pytest.mark.parametrize(
    "text",
    [
        "hosts: {\n  a: {x: 1},\n  b: {x: 2}\n}\n",
        "hosts:\n  a: &x {y: 1}\n  b: *x\n  c: {y: 1}\n",
        "hosts: &h\n  a: {y: 1}\n  b: {y: 1}\n",
        "- a\n- b\n",
        "a: 1\n",
        "hosts:\n  ? a\n  : {y: 1}\n  b: {y: 1}\n",
    ],
)
def test_sections_without_lines_of_their_own_are_not_known(text: str) -> None:
    assert before(text).starts == {}


LINES = st.sampled_from(
    ["  a:", "  b:", "  c: {x: 1}", "  d: {x: 1,", "    y: 2}", "    fqdn: a", "    fqdn: 'a", "    b'", "    x: |",
     "    x: >-", "      text", "  text", "   text", " text", "", "  ", "# note", "    # note", "  # note", "hosts:",
     "services:", "top: 1", "---", "...", "%YAML 1.2", "    - item", "  - item", "    z: [1,", "    2]", "    z: \"q",
     "  q\"", "    &a", "    *a", "  <<: {}", "  ? k", "  : v", "    'k': v", "  \"k\": v", "    x: a\tb", "\t", "  e:",
     "    x: y:", "  f: g", "    x: é", "    x: 1", "    x: '1'", "\r", "  g:\r", "  h: !x y", "    x: |2", "    x: |+"]
)  # fmt: skip
BLOCKS = st.sampled_from(
    ["  a:\n    x: 1", "  b:\n    x: [1, 2]", "  c: {x: 1}", "  d:\n    x: |\n      text\n", "  e:"]
)


@settings(max_examples=600)
@given(
    start=st.lists(st.one_of(BLOCKS, LINES), max_size=6),
    old=st.lists(st.one_of(BLOCKS, LINES), max_size=4),
    new=st.lists(st.one_of(BLOCKS, LINES), max_size=4),
    end=st.lists(st.one_of(BLOCKS, LINES), max_size=6),
)
def test_any_edit_is_read_as_by_the_parser(start: list[str], old: list[str], new: list[str], end: list[str]) -> None:
    first, second = ("\n".join(["hosts:", *start, *some, *end, ""]) for some in (old, new))
    one = parsed(first)
    found = reparse(one, second) if one is not None else None
    if found is not None:
        whole = parsed(second)
        assert whole is not None
        assert found == whole
        assert repr(found.data) == repr(whole.data)


@settings(max_examples=400)
@given(
    st.integers(0, len(BEFORE)), st.integers(0, 12), st.text(st.sampled_from("ab:{}[],'\"#&*!|>-? \n\t%"), max_size=8)
)
def test_any_keystroke_is_read_as_by_the_parser(at: int, gone: int, typed: str) -> None:
    text = BEFORE[:at] + typed + BEFORE[at + gone :]
    found = reparse(before(), text)
    assert found is None or found == parsed(text)


def test_only_large_documents_are_remembered() -> None:
    memory = ParsedDocuments()
    memory.add("/small", before())
    assert not memory.has_changed
    large: Any = before(BEFORE + "#" * LARGE + "\n")
    memory.add("/large", large)
    assert memory.has_changed
    later = ParsedDocuments(memory.now)
    assert later.read("/large", large.text) is large
    later.add("/large", large)
    assert not later.has_changed
    assert later.read("/other", large.text) is None
