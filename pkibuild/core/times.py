"""Durations and times: whole seconds inside, ISO 8601 and short forms (`90d`, `36h`) outside."""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache

MINUTE = 60
HOUR = 3600
DAY = 86400
YEAR = 365 * DAY

END_OF_TIME = 253402300799
"""9999-12-31T23:59:59Z, the last time that a certificate can say (RFC 5280 4.1.2.5)."""

_STEPS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "y": YEAR}
_DURATION = re.compile(r"([0-9]{1,9})([smhdwy])")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(Z|[+-]\d\d:?\d\d)?)?")


def parse_duration(text: str) -> int:
    """Seconds of `90d`, `52w`, `20y` (365 days each), `36h`, `10m` or `30s`. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a valid duration: write a number and a unit (`90d`, `52w`, `20y`, `36h`)")
    return int(found[1]) * _STEPS[found[2]]


def parse_time(text: str, *, end_of_day: bool = False) -> int:
    """Seconds since the epoch of an ISO 8601 date or time; UTC where no offset is given.

    A bare date is its first second, or its last with `end_of_day`. Raises ValueError.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a valid time: write ISO 8601 (`2030-01-31`, `2030-01-31T00:00:00Z`)")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise ValueError(f"`{text}` is not a date of the calendar")
    if found[4] is None:
        midnight = calendar.timegm((year, month, day, 0, 0, 0))
        return midnight + DAY - 1 if end_of_day else midnight
    hour, minute, second = int(found[4]), int(found[5]), int(found[6] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"`{text}` is not a time of the day")
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    offset = found[7]
    if offset and offset != "Z":
        sign = -1 if offset[0] == "-" else 1
        seconds -= sign * (int(offset[1:3]) * HOUR + int(offset[-2:]) * MINUTE)
    return seconds


def parse_moment(text: str, now: int) -> int:
    """A `TIME` of the command line: ISO 8601, or a duration from now. Raises ValueError."""
    if _DURATION.fullmatch(text):
        return now + parse_duration(text)
    return parse_time(text)


def format_time(seconds: int) -> str:
    """`2046-11-24T00:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@lru_cache(maxsize=256)  # a fleet's certificates end on few days
def format_date(seconds: int) -> str:
    """`2046-11-24` (UTC)."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def format_duration(seconds: int) -> str:
    """The shortest exact form: `397d`, `36h`, `90s`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _STEPS[unit] == 0:
            return f"{seconds // _STEPS[unit]}{unit}"
    return f"{seconds}s"


def days_between(now: int, then: int) -> int:
    """Whole days from `now` to `then`, rounded down (negative when past)."""
    return (then - now) // DAY


def same_span(one: int, other: int) -> bool:
    """Whether two spans count as equal: to the day from two days on, else to the minute."""
    step = DAY if min(one, other) >= 2 * DAY else MINUTE
    return abs(one - other) < step


def plural(count: int, noun: str) -> str:
    """`1 host`, `2 hosts`, `2 authorities`."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun[-1] == "y" and noun[-2] not in "aeou" else f"{noun}s"
    return f"{count} {noun}"
