"""POSIX shell scripts (IEEE 1003.1, "Quoting")."""

from __future__ import annotations

import re
from typing import Any

from pkibuild.core.values import Record
from pkibuild.rendering.languages.base import Language, NotRepresentable, refuse_controls, text_of

_BARE = re.compile(r"[A-Za-z0-9_@%+:,./\-]+")


_PARTS = re.compile(r"""[^\s\\"'#`$(<{;&|)]+|.""", re.DOTALL)
"""Characters that may change the context, and the text between them."""


class ShellState(Record):
    quote: str = ""
    """The open quote, `#` in a comment, `\\\\` after a backslash."""
    begins: bool = True
    """A word may begin here."""
    nested: bool = False
    """After a command substitution or a here-document: from there on only harmless characters are accepted."""
    last: str = ""


class Shell(Language[ShellState]):
    def start(self) -> ShellState:
        return ShellState()

    def advance(self, state: ShellState, text: str) -> ShellState:
        quote, begins, nested, last = state.quote, state.begins, state.nested, state.last
        skip = False
        for part in _PARTS.findall(text):
            if skip:
                skip, begins = False, False
            elif quote == "#":
                if part == "\n":
                    quote, begins = "", True
            elif quote == "'":
                if part == "'":
                    quote = ""
            elif part == "\\":
                skip = True
            elif quote == '"':
                if part == '"':
                    quote = ""
                nested = nested or part == "`" or last + part == "$("
            elif part in "\"'":
                nested = nested or last == "$"
                quote, begins = part, False
            elif part == "#" and begins:
                quote = "#"
            else:
                nested = nested or part == "`" or last + part in ("$(", "<<", "${")
                begins = part in " \t\n;&|()"
            last = "" if skip else part[-1]
        if skip:
            nested = True
        return ShellState(quote, begins, nested, last)

    def encode(self, state: ShellState, value: Any, after: str) -> str:  # noqa: ARG002 - a shell joins adjacent words
        text = text_of(value)
        refuse_controls(text)
        if state.quote == "#":
            return text
        if state.nested or state.last == "$":
            if not _BARE.fullmatch(text):
                raise NotRepresentable(
                    "after `$`, `$(…)` or a here-document only letters, digits and `_@%+:,./-` are allowed"
                )
            return text
        if state.quote == "'":
            return text.replace("'", "'\\''")
        if state.quote == '"':
            return re.sub(r'([\\"$`])', r"\\\1", text)
        if _BARE.fullmatch(text):
            return text
        return "'" + text.replace("'", "'\\''") + "'"
