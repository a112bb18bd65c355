"""Name patterns: `web[001:200]` declares two hundred, `web[1:9:2]` every second; and globs of hosts."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from pkibuild.core.values import Record

_RANGE = re.compile(r"\[([0-9]{1,9}):([0-9]{1,9})(?::([0-9]{1,9}))?\]")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class BadPattern(ValueError):
    """Why a name pattern is none, in words for a message."""


class Range(Record):
    """The numbers that a `[first:last:step]` in a text stands for."""

    before: str
    after: str
    first: int
    last: int
    step: int
    width: int
    """Digits at least, zeros in front; 0 where the range is written without."""

    def __len__(self) -> int:
        return (self.last - self.first) // self.step + 1

    def __getitem__(self, at: int) -> str:
        return f"{self.before}{self.first + at * self.step:0{self.width}d}{self.after}"


def is_pattern(name: str) -> bool:
    return "[" in name


def range_of(text: str) -> Range | None:
    """The range in a text; None when there is none. Raises BadPattern."""
    found = _RANGE.search(text)
    if found is None:
        return None
    if _RANGE.search(text, found.end()):
        raise BadPattern("it has more than one range")
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if step == 0:
        raise BadPattern("the step of its range is 0")
    if last < first:
        raise BadPattern(f"its range ends before it begins: {first} to {last}")
    width = len(found[1]) if found[1].startswith("0") and len(found[1]) > 1 else 0
    return Range(text[: found.start()], text[found.end() :], first, last, step, width)


def expand(value: Any, count: int, at: int) -> Any:
    """`value` with every range of `count` numbers in its texts replaced by the number at `at`."""
    if isinstance(value, str):
        return _expand_text(value, count, at) if "[" in value else value
    if isinstance(value, list):
        return [expand(item, count, at) for item in value]
    if isinstance(value, dict):
        return {key: expand(item, count, at) for key, item in value.items()}
    return value


def _expand_text(text: str, count: int, at: int) -> str:
    try:
        found = range_of(text)
    except BadPattern:
        return text
    return found[at] if found is not None and len(found) == count else text


def other_lengths(value: Any, count: int) -> Iterator[str]:
    """Texts of a declaration whose range is not as long as its name's."""
    if isinstance(value, str):
        try:
            found = range_of(value)
        except BadPattern:
            found = None
        if found is not None and len(found) != count:
            yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from other_lengths(item, count)


def is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def glob(text: str) -> re.Pattern[str]:
    """A pattern for whole names, in which `*` is any characters and `?` is one (the schema knows no others)."""
    return re.compile(fnmatch.translate(text))  # the standard library's form does not backtrack into earlier `*`
