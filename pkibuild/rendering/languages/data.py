"""JSON (RFC 8259): values of every type can be said."""

from __future__ import annotations

import json
import re
from typing import Any

from pkibuild.rendering.languages.base import AFTER_BACKSLASH, Language, Refused, refuse_controls, text_of


def plain_data(value: Any) -> Any:
    """The value as plain data. Raises Refused for what no data format says."""
    if isinstance(value, str):
        refuse_controls(value)
        return value[:]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, dict):
        return {plain_data(key): plain_data(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(below) for below in value]
    raise Refused(f"a {type(value).__name__} is no data")


def _dumped(value: Any) -> str:
    return json.dumps(plain_data(value), ensure_ascii=True, allow_nan=False, sort_keys=True)


_TURN = {"": re.compile('"'), '"': re.compile(r'["\\]')}
"""By the state of `Json`: what changes it."""
_AFTER = {("", '"'): '"', ('"', '"'): "", ('"', "\\"): "\\"}


class Json(Language[str]):
    """The state: empty, a quote within a string, a backslash after one within a string."""

    def start(self) -> str:
        return ""

    def advance(self, state: str, text: str) -> str:
        at = 0
        while at < len(text):
            if state == "\\":
                state, at = '"', at + 1
                continue
            found = _TURN[state].search(text, at)
            if found is None:
                break
            state, at = _AFTER[state, found[0]], found.end()
        return state

    def say(self, state: str, value: Any, after: str) -> str:  # noqa: ARG002 - JSON has punctuation of its own
        if not state:
            return _dumped(value)
        if state == "\\":
            raise Refused(AFTER_BACKSLASH)
        return _dumped(text_of(value))[1:-1]
