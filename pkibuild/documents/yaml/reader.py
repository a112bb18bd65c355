"""YAML into plain values, fast and strict: YAML 1.2 core scalars, no tags, no merge keys, bounded depth and size.

The values are built from libyaml's events in one pass, without positions; problems are reported with the marks of the
events. PyYAML's own composer is not used: its C form crashes on deep nesting, and its resolver is that of YAML 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml
from msgspec import Struct, field
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from pkibuild.core.diagnostics import Diagnostic, UserError

MAX_DEPTH = 40
"""Levels of nesting; the deepest that a manifest needs is below ten."""

MAX_ALIASED = 200_000
"""How many values aliases may stand for in all."""

_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER_STARTS = frozenset("0123456789+-.")
# YAML 1.2.2, 10.3.2, but that a leading zero makes text of a number: serials, postal codes and versions have them.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,300})")
_RADIX = re.compile(r"0(?:o[0-7]{1,300}|x[0-9a-fA-F]{1,300})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,300}|(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,3})?")

Starts = dict[str, list[int]]
"""By section (top-level key): where in the text each name in its block mapping begins, in characters."""

Report = Callable[[str, str, Any, str], None]
"""Told of a problem: code, message, the event that it is at, hint."""


def scalar(text: str) -> Any:
    """What a plain scalar means in YAML's core schema: null, boolean, number or text."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMBER_STARTS else text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value - value == 0:  # neither infinite nor no number: JSON knows none of these
            return value
    return text


def parser(text: str, *, pure: bool = False) -> Any:
    """A parser that gives events, libyaml's where it is there and not `pure`."""
    loader = yaml.SafeLoader if pure else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader(text.encode())


def too_deep_for_libyaml(error: yaml.MarkedYAMLError) -> bool:
    """Whether libyaml gave up for nesting: from 0.2.6 on it does so far ahead of the events that it has given."""
    return "nesting depth" in (error.problem or "")


def parse(text: str, report: Report, starts: Starts | None = None, *, pure: bool = False) -> Any:
    """The value of the only document in `text`; None when it is empty.

    Problems that leave a value go to `report`. Where anchors leave each part to mean the same by itself, `starts` are
    added to. `pure` takes PyYAML's own slow parser. Raises yaml.YAMLError, and UserError where reading cannot go on.
    """
    events = parser(text, pure=pure)
    events.get_event()
    begin = events.get_event()
    if type(begin) is not DocumentStartEvent:
        return None
    if begin.version and tuple(begin.version) != (1, 2):
        report("yaml-version", "a YAML version other than 1.2", begin, "take the `%YAML` line out")
    if begin.tags:
        report("yaml-tag", "tags are not allowed", begin, "take the `%TAG` line out")
    builder = _Builder(events.get_event, report)
    value = builder.build(events.get_event(), 0)
    if starts is not None and not builder.anchors:
        starts.update(builder.starts)
    events.get_event()
    after = events.get_event()
    if type(after) is not StreamEndEvent:
        report("yaml-documents", "a second document begins here", after, "a manifest is one document: use `include`")
    return value


def parse_entries(text: str, report: Report) -> tuple[dict[str, Any], list[int]]:
    """Some entries of a block mapping that is the value of a top-level key, and where each begins.

    Raises yaml.YAMLError, and UserError when they are anything else.
    """
    events = parser(text)
    events.get_event()
    begin, mapping = events.get_event(), events.get_event()
    if type(mapping) is not MappingStartEvent or mapping.flow_style or mapping.anchor or mapping.tag or begin.explicit:
        raise UserError
    builder, starts = _Builder(events.get_event, report), list[int]()
    value = builder._mapping(2, starts)
    if events.get_event().explicit or type(events.get_event()) is not StreamEndEvent or builder.anchors:
        raise UserError
    return value, starts


class _Builder(Struct):
    next: Callable[[], Any]
    report: Report
    keys: dict[str, str] = field(default_factory=dict)
    """Every key once: equal keys are one string, which saves memory and makes look-ups faster."""
    anchors: dict[str, Any] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    aliased: int = 0
    starts: Starts = field(default_factory=dict)

    def build(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            self._tag(event)
        if kind is ScalarEvent:
            value = scalar(event.value) if event.implicit[0] else event.value
        elif depth >= MAX_DEPTH:
            self.report("yaml-depth", f"more than {MAX_DEPTH} levels of nesting", event, "")
            raise UserError
        elif kind is MappingStartEvent:
            value = self._mapping(depth + 1)
        else:
            value = self._sequence(depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = value
            self._size(value)
        return value

    def _mapping(self, depth: int, starts: list[int] | None = None) -> dict[str, Any]:
        value: dict[str, Any] = {}
        next_event, keys, build = self.next, self.keys, self.build
        while True:
            event = next_event()
            try:
                key = event.value
            except AttributeError:
                if type(event) is MappingEndEvent:
                    return value
                hint = "a value that begins with `{`, `[` or `*` has to be put in quotes"
                self.report("yaml-key", "a key has to be plain text", event, hint)
                raise UserError from None
            if event.anchor is not None or event.tag is not None:
                self._decorated_key(event)
            if key == "<<" and event.implicit[0]:
                self.report(
                    "yaml-merge", "merge keys are not allowed", event, "write the fields out, or use `defaults`"
                )
            elif key in value:
                self.report("duplicate-key", f"`{key}` is written twice", event, "")
            if starts is not None:
                starts.append(event.start_mark.index)
            item = next_event()
            key = keys.setdefault(key, key)
            if type(item) is ScalarEvent and item.tag is None and item.anchor is None:  # the common case, made short
                value[key] = scalar(item.value) if item.implicit[0] else item.value
            elif depth == 1 and type(item) is MappingStartEvent and not (item.flow_style or item.anchor or item.tag):
                value[key] = self._mapping(2, self.starts.setdefault(key, []))
            else:
                value[key] = build(item, depth)

    def _sequence(self, depth: int) -> list[Any]:
        value: list[Any] = []
        next_event, build = self.next, self.build
        while True:
            event = next_event()
            if type(event) is SequenceEndEvent:
                return value
            value.append(build(event, depth))

    def _decorated_key(self, event: Any) -> None:
        if event.tag is not None:
            self._tag(event)
        else:
            self.report("yaml-key", "a key cannot have an anchor", event, "")

    def _tag(self, event: Any) -> None:
        hint = "put the value in quotes if it begins with `!`"
        self.report("yaml-tag", "tags are not allowed", event, hint)

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            # The name is not shown: who writes a password that begins with `*` writes this.
            message = "this alias stands for nothing that is complete before it"
            self.report("yaml-alias", message, event, "put the value in quotes if it begins with `*`")
            return None
        value = self.anchors[event.anchor]
        self.aliased += self._size(value)
        if self.aliased > MAX_ALIASED:
            self.report("yaml-alias", f"aliases stand for more than {MAX_ALIASED} values", event, "use `defaults`")
            raise UserError
        return value

    def _size(self, value: Any) -> int:
        """How many values there are in this one, aliases followed; each anchored value is counted only once."""
        if not isinstance(value, (dict, list)):
            return 1
        size = self.sizes.get(id(value))
        if size is None:
            size = 1 + sum(map(self._size, value.values() if isinstance(value, dict) else value))
            self.sizes[id(value)] = size
        return size


_PLAIN_WORDS = (
    ("found a tab character that violates indentation", "yaml-tab", "a tab cannot indent", "indent with spaces"),
    ("cannot start any token", "yaml-syntax", "no value can begin with this character", "put the value in quotes"),
    ("mapping values are not allowed", "yaml-syntax", "`: ` cannot stand here",
     "put a value that contains `: ` in quotes, and check the indentation"),
    ("block sequence entries are not allowed", "yaml-syntax", "`- ` cannot stand here", "begin the list on a new line"),
    ("did not find expected ',' or '}'", "yaml-syntax", "`,` or `}` is missing before this", ""),
    ("did not find expected ',' or ']'", "yaml-syntax", "`,` or `]` is missing before this", ""),
    ("did not find expected key", "yaml-syntax", "a key is expected here", "check indentation and quotes of this line "
     "and of the one before it"),
    ("did not find expected '-' indicator", "yaml-syntax", "`- ` is expected here", "check the indentation"),
    ("could not find expected ':'", "yaml-syntax", "`:` is missing after a key", ""),
    ("found unexpected end of stream", "yaml-syntax", "a quote is not closed", ""),
    ("did not find expected <document start>", "yaml-documents", "something follows the end of the document", ""),
    ("did not find expected node content", "yaml-syntax", "a value is expected here",
     "check that every `[` and `{` is closed"),
)  # fmt: skip


def explain(problem: str, at: str) -> Diagnostic:
    """libyaml's complaint in our words; `at` is the character that it is at."""
    if at == "\t":
        problem = _PLAIN_WORDS[0][0]
    for words, code, message, hint in _PLAIN_WORDS:
        if words in problem:
            return Diagnostic(code, message, hint=hint)
    return Diagnostic("yaml-syntax", problem or "this is not YAML")
