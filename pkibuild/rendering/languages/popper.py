"""The configuration file of the POP server from Qualcomm (`set NAME = VALUE`), after pop_config.c.

Strings are bare words, or enclosed in one of the three quotes `"`, `'` and `` ` `` without any escape; `#` begins a
comment, also after a value; a line has fewer than about a thousand characters; only space and tab are white space.
"""

from __future__ import annotations

import re

from pkibuild.rendering.languages.base import Lines, NotRepresentable, stands_alone

_BARE = re.compile(r"[A-Za-z0-9_./:@+!&*,\-]+")
_VALUE = re.compile(r"[ \t]*set[ \t]+[A-Za-z-]+[ \t]*=[ \t]*", re.IGNORECASE)
LINE_LIMIT = 900


class Popper(Lines):
    def word(self, line: str, value: str, after: str) -> str:
        if len((line + value).encode()) > LINE_LIMIT:
            raise NotRepresentable("its line would be too long for the server (about a thousand characters)")
        if line.lstrip(" \t").startswith("#") or _BARE.fullmatch(value):
            return value
        if not value.isascii():
            raise NotRepresentable("only ASCII characters are allowed here")
        if not (_VALUE.fullmatch(line) and stands_alone(" ", after)):
            raise NotRepresentable("it needs quotes, and is not the whole value after `set NAME =`")
        for quote in "\"'`":
            if quote not in value:
                return f"{quote}{value}{quote}"
        raise NotRepresentable("it contains all three kinds of quotes, and the server has no escapes")
