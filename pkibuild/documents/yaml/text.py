"""From bytes to text: what a YAML file may consist of, refused where a reviewer and the parser would see two things."""

from __future__ import annotations

import re

from pkibuild.core.diagnostics import Diagnostic, Span, UserError

LIMIT = 32 * 1024 * 1024
"""The most bytes of one document."""

_BREAKS = "\x85\u2028\u2029"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_FORBIDDEN = re.compile(
    "\r(?!\n)" + rf"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_BREAKS[1:]}{_BIDI}\ufeff\ufffe\uffff]"  # YAML 1.2.2, 5.1
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def decode(data: bytes, file: str) -> str:
    """The text of a document without its byte order mark. Raises UserError with the exact place."""
    if len(data) > LIMIT:
        raise UserError(
            Diagnostic(
                "file-too-large",
                f"`{file}` is larger than {LIMIT // 2**20} MiB",
                hint="split it with `include`, or use a name pattern such as `web[001:200]`",
            )
        )
    if data.startswith(_UTF16) or b"\x00" in data[:4]:
        raise _refuse(file, Span(file, 1, 1), "the file is not in UTF-8: it seems to be in UTF-16 or UTF-32")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refuse(file, _span_of_byte(data, error.start, file), "the file is not in UTF-8 here") from None
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise _bad_character(text, found.start(), file)
    return text


def _refuse(file: str, span: Span, message: str) -> UserError:
    return UserError(
        Diagnostic("not-utf-8", message, hint=f"convert it: `iconv -t UTF-8 -f ENCODING {file}`", span=span)
    )


def _span_of_byte(data: bytes, at: int, file: str) -> Span:
    start = data.rfind(b"\n", 0, at) + 1
    column = len(data[start:at].decode("utf-8", "replace").removeprefix("\ufeff")) + 1
    return Span(file, data.count(b"\n", 0, at) + 1, column)


def _bad_character(text: str, at: int, file: str) -> UserError:
    character = text[at]
    start = text.rfind("\n", 0, at) + 1
    if character == "\r" or character in _BREAKS:
        what, hint = "a line end that YAML tools do not agree on", "end lines with LF, or with CR and LF"
    elif re.match(f"[{_BIDI}]", character):
        what, hint = "a character that changes the direction of the text shown", "take it out"
    else:
        what, hint = "a control character", "take it out, or write it as an escape such as `\\x07` in double quotes"
    # The line is not shown: what stands in it is exactly what cannot be shown faithfully.
    span = Span(file, text.count("\n", 0, at) + 1, at - start + 1)
    return UserError(Diagnostic("bad-character", f"U+{ord(character):04X} is {what}", hint=hint, span=span))
