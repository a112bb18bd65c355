"""The configuration files of the HTTP server of the Apache Software Foundation, 2.4.

Source: its manual, "Configuration Files" (syntax), and `ap_getword_conf` and `ap_resolve_env` in server/util.c and
server/core.c: words are separated by spaces and tabs; a word that begins with `"` or `'` ends at the next such quote
which has no backslash before it; in it a doubled backslash is a backslash, and backslash-quote the quote. `${NAME}` is
replaced everywhere and cannot be escaped. A backslash at the end of a line joins the next.
"""

from __future__ import annotations

import re

from pkibuild.rendering.languages.base import AFTER_BACKSLASH, BLANK, ENDS, Lines, NotRepresentable, stands_alone

_BARE = re.compile(r"[A-Za-z0-9._:/@+=,~*?&;!\[\]()^\-]*")


class Httpd(Lines):
    def advance(self, state: str, text: str) -> str:
        cut = text.rfind("\n")
        while cut >= 0:
            before = text[cut - 1] if cut else state[-1:]
            if before != "\\":
                return text[cut + 1 :]
            cut = text.rfind("\n", 0, cut)
        return state + text

    def word(self, line: str, value: str, after: str) -> str:
        if value and _BARE.fullmatch(value):
            return value
        if line.lstrip(BLANK).startswith("#"):
            if value.endswith("\\") and after in ENDS:
                raise NotRepresentable("a backslash at the end of a comment can join the next line")
            return value
        if "${" in value or (value.startswith("{") and line.endswith("$")) or (value.endswith("$") and after == "{"):
            raise NotRepresentable("`${` begins a variable, and it cannot be escaped")
        quote = open_quote(line)
        if quote:
            if (len(line) - len(line.rstrip("\\"))) % 2:
                raise NotRepresentable(AFTER_BACKSLASH)
            return _quoted(value, quote)
        if not stands_alone(line, after):
            if not value:
                return value
            raise NotRepresentable("it needs quotes and is part of a word; put spaces around it in the template")
        if not line.strip(BLANK):
            raise NotRepresentable("it needs quotes, and a directive name cannot be quoted")
        return f'"{_quoted(value, chr(34))}"'


def _quoted(value: str, quote: str) -> str:
    return value.replace("\\", "\\\\").replace(quote, "\\" + quote)


def open_quote(line: str) -> str:
    """The quote that is open at the end of `line`, or the empty string."""
    at, size = 0, len(line)
    while at < size:
        if line[at] in BLANK:
            at += 1
        elif line[at] in "\"'":
            quote = line[at]
            at += 1
            while at < size and line[at] != quote:
                at += 2 if line[at] == "\\" and at + 1 < size and line[at + 1] in (quote, "\\") else 1
            if at >= size:
                return quote
            at += 1
        else:
            while at < size and line[at] not in BLANK:
                at += 1
    return ""
