"""YAML 1.2: values of every type as flow scalars and collections; in quotes or in a block scalar, text.

The output is followed character by character, to know whether a value is a node of its own, in quotes, in a comment, in
a block scalar (`|`, `>`), or part of a plain scalar, where only harmless characters are accepted.
"""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec.structs import replace

from pkibuild.core.values import Record
from pkibuild.rendering.languages.base import (
    AFTER_BACKSLASH,
    BLANK,
    ENDS,
    Language,
    NotRepresentable,
    refuse_controls,
    text_of,
)
from pkibuild.rendering.languages.data import plain_data

_SAFE = re.compile(r"[A-Za-z0-9_/.\-]*")
_BLOCK = re.compile(r"(^|.*[ \t])[|>][0-9+-]{0,2}[ \t]*(#.*)?")

_PARTS = re.compile(r"""[^\s#"'\[\]{},\\]+|.""", re.DOTALL)
"""Characters that may change the context, and the text between them."""

_KEY_LIMIT = 90
"""YAML allows 1024 in a key on one line, and an escaped character takes ten."""


class YamlState(Record):
    line: str = ""
    quote: str = ""
    """The open quote, or `#` in a comment."""
    token: str = ""
    """The plain scalar so far."""
    flow: int = 0
    """Open brackets."""
    indent: int = 0
    """Of the last line with content."""
    block: bool = False
    """In or right before a block scalar whose lines are indented by more than `indent`."""
    open: bool = False
    """The last line ended in a plain scalar, which a deeper line would continue."""
    skip: bool = False


class Yaml(Language[YamlState]):
    def start(self) -> YamlState:
        return YamlState()

    def advance(self, state: YamlState, text: str) -> YamlState:
        first, *others = text.split("\n")
        state = _along(state, first)
        for line in others:
            state = _along(_line_end(state), line)
        return state

    def encode(self, state: YamlState, value: Any, after: str) -> str:
        if state.quote == "#" or _in_block(state):
            return _verbatim(text_of(value), state, after)
        if state.skip:
            raise NotRepresentable(AFTER_BACKSLASH)
        if state.quote:
            text = _verbatim(text_of(value), state, after)
            return dumped(text)[1:-1] if state.quote == '"' else text.replace("'", "''")
        before = state.line[-1:]
        follows = after in ENDS or after in BLANK or after == ":" or (state.flow and after in ",]}")
        if after == ":" and len(str(value)) > _KEY_LIMIT:
            raise NotRepresentable(f"a key has at most {_KEY_LIMIT} characters")
        if not state.token and not _continues(state) and (before in ("", *BLANK) or state.flow) and follows:
            return dumped(value)
        text = text_of(value)
        if _SAFE.fullmatch(text):
            return text
        raise NotRepresentable("it is part of other text; make it a value of its own, or put quotes around the whole")


def _verbatim(text: str, state: YamlState, after: str) -> str:
    refuse_controls(text)
    if state.quote != "#" and (text != text.strip() or not text) and (not state.line.strip() or after in ENDS):
        raise NotRepresentable(
            "white space at the edge of a line would be lost, or change the meaning of the next line"
        )
    return text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _in_block(state: YamlState) -> bool:
    return state.block and (not state.line.strip() or _indent(state.line) > state.indent)


def _continues(state: YamlState) -> bool:
    """Whether a token here would continue the plain scalar of the line before."""
    return state.open and not state.flow and not state.line.strip() and len(state.line) > state.indent


def _line_end(state: YamlState) -> YamlState:
    line = state.line
    if state.quote in ('"', "'"):
        return replace(state, line="", skip=False)
    if not line.strip():
        return replace(state, line="", quote="", token="")
    if _in_block(state):
        return replace(state, line="", quote="")
    opened = _BLOCK.fullmatch(line) is not None and state.flow == 0
    plain = bool(state.token) and not state.token.endswith(":")
    return YamlState(flow=state.flow, indent=_indent(line), block=opened, open=plain and not opened)


def _along(state: YamlState, text: str) -> YamlState:
    """The state after more of a line."""
    quote, token, flow, block, skip = state.quote, state.token, state.flow, state.block, state.skip
    line, last = state.line + text, state.line[-1:]
    for part in _PARTS.findall(text):
        if quote == "#":  # to the end of the line
            break
        if block and not part.isspace():
            if _indent(line) > state.indent:
                break
            block = False  # a line that is indented less ends the block
        if block or skip:
            skip = False
        elif quote:
            if part == quote:
                quote, token = "", '"'  # what follows a quoted scalar is not a new one
            skip = quote == '"' and part == "\\"
        elif part == "#" and last in ("", *BLANK):
            quote = "#"
        elif part in BLANK:
            if token in ("-", "?", ":") or token.endswith(":") or token[:1] in ("!", "&"):
                token = ""
        elif part in "\"'" and not token:
            quote = part
        elif part in "[{" and (flow or not token):
            flow, token = flow + 1, ""
        elif flow and part in ",]}":
            flow, token = flow - (part != ","), ""
        else:
            token += part
        last = part
    return YamlState(line, quote, token, flow, state.indent, block, state.open, skip)


def dumped(value: Any) -> str:
    """A value in flow style on one line."""
    return _dumped(plain_data(value))


def _dumped(value: Any) -> str:
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_dumped(key)}: {_dumped(below)}" for key, below in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_dumped, value)) + "]"
    return json.dumps(value)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if " " <= char <= "~" else f"\\U{ord(char):08x}"
