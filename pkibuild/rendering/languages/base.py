"""The interface of a language, and what several of them use."""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, Generic, TypeVar

State = TypeVar("State")

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line and paragraph separators, and halves of surrogate pairs: no language accepts them."""

BLANK = " \t"
ENDS = ("", "\n", "\r")
"""What follows a value at the end of its line."""

AFTER_BACKSLASH = "it follows a backslash, which would change its first character"


class NotRepresentable(Exception):
    """A value that the language cannot represent in its context. The message is the reason, in lower case.

    `without_value` is a reason that reveals nothing of the value, for a secret.
    """

    def __init__(self, reason: str, without_value: str = "") -> None:
        super().__init__(reason)
        self.without_value = without_value or reason


def refuse_controls(value: str) -> None:
    """Raise NotRepresentable for a value with a character of `CONTROL`."""
    if value.isprintable():  # none of them is printable, and this takes a fraction of the time
        return
    match = CONTROL.search(value)
    if match is not None:
        if match[0] in "\n\r\x85\u2028\u2029":
            raise NotRepresentable("it contains a line break")
        raise NotRepresentable(
            f"it contains the control character U+{ord(match[0]):04X}", "it contains a control character"
        )


def text_of(value: Any) -> str:
    """The text of a string or a whole number. Raises NotRepresentable for any other value."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise NotRepresentable("there is no value")
    if isinstance(value, bool):
        raise NotRepresentable("it is true or false; write what is meant: `{{ 'on' if x else 'off' }}`")
    raise NotRepresentable(f"it is {kind_of(value)}, not text; use a loop for lists, `.name` for mappings")


def kind_of(value: Any) -> str:
    """The kind of a value with its article: `a list`."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


_KINDS = (
    (str, "text"), (bool, "true or false"), (int | float, "a number"), (dict, "a mapping"), (list | tuple, "a list"),
    (NoneType, "nothing"),
)  # fmt: skip


class Language(Generic[State]):
    """One target language. Objects have no state of their own; it is passed in and returned."""

    def start(self) -> State:
        raise NotImplementedError

    def advance(self, state: State, text: str) -> State:
        """The state after `text` was output."""
        raise NotImplementedError

    def encode(self, state: State, value: Any, after: str) -> str:
        """The text that represents `value` here. `after` is the next character, empty at the end.

        Raises NotRepresentable.
        """
        raise NotImplementedError


class Lines(Language[str]):
    """A language whose lines are independent: the state is the current line so far."""

    def start(self) -> str:
        return ""

    def advance(self, state: str, text: str) -> str:
        cut = text.rfind("\n")
        return state + text if cut < 0 else text[cut + 1 :]

    def encode(self, state: str, value: Any, after: str) -> str:
        text = value if isinstance(value, str) else text_of(value)
        refuse_controls(text)
        return self.word(state, text, after)

    def word(self, line: str, value: str, after: str) -> str:
        """The text that represents `value` after `line`. Raises NotRepresentable."""
        raise NotImplementedError


def stands_alone(line: str, after: str) -> bool:
    """Whether a value has white space or an end of the line on both sides."""
    return (not line or line[-1] in BLANK) and (after in ENDS or after in BLANK)
