"""JSON (RFC 8259) and YAML 1.2, whose flow style has JSON as a subset: values of every type can be said."""

from __future__ import annotations

import json
import re
from typing import Any

from pkibuild.rendering.languages.base import Language, Lines, Refused, refuse_controls, stands_alone, text_of


def _plain(value: Any) -> Any:
    """The value as plain data. Raises Refused for what no data format says."""
    if isinstance(value, str):
        refuse_controls(value)
        return value[:]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {_plain(key): _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below) for below in value]
    raise Refused(f"a {type(value).__name__} is no data")


def _dumped(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=True, allow_nan=False, sort_keys=True)


class Json(Language[bool]):
    """The state: whether the text stands within a string."""

    def start(self) -> bool:
        return False

    def advance(self, state: bool, text: str) -> bool:
        skip = False
        for char in text:
            if skip:
                skip = False
            elif state and char == "\\":
                skip = True
            elif char == '"':
                state = not state
        return state

    def say(self, state: bool, value: Any, after: str) -> str:  # noqa: ARG002 - JSON has punctuation of its own
        return _dumped(text_of(value))[1:-1] if state and not isinstance(value, int) else _dumped(value)


_SAFE = re.compile(r"[A-Za-z0-9_/.\-]*")


class Yaml(Lines):
    def say(self, state: str, value: Any, after: str) -> str:
        if re.search(r"(^|[ \t])#", state):
            return super().say(state, value, after)
        if _ends_open(state):
            return _dumped(text_of(value))[1:-1] if isinstance(value, str) else text_of(value)
        before = state.rstrip(" \t")
        alone = stands_alone(state, after) or after in ",]}:"
        if alone and (not before or before.endswith((":", "-", "[", ",", "{"))):
            return _dumped(value)
        return super().say(state, value, after)

    def word(self, line: str, value: str, after: str) -> str:  # noqa: ARG002 - only the value matters here
        if re.search(r"(^|[ \t])#", line) or _SAFE.fullmatch(value):
            return value
        raise Refused(
            "it stands within other text; let it be a value of its own, or put double quotes around the whole"
        )


def _ends_open(line: str) -> bool:
    """Whether the line's end stands within double quotes."""
    inside = skip = False
    for char in line:
        if skip:
            skip = False
        elif inside and char == "\\":
            skip = True
        elif char == '"':
            inside = not inside
    return inside
