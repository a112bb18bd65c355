"""JSON (RFC 8259): values of every type can be represented."""

from __future__ import annotations

import json
import re
from typing import Any

from pkibuild.rendering.languages.base import AFTER_BACKSLASH, Language, NotRepresentable, refuse_controls, text_of


def plain_data(value: Any) -> Any:
    """The value as plain data. Raises NotRepresentable for what a data format cannot represent."""
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
    raise NotRepresentable(f"a {type(value).__name__} is not plain data")


def _dumped(value: Any) -> str:
    return json.dumps(plain_data(value), ensure_ascii=True, allow_nan=False, sort_keys=True)


_DELIMITERS = {"": re.compile('"'), '"': re.compile(r'["\\]')}
"""By the state of `Json`: what changes it."""
_AFTER = {("", '"'): '"', ('"', '"'): "", ('"', "\\"): "\\"}


class Json(Language[str]):
    """The state: empty, a quote inside a string, a backslash after a backslash inside a string."""

    def start(self) -> str:
        return ""

    def advance(self, state: str, text: str) -> str:
        at = 0
        while at < len(text):
            if state == "\\":
                state, at = '"', at + 1
                continue
            match = _DELIMITERS[state].search(text, at)
            if match is None:
                break
            state, at = _AFTER[state, match[0]], match.end()
        return state

    def encode(self, state: str, value: Any, after: str) -> str:  # noqa: ARG002 - JSON has punctuation of its own
        if not state:
            return _dumped(value)
        if state == "\\":
            raise NotRepresentable(AFTER_BACKSLASH)
        return _dumped(text_of(value))[1:-1]
