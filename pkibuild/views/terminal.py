"""Text for a terminal: colours, columns, and values that cannot take the terminal over."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pkibuild.core.values import Record

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "bold": "1", "dim": "2"}


class Style(Record):
    """Paints text, or leaves it as it is where colour is not wanted."""

    enabled: bool = False

    def __call__(self, text: str, *colours: str) -> str:
        if not self.enabled or not colours or not text:
            return text
        codes = ";".join(_COLOURS[colour] for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m"


PLAIN = Style()


def visible(text: str) -> str:
    """`text` on one line, with all that a terminal would obey or hide written out (`\\x1b`, `\\u202e`).

    Control characters (Unicode category C, which has the bidirectional and zero-width ones too) and line and paragraph
    separators are written out; letters of every script stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(character) if _is_hidden(character) else character for character in text)


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def _written_out(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or _escape(ord(character))


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible_line(text: str) -> str:
    """As `visible`, for a line of a file: tabs stay."""
    return "\t".join(visible(part) for part in text.split("\t"))


def width(text: str) -> int:
    """How many columns `text` takes on a terminal: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pad(text: str, columns: int) -> str:
    """`text`, filled up with blanks on the right."""
    return text + " " * (columns - width(text))


def table(rows: Sequence[Sequence[str]], gap: int = 2) -> list[str]:
    """Lines with aligned columns; nothing after the last one."""
    if not rows:
        return []
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    blank = " " * gap
    return [blank.join(pad(cell, columns) for cell, columns in zip(row, widths, strict=True)).rstrip() for row in rows]
