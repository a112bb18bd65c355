"""Rendering one template with one context: parse and check once, render many times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateSyntaxError, UndefinedError, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from msgspec import Struct, field

from pkibuild.core.diagnostics import Diagnostic, Place, Span, UserError, nearest
from pkibuild.core.values import Record
from pkibuild.rendering.languages import NotRepresentable, find_language
from pkibuild.rendering.languages.base import kind_of
from pkibuild.rendering.located import HIDDEN, is_secret, place_of
from pkibuild.rendering.sandbox import OUTPUT_LIMIT, SOURCE_LIMIT, WORK, NotAllowed, Sandbox, Work, check, instrument

_SHOWN = 60
_WIDTH = 200


class Value(str):
    """The value of a `{{ }}`, before it is encoded in the target language. Text of the template is a plain `str`."""

    __slots__ = ("data",)
    data: Any

    def __str__(self) -> str:  # Jinja puts `str(…)` around what `finalize` returns
        return self


@pass_context  # with a context, Jinja cannot fold constants away: they are values like all others
def _finalize(context: Context, data: Any) -> Value:  # noqa: ARG001 - required by `pass_context`
    if isinstance(data, Undefined):
        data._fail_with_undefined_error()
    value = Value()
    value.data = data
    return value


class Renderer(Struct):
    """Renders templates; keeps each compiled one for the next host."""

    sandbox: Sandbox = field(default_factory=lambda: Sandbox(_finalize))
    compiled: dict[tuple[str, str], Template] = field(default_factory=dict)

    def render(
        self, text: str, language: str, context: Mapping[str, Any], name: str, place: Place | None = None
    ) -> str:
        """The template's text with the context's values encoded in `language` (a key of `LANGUAGES`).

        `name` is the template's file in messages, `place` is where the service is declared. Raises UserError with the
        place of the value or the line of the template that is wrong.
        """
        return _Rendering(self._compiled(text, name, place), context, name, text, place).encoded(language)

    def _compiled(self, text: str, name: str, place: Place | None) -> Template:
        template = self.compiled.get((name, text))
        if template is None:
            template = self.compiled[name, text] = self._compile(text, name, place)
        return template

    def _compile(self, text: str, name: str, place: Place | None) -> Template:
        try:
            if len(text) > SOURCE_LIMIT:
                raise NotAllowed(f"a template of more than {SOURCE_LIMIT} characters")
            tree = self.sandbox.parse(text, name, name)
            check(tree)
            instrument(tree, self.sandbox)
            return Template.from_code(self.sandbox, self.sandbox.compile(tree, name, name), {})
        except TemplateSyntaxError as error:
            raise _template_error(_syntax(error), _span(name, text, error.lineno), place) from None
        except NotAllowed as error:
            raise _template_error(str(error), _span(name, text, error.line), place) from None
        except (RecursionError, MemoryError, SyntaxError):  # the last two come from Python's own compiler
            raise _template_error("expressions are nested too deeply", _span(name, text, 1), place) from None


class _Rendering(Record):
    """One template with one context."""

    template: Template
    context: Mapping[str, Any]
    name: str
    text: str
    place: Place | None

    def pieces(self) -> Any:
        """Jinja's generator for the template: literal text as `str`, the values of `{{ }}` as `Value`."""
        variables = {**self.context, WORK: Work()}
        return self.template.root_render_func(self.template.new_context(variables, shared=True))

    def parts(self) -> tuple[list[str], list[Any]]:
        """The text before each value and after the last, limited in size, and the values. Raises UserError."""
        texts: list[str] = []
        values: list[Any] = []
        text, size = "", 0
        try:
            for piece in self.pieces():
                if type(piece) is Value:
                    texts.append(text)
                    values.append(piece.data)
                    text = ""
                    continue
                text += piece
                size += len(piece)
                if size > OUTPUT_LIMIT:
                    raise NotAllowed(f"the output has more than {OUTPUT_LIMIT} characters")
        except (UndefinedError, SecurityError, NotAllowed, TypeError, ValueError, RecursionError) as error:
            line = self.template.get_corresponding_lineno(_line_in(error.__traceback__, self.template))
            span = _span(self.name, self.text, line)
            raise _template_error(_reason(error, self.context), span, self.place) from None
        return [*texts, text], values

    def encoded(self, language: str) -> str:
        """The text, every value encoded in the language. Raises UserError."""
        encoder = find_language(language)
        texts, values = self.parts()
        state = encoder.start()
        output: list[str] = []
        for index, value in enumerate(values):
            before, behind = texts[index], texts[index + 1]
            if before:
                output.append(before)
                state = encoder.advance(state, before)
            after = behind[0] if behind else "x" if index + 1 < len(values) else ""  # another value is not a space
            try:
                piece = encoder.encode(state, value, after)
            except NotRepresentable as reason:
                span = _span(self.name, self.text, self.line(index))
                raise _unsafe_value(value, reason, language, span, self.place) from None
            output.append(piece)
            state = encoder.advance(state, piece)
        output.append(texts[-1])
        return "".join(output)

    def line(self, index: int) -> int:
        """The template's line of a value. Needed only for a message, so the pieces are generated once more."""
        pieces = self.pieces()
        values = (one for one in pieces if isinstance(one, Value))
        next(islice(values, index, None))
        return self.template.get_corresponding_lineno(pieces.gi_frame.f_lineno)


def _line_in(trace: TracebackType | None, template: Template) -> int:
    """The line of the compiled template in a traceback."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is template:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _syntax(error: TemplateSyntaxError) -> str:
    """Jinja's message in the style of ours."""
    message = error.message or "invalid syntax"
    return f"{message[0].lower()}{message[1:].rstrip('.')}".replace("'", "`")


def _reason(error: Exception, context: Mapping[str, Any]) -> str:
    if isinstance(error, NotAllowed):
        return str(error)
    if isinstance(error, UndefinedError):
        words = re.sub(
            "'.* object' has no (attribute|element) ", "there is no ", error.message or "something is undefined"
        )
        words = words.replace("'", "`")
        missing = words.split("`")[1] if words.count("`") >= 2 else ""
        near = nearest(missing, context) if missing else ""
        return f"{words}; did you mean `{near}`?" if near else words
    if isinstance(error, RecursionError):
        return "expressions are nested too deeply"
    return f"the template cannot be rendered: {error}".lower()


def _span(name: str, text: str, line: int | None) -> Span:
    rows = text.splitlines()
    line = min(max(line or 1, 1), max(len(rows), 1))
    row = rows[line - 1][:_WIDTH] if rows else ""
    indent = len(row) - len(row.lstrip())
    return Span(name, line, indent + 1, max(len(row.strip()), 1), row)


def _template_error(message: str, span: Span, place: Place | None) -> UserError:
    related = (("used here", place),) if place else ()
    return UserError(Diagnostic("template", message, None, "", "error", span, related))


def _shown(data: Any) -> str:
    """A value in backticks, shortened, on one line; for a list or mapping only its kind."""
    if not isinstance(data, str | int):
        return kind_of(data)
    shown = HIDDEN if is_secret(data) else str(data)
    shown = shown.encode("unicode_escape").decode() if not shown.isprintable() else shown
    return f"`{shown[:_SHOWN]}…`" if len(shown) > _SHOWN else f"`{shown}`"


def _unsafe_value(data: Any, refused: NotRepresentable, language: str, span: Span, place: Place | None) -> UserError:
    reason = refused.without_value if is_secret(data) else str(refused)
    message = f"{_shown(data)} cannot be represented in {language} syntax: {reason}"
    at = place_of(data)
    if at is None:
        return UserError(
            Diagnostic(
                "unsafe-value", message, place, "", "error", None if place else span, (), (("written here", span),)
            )
        )
    return UserError(Diagnostic("unsafe-value", message, at, related_spans=(("written here", span),)))
