"""YAML 1.2: values of every type as flow scalars and collections, text in quotes or in a block as it stands there.

The text is followed character by character, so that it is known whether a value is a node of its own, stands in quotes,
in a comment, in a block scalar (`|`, `>`), or within a plain scalar, where only harmless characters are taken.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pkibuild.core.values import dataclass, replace
from pkibuild.rendering.languages.base import AFTER_BACKSLASH, BLANK, ENDS, Language, Refused, refuse_controls, text_of
from pkibuild.rendering.languages.data import plain_data

_SAFE = re.compile(r"[A-Za-z0-9_/.\-]*")
_BLOCK = re.compile(r"(^|.*[ \t])[|>][0-9+-]{0,2}[ \t]*(#.*)?")

_PARTS = re.compile(r"""[^\s#"'\[\]{},\\]+|.""", re.DOTALL)
"""Characters that may change where text stands, and whatever is between them."""

_KEY_LIMIT = 90
"""YAML allows 1024 in a key on one line, and an escaped character takes ten."""


@dataclass(frozen=True, slots=True)
class Spot:
    line: str = ""
    quote: str = ""
    """The open quote, or `#` in a comment."""
    token: str = ""
    """The plain scalar so far."""
    flow: int = 0
    """Open brackets."""
    indent: int = 0
    """Of the last line that was not blank."""
    block: bool = False
    """In or right before a block scalar whose lines are indented by more than `indent`."""
    open: bool = False
    """The last line ended in a plain scalar, which a deeper line would go on with."""
    skip: bool = False


class Yaml(Language[Spot]):
    def start(self) -> Spot:
        return Spot()

    def advance(self, state: Spot, text: str) -> Spot:
        first, *others = text.split("\n")
        state = _along(state, first)
        for line in others:
            state = _along(_line_end(state), line)
        return state

    def say(self, state: Spot, value: Any, after: str) -> str:
        if state.quote == "#" or _in_block(state):
            return _as_it_stands(text_of(value), state, after)
        if state.skip:
            raise Refused(AFTER_BACKSLASH)
        if state.quote:
            text = _as_it_stands(text_of(value), state, after)
            return dumped(text)[1:-1] if state.quote == '"' else text.replace("'", "''")
        before = state.line[-1:]
        follows = after in ENDS or after in BLANK or after == ":" or (state.flow and after in ",]}")
        if after == ":" and len(str(value)) > _KEY_LIMIT:
            raise Refused(f"a key has at most {_KEY_LIMIT} characters")
        if not state.token and not _goes_on(state) and (before in ("", *BLANK) or state.flow) and follows:
            return dumped(value)
        text = text_of(value)
        if _SAFE.fullmatch(text):
            return text
        raise Refused("it stands within other text; let it be a value of its own, or put quotes around the whole")


def _as_it_stands(text: str, state: Spot, after: str) -> str:
    refuse_controls(text)
    if state.quote != "#" and (text != text.strip() or not text) and (not state.line.strip() or after in ENDS):
        raise Refused("blanks at the edge of a line would be lost, or change the meaning of others")
    return text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _in_block(state: Spot) -> bool:
    return state.block and (not state.line.strip() or _indent(state.line) > state.indent)


def _goes_on(state: Spot) -> bool:
    """Whether a token here would go on with the plain scalar of the line before."""
    return state.open and not state.flow and not state.line.strip() and len(state.line) > state.indent


def _line_end(state: Spot) -> Spot:
    line = state.line
    if state.quote in ('"', "'"):
        return replace(state, line="", skip=False)
    if not line.strip():
        return replace(state, line="", quote="", token="")
    if _in_block(state):
        return replace(state, line="", quote="")
    opened = _BLOCK.fullmatch(line) is not None and state.flow == 0
    plain = bool(state.token) and not state.token.endswith(":")
    return Spot(flow=state.flow, indent=_indent(line), block=opened, open=plain and not opened)


def _along(state: Spot, text: str) -> Spot:
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
                quote, token = "", '"'  # what follows a quoted scalar is no new one
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
    return Spot(line, quote, token, flow, state.indent, block, state.open, skip)


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
