"""What all languages share."""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, Generic, TypeVar

State = TypeVar("State")

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line and paragraph separators, and halves of surrogate pairs: no language here says them."""

BLANK = " \t"
ENDS = ("", "\n", "\r")
"""What follows a value that ends its line."""

AFTER_BACKSLASH = "it stands right after a backslash, which would change its first character"


class Refused(Exception):
    """A value that cannot be said where it stands. The message is the reason, in lower case.

    `of_any` is the reason in words that tell nothing of the value, for a secret.
    """

    def __init__(self, reason: str, of_any: str = "") -> None:
        super().__init__(reason)
        self.of_any = of_any or reason


def refuse_controls(value: str) -> None:
    if value.isprintable():  # none of them is, and this is told in a fraction of the time
        return
    found = CONTROL.search(value)
    if found is not None:
        if found[0] in "\n\r\x85\u2028\u2029":
            raise Refused("it contains a line break")
        raise Refused(f"it contains the control character U+{ord(found[0]):04X}", "it contains a control character")


def text_of(value: Any) -> str:
    """The text of a string or a whole number. Raises Refused for any other value."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise Refused("there is no value")
    if isinstance(value, bool):
        raise Refused("it is true or false; say what is meant: `{{ 'on' if x else 'off' }}`")
    raise Refused(f"it is no text but {called(value)}; use a loop for lists, `.name` for mappings")


def called(value: Any) -> str:
    """What kind of value it is, in the words of the manifest."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


_KINDS = (
    (str, "text"), (bool, "true or false"), (int | float, "a number"), (dict, "a mapping"), (list | tuple, "a list"),
    (NoneType, "nothing"),
)  # fmt: skip


class Language(Generic[State]):
    """One target language. Objects hold nothing; the state is handed in and out."""

    def start(self) -> State:
        raise NotImplementedError

    def advance(self, state: State, text: str) -> State:
        """The state after `text` was put out."""
        raise NotImplementedError

    def say(self, state: State, value: Any, after: str) -> str:
        """The text that says `value` here. `after` is the next character, empty at the end. Raises Refused."""
        raise NotImplementedError


class Lines(Language[str]):
    """A language whose lines stand for themselves: the state is what the current line holds so far."""

    def start(self) -> str:
        return ""

    def advance(self, state: str, text: str) -> str:
        cut = text.rfind("\n")
        return state + text if cut < 0 else text[cut + 1 :]

    def say(self, state: str, value: Any, after: str) -> str:
        text = value if isinstance(value, str) else text_of(value)
        refuse_controls(text)
        return self.word(state, text, after)

    def word(self, line: str, value: str, after: str) -> str:
        raise NotImplementedError


def stands_alone(line: str, after: str) -> bool:
    """Whether a value has blanks or a line's edge on both sides."""
    return (not line or line[-1] in BLANK) and (after in ENDS or after in BLANK)
