"""Languages without quoting."""

from __future__ import annotations

import re

from pkibuild.rendering.languages.base import ENDS, Lines, NotRepresentable

_WORD = re.compile(r"[A-Za-z0-9_./:@+=,\-]*")


class Text(Lines):
    """Free text: everything but control characters and line breaks."""

    def word(self, line: str, value: str, after: str) -> str:  # noqa: ARG002 - the context does not matter here
        return value


class Words(Lines):
    """For formats without a language of their own: values of letters, digits and `_./:@+=,-` only, except in comments.

    Suitable for systemd units, xinetd, inetd and other formats whose quoting differs from program to program.
    """

    def word(self, line: str, value: str, after: str) -> str:
        if line.startswith("#") and not (value.endswith("\\") and after in ENDS):  # it could join the next line
            return value
        if not _WORD.fullmatch(value):
            raise NotRepresentable("only letters, digits and `_./:@+=,-` are allowed here")
        if value.startswith("-") and (not line or line[-1] in " \t="):
            raise NotRepresentable("it begins with `-` and would be read as an option")
        return value


class Ini(Lines):
    """`name = value` to the end of the line, without quotes or escapes, white space at both ends dropped (stunnel)."""

    def word(self, line: str, value: str, after: str) -> str:
        if line.lstrip()[:1] in ("#", ";") and line.strip():
            return value
        if not line.strip() and not re.fullmatch(r"[A-Za-z0-9_.\-]+", value):
            raise NotRepresentable("at the beginning of a line only letters, digits and `_.-` are allowed")
        if line.lstrip().startswith("[") and not re.fullmatch(r"[A-Za-z0-9_.\- ]+", value):
            raise NotRepresentable("a section name has only letters, digits, spaces and `_.-`")
        if value != value.lstrip() and line.rstrip(" \t").endswith("="):
            raise NotRepresentable("white space at its beginning would be lost")
        if value != value.rstrip() and after in ENDS:
            raise NotRepresentable("white space at its end would be lost")
        if value.endswith("\\"):
            raise NotRepresentable("a backslash at its end could join the next line")
        return value
