"""Diagnostics in text (`pki.yaml:14:11: error[unknown-issuer]: …`, with the line and carets) and as JSON values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pkibuild.core.diagnostics import Diagnostic, Span
from pkibuild.core.times import plural
from pkibuild.views.terminal import PLAIN, Style, visible, visible_line, width

_LONGEST_LINE = 160
"""More characters than this of a line are not shown."""


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """As people read them: by file, line and column; what has no place comes last, and nothing twice."""
    once = dict.fromkeys(diagnostics)
    return sorted(once, key=_position)


def _position(one: Diagnostic) -> tuple[bool, str, int, int, bool]:
    span = one.span
    if span is None:
        return (True, "", 0, 0, one.severity == "warning")
    return (False, span.file, span.line, span.column, one.severity == "warning")


def text(diagnostics: Iterable[Diagnostic], style: Style = PLAIN) -> str:
    """All diagnostics, in order, each ended by a newline; empty when there is none."""
    return "".join(_one(one, style) for one in in_order(diagnostics))


def _one(one: Diagnostic, style: Style) -> str:
    colour = "red" if one.severity == "error" else "yellow"
    head = f"{style(f'{one.severity}[{one.code}]', 'bold', colour)}: {visible(one.message)}"
    if one.span is None:
        lines = [head]
    else:
        lines = [f"{style(_where(one.span), 'bold')}: {head}", *_excerpt(one.span, colour, style)]
    for what, span in one.related_spans:
        lines += [f"  {_where(span)}: {visible(what)}", *_excerpt(span, "blue", style)]
    if one.hint:
        lines.append(f"  {style('hint', 'cyan')}: {visible(one.hint)}")
    return "\n".join(lines) + "\n"


def _where(span: Span) -> str:
    return f"{visible(span.file)}:{span.line}:{span.column}"


def _excerpt(span: Span, colour: str, style: Style) -> list[str]:
    """The line with its number, and carets below what is meant."""
    if not span.text:
        return []
    start = min(span.column - 1, len(span.text))  # a line that is masked may end before what is meant
    cut = max(0, start - _LONGEST_LINE // 2)
    line = span.text[cut : cut + _LONGEST_LINE]
    before, meant = line[: start - cut], line[start - cut : start - cut + max(1, span.length)]
    lead = "…" if cut else ""
    shown = lead + visible_line(line) + ("…" if len(span.text) > cut + _LONGEST_LINE else "")
    # A tab is as wide below as above only if it stands below as well.
    blank = lead + visible_line(before)
    under = "".join("\t" if character == "\t" else " " * width(character) for character in blank)
    carets = "^" * max(1, width(visible(meant)))
    number = f"{span.line:>5}"
    return [f"{number} | {shown}", f"{' ' * len(number)} | {under}{style(carets, colour)}"]


def counted(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; `no problems` when there is none."""
    found = list(dict.fromkeys(diagnostics))
    errors = sum(1 for one in found if one.severity == "error")
    parts = [plural(count, what) for count, what in ((errors, "error"), (len(found) - errors, "warning")) if count]
    return ", ".join(parts) or "no problems"


def value(one: Diagnostic) -> dict[str, Any]:
    """A diagnostic for JSON."""
    shown: dict[str, Any] = {"severity": one.severity, "code": one.code, "message": one.message}
    if one.hint:
        shown["hint"] = one.hint
    if one.span is not None:
        shown |= _span(one.span)
    if one.place is not None:
        shown["place"] = list(one.place)
    if one.related_spans:
        shown["related"] = [{"message": what, **_span(span)} for what, span in one.related_spans]
    return shown


def _span(span: Span) -> dict[str, Any]:
    return {"file": span.file, "line": span.line, "column": span.column, "length": span.length}


def values(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    return [value(one) for one in in_order(diagnostics)]
