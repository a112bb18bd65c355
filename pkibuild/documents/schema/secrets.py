"""Which values of a document must never be shown: what a key names as a secret, unless it says where one is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pkibuild.core.diagnostics import Place

SECRET_NAME = re.compile(
    r"pas{1,2}[ _-]?(?:ph?ras|wor?d|wd\b|code)|secret|token|credential|(?:^|[_-])pin$|(?:^|[_-])psk$", re.IGNORECASE
)
_SOURCES = {
    "env": lambda value: isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) is not None,
    "file": lambda value: isinstance(value, str),
    "command": lambda value: isinstance(value, list),
    "prompt": lambda value: isinstance(value, bool),
}
"""How a secret's source is written (manifest.md). What is not written so may be the secret itself."""

Secret = tuple[Place, bool]
"""A place, and whether its key is meant instead of its value."""


def secrets_in(data: Any, also: Callable[[Place], bool], place: Place = ()) -> Iterator[Secret]:
    """Every place of `data` that must be masked; `also` knows further ones (options that a pack calls secret)."""
    if isinstance(data, dict):
        for key, value in data.items():
            below = (*place, key)
            if also(below):
                yield from _leaves(value, below)
            elif SECRET_NAME.search(key):
                yield from _beyond_source(value, below)
            else:
                yield from secrets_in(value, also, below)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            if also((*place, number)):
                yield from _leaves(value, (*place, number))
            else:
                yield from secrets_in(value, also, (*place, number))


def _beyond_source(value: Any, place: Place) -> Iterator[Secret]:
    if not isinstance(value, dict):
        yield from _leaves(value, place)
        return
    for key, item in value.items():
        known = _SOURCES.get(key)
        if known is None:
            yield (*place, key), True
        if known is None or not known(item):
            yield from _leaves(item, (*place, key))


def _leaves(value: Any, place: Place) -> Iterator[Secret]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*place, key), True
            yield from _leaves(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*place, number))
    else:
        yield place, False


_ON_ONE_LINE = re.compile(
    r"""(?:pas{1,2}[ _-]?(?:ph?ras|wor?d|wd|code)|secret|token|credential|pin|psk)"""
    r"""[\w-]{0,40}['"]?\s{0,9}:(?P<rest>.*)""",
    re.IGNORECASE,
)
"""Bounded everywhere: it searches lines of any length."""
MARKERS = ("<<<<<<< ", "=======", ">>>>>>> ")
"""Of conflicts that git left."""
_ANY_KEY = re.compile(r"""\s*(?:- +)?[\w.\-\[\]:"']+:(?: |$)""")
_TOP = re.compile(r"""(['"]?)([\w-]+)\1\s*:""")
"""A section, or another field of the manifest itself."""
_FIELD = re.compile(r"""(?P<key>\s*(?:- +)?['"]?(?P<name>[\w.-]+)['"]?\s*:)(?P<rest>.*)""")
_WORD = re.compile(r"\s*[\w.*-]*\s*")
_NO_OPTIONS = ("type", "host", "hosts")
MASK = "•••"


def mask_unparsed(lines: list[str], number: int) -> str:
    """Line `number` of a file that is no YAML, with whatever may be a secret taken out.

    In the section `services` any value may be one: which are, only packs know, and they are not known yet.
    """
    line = lines[number]
    if _in_services(lines, number):
        return _mask_options(line)
    found = _ON_ONE_LINE.search(line)
    if found:
        return line[: found.start("rest")] + " " + MASK
    if _ANY_KEY.match(line):
        return line
    for earlier in range(number - 1, -1, -1):  # a secret that goes on over several lines
        if _ON_ONE_LINE.search(lines[earlier]):
            return MASK
        if _ANY_KEY.match(lines[earlier]):
            break
    return line


def _in_services(lines: list[str], number: int) -> bool:
    sections = (found[2] for line in reversed(lines[: number + 1]) if (found := _TOP.match(line)))
    return next(sections, "") == "services"


def _mask_options(line: str) -> str:
    if not re.search(r"\w", line) or line.startswith(MARKERS):
        return line
    found = _FIELD.match(line)
    if found is None:
        return MASK
    plain = found["name"] in _NO_OPTIONS and _WORD.fullmatch(found["rest"])
    return line if plain or not found["rest"].strip() else f"{found['key']} {MASK}"
