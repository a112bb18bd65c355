"""What is told to the user when something is wrong: places, diagnostics, and the one error type.

Every stage reports a problem as a `Diagnostic` with a *place*: the path of keys in the manifest, such as
`("hosts", "myhost", "issuer")`. Only when it is shown is a place turned into a `Span` (file, line and column),
so that a manifest without problems never pays for positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.values import Record

Place = tuple[str | int, ...]
Severity = Literal["error", "warning"]


class Span(Record):
    """A stretch of one line of a file. Lines and columns count from 1, columns and length in characters."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""
    """The whole line, secrets masked, without its line end."""


class Diagnostic(Record):
    """One problem. `code` is stable and documented; `message` is lower case, the user's values in backticks."""

    code: str
    message: str
    place: Place | None = None
    hint: str = ""
    severity: Severity = "error"
    span: Span | None = None
    related: tuple[tuple[str, Place], ...] = ()
    """Further places, each with what it is (`first declared here`)."""
    related_spans: tuple[tuple[str, Span], ...] = ()
    at_key: bool = False
    """True when the place's key is meant (an unknown field), not its value."""

    def at(self, span: Span | None) -> Diagnostic:
        return replace(self, span=span)

    def located(self, locate: Callable[[Place, bool], Span | None]) -> Diagnostic:
        """The same with its places looked up: `locate(place, at_key)`."""
        span = locate(self.place, self.at_key) if self.span is None and self.place is not None else self.span
        found = tuple((what, there) for what, place in self.related if (there := locate(place, False)))
        return replace(self, span=span, related=(), related_spans=(*self.related_spans, *found))


def warning(code: str, message: str, place: Place | None = None, hint: str = "") -> Diagnostic:
    return Diagnostic(code, message, place, hint, "warning")


class UserError(Exception):
    """Ends a command because of what the user gave it; `cli` alone catches it and shows its diagnostics."""

    def __init__(self, *diagnostics: Diagnostic, status: int = 1) -> None:
        super().__init__(*diagnostics)  # all of them, so that it can be sent to another process
        self.diagnostics = diagnostics
        self.status = status

    def __str__(self) -> str:
        return self.diagnostics[0].message if self.diagnostics else ""


def fail(code: str, message: str, place: Place | None = None, hint: str = "", status: int = 1) -> UserError:
    return UserError(Diagnostic(code, message, place, hint), status=status)


class Problems(Struct):
    """Collects a run's diagnostics, so that all are shown together."""

    found: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        hint: str = "",
        related: tuple[tuple[str, Place], ...] = (),
        at_key: bool = False,
    ) -> None:
        self.found.append(Diagnostic(code, message, place, hint, "error", None, related, (), at_key))

    def warn(self, code: str, message: str, place: Place | None = None, hint: str = "") -> None:
        self.found.append(warning(code, message, place, hint))

    def extend(self, more: Iterable[Diagnostic]) -> None:
        self.found.extend(more)

    @property
    def errors(self) -> list[Diagnostic]:
        return [one for one in self.found if one.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [one for one in self.found if one.severity == "warning"]

    def raise_errors(self) -> None:
        """Raise `UserError` with everything found, warnings too, if there is an error among it."""
        if self.errors:
            raise UserError(*self.found)


def nearest(word: str, valid: Iterable[str]) -> str:
    """The valid name that `word` most likely means, or the empty string."""
    if len(word) > 100:
        return ""
    import difflib

    close = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.6)
    return close[0] if close else ""
