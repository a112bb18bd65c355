"""When a certificate begins and ends."""

from __future__ import annotations

import pytest

from pkibuild.core.times import DAY, END_OF_TIME, HOUR, MINUTE, YEAR
from pkibuild.model.manifest import Validity
from pkibuild.x509.contents import window

NOW = 1_800_000_000


def test_a_root() -> None:
    begin = NOW - 5 * MINUTE
    assert window(NOW, Validity(7305 * DAY)) == (begin, begin + 7305 * DAY - 1, begin + 7305 * DAY - 1)


def test_clamped_to_its_issuer() -> None:
    issuer_end = NOW + 30 * DAY
    begin, end, asked = window(NOW, Validity(397 * DAY), NOW - YEAR, issuer_end)
    assert (begin, end, asked) == (NOW - 5 * MINUTE, issuer_end, begin + 397 * DAY - 1)


def test_not_before_its_issuer() -> None:
    begin, end, asked = window(NOW, Validity(DAY), NOW - 10, NOW + YEAR)
    assert begin == NOW - 10
    assert end == asked == begin + DAY - 1


def test_fixed_end() -> None:
    fixed = NOW + 100 * DAY
    assert window(NOW, Validity(not_after=fixed)) == (NOW - 5 * MINUTE, fixed, fixed)
    assert window(NOW, Validity(not_after=fixed), NOW - DAY, fixed - 1)[1:] == (fixed - 1, fixed)


def test_no_end_after_the_last_that_can_be_written() -> None:
    assert window(NOW, Validity(9000 * YEAR))[1:] == (END_OF_TIME, END_OF_TIME)


@pytest.mark.parametrize("seconds", [30, MINUTE, 4 * MINUTE, 10 * MINUTE, HOUR - 1])
def test_a_short_life_is_not_spent_before_birth(seconds: int) -> None:
    begin, end, _ = window(NOW, Validity(seconds))
    assert NOW + seconds * 5 / 6 < end < NOW + seconds
    assert begin <= NOW


def test_backdated_by_five_minutes_from_an_hour_on() -> None:
    assert window(NOW, Validity(HOUR))[0] == NOW - 5 * MINUTE
