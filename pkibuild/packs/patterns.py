"""The two small notations of a descriptor: texts with placeholders, and conditions. There is no expression language.

`{options.port}` stands for a value of the context; `{{` and `}}` for braces. A condition `{listen: pop3s}` holds when
the value is, or contains, what is asked for; `true` asks for anything that is set, `false` for nothing or an empty
value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pkibuild.core.values import Record

Path = tuple[str, ...]
"""Where a value is in the context: `("options", "port")`."""
Text = tuple[str | Path, ...]
"""Literal text and paths by turns."""

ROOTS = ("host", "service", "options", "values", "paths", "item", "origin")
"""What the context of a pack consists of."""

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.]*)\}|[{}]")


class Missing(Exception):
    """A placeholder without a value."""


def parse_path(text: str) -> Path:
    """`port` and `options.port` name an option, `platform` the host's platform."""
    parts = tuple(text.split("."))
    if parts == ("platform",):
        return ("host", "platform")
    return parts if parts[0] in ROOTS else ("options", *parts)


def parse_text(text: str) -> Text:
    """A text with its placeholders. Raises ValueError for a brace without a partner or an unknown root."""
    parts: list[str | Path] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[0] in ("{{", "}}"):
            parts.append(found[0][0])
        elif found[1] is None:
            raise ValueError(f"`{found[0]}` stands alone in `{text}`; double it where a brace is meant")
        elif found[1].split(".")[0] not in ROOTS:
            raise ValueError(f"`{{{found[1]}}}` is not a valid placeholder; they begin with {', '.join(ROOTS)}")
        else:
            parts.append(tuple(found[1].split(".")))
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def look_up(context: Mapping[str, Any], path: Path) -> Any:
    """The value at a path of the context; None when there is none."""
    value: Any = context
    for part in path:
        # Nearly every value is a dict, and asking for the abstract class costs more than the look-up.
        if type(value) is not dict and not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def below(path: Path, top: Path) -> Path | None:
    """What of `path` lies below `top`: nothing where it ends at or above it; None where the two part.

    `*` is every name.
    """
    for one, other in zip(path, top, strict=False):
        if one != other and "*" not in (one, other):
            return None
    return path[len(top) :]


def fill(text: Text, context: Mapping[str, Any]) -> str:
    """The text with its placeholders filled in. Raises Missing."""
    if len(text) == 1 and isinstance(text[0], str):
        return text[0]
    done: list[str] = []
    for part in text:
        if isinstance(part, str):
            done.append(part)
            continue
        value = look_up(context, part)
        if not isinstance(value, str):
            if value is None or isinstance(value, bool | Mapping | list | tuple):
                raise Missing(".".join(part))
            value = str(value)
        done.append(value)
    return "".join(done)


def contexts(context: Mapping[str, Any], each: Path) -> Iterator[Mapping[str, Any]]:
    """The context itself, or for `each` one with `item` for every element of that option."""
    if not each:
        yield context
        return
    for item in look_up(context, each) or ():
        yield {**context, "item": item}


class Condition(Record):
    """Every test must hold."""

    tests: tuple[tuple[Path, tuple[Any, ...]], ...] = ()

    def holds(self, context: Mapping[str, Any]) -> bool:
        for path, wanted in self.tests:  # noqa: SIM110 - asked for every rule on every host: a generator costs twice
            if not _matches(look_up(context, path), wanted):
                return False
        return True


ALWAYS = Condition()


def parse_condition(data: Mapping[str, Any] | None) -> Condition:
    """`{listen: pop3s, platform: [debian, redhat]}`: a list means any of its values."""
    tests = (
        (parse_path(key), tuple(want) if isinstance(want, list) else (want,)) for key, want in (data or {}).items()
    )
    return Condition(tuple(tests))


def _matches(value: Any, wanted: tuple[Any, ...]) -> bool:
    for want in wanted:
        if isinstance(want, bool):
            if bool(value) is want:
                return True
        elif value == want or (isinstance(value, list | tuple) and want in value):
            return True
    return False
