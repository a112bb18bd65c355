"""Languages without quoting."""

from __future__ import annotations

import re

from pkibuild.rendering.languages.base import ENDS, Lines, Refused

_WORD = re.compile(r"[A-Za-z0-9_./:@+=,\-]*")


class Text(Lines):
    """Free text: everything but control characters and line breaks."""

    def word(self, line: str, value: str, after: str) -> str:  # noqa: ARG002 - the place does not matter here
        return value


class Words(Lines):
    """Whatever has no language of its own here: values of letters, digits and `_./:@+=,-` only, but for comments.

    Good for systemd units, xinetd, inetd and other formats whose quoting differs from program to program.
    """

    def word(self, line: str, value: str, after: str) -> str:
        if line.startswith("#") and not (value.endswith("\\") and after in ENDS):  # it could join the next line
            return value
        if not _WORD.fullmatch(value):
            raise Refused("only letters, digits and `_./:@+=,-` can stand here")
        if value.startswith("-") and (not line or line[-1] in " \t="):
            raise Refused("it begins with `-` and would be taken for an option")
        return value


class Ini(Lines):
    """`name = value` to the end of the line, without quoting or escapes, blanks at the ends cut off (stunnel)."""

    def word(self, line: str, value: str, after: str) -> str:
        if line.lstrip()[:1] in ("#", ";") and line.strip():
            return value
        if not line.strip() and not re.fullmatch(r"[A-Za-z0-9_.\-]+", value):
            raise Refused("at the beginning of a line only letters, digits and `_.-` can stand")
        if line.lstrip().startswith("[") and not re.fullmatch(r"[A-Za-z0-9_.\- ]+", value):
            raise Refused("a section's name has only letters, digits, blanks and `_.-`")
        if value != value.lstrip() and line.rstrip(" \t").endswith("="):
            raise Refused("blanks at its beginning would be lost")
        if value != value.rstrip() and after in ENDS:
            raise Refused("blanks at its end would be lost")
        if value.endswith("\\"):
            raise Refused("a backslash at its end could join the next line")
        return value
