"""When name constraints allow more than others did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.model.manifest import Constraints, Subtrees
from pkibuild.review.changes import widened


def permitted(**trees: tuple[str, ...]) -> Constraints:
    return Constraints(permitted=Subtrees(**trees))


def excluded(*dns: str) -> Constraints:
    return Constraints(excluded=Subtrees(dns=dns))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Constraints(), Constraints(), []),
        (Constraints(), permitted(dns=("abc.com",)), []),
        (permitted(dns=("abc.com",)), Constraints(), ["any DNS"]),
        (permitted(dns=("abc.com",)), permitted(dns=("web.abc.com", "abc.com")), []),
        (permitted(dns=("abc.com",)), permitted(dns=("xabc.com",)), ["permitted DNS:xabc.com"]),
        (permitted(dns=("web.abc.com",)), permitted(dns=("abc.com",)), ["permitted DNS:abc.com"]),
        (permitted(ip=("192.0.2.0/24",)), permitted(ip=("192.0.2.128/25",)), []),
        (permitted(ip=("192.0.2.0/24",)), permitted(ip=("192.0.0.0/16",)), ["permitted IP:192.0.0.0/16"]),
        (permitted(ip=("192.0.2.0/24",)), permitted(ip=("192.0.2.0/24", "::/0")), ["permitted IP:::/0"]),
        (permitted(email=("abc.com",)), permitted(email=("a@abc.com",)), []),
        (permitted(email=("a@abc.com",)), permitted(email=("abc.com",)), ["permitted email:abc.com"]),
        (permitted(email=(".abc.com",)), permitted(email=("web.abc.com", "b@web.abc.com")), []),
        (permitted(dns=("abc.com",)), permitted(dns=("abc.com",), ip=("::/0",)), []),
        (excluded("x.abc.com"), Constraints(), ["no longer excluded DNS:x.abc.com"]),
        (excluded("x.abc.com"), excluded("abc.com"), []),
        (excluded("abc.com"), excluded("x.abc.com"), ["no longer excluded DNS:abc.com"]),
        (excluded("abc.org"), permitted(dns=("abc.com",)), []),
    ],
)
def test_what_is_allowed_in_addition(before: Constraints, after: Constraints, expected: list[str]) -> None:
    assert widened(before, after) == expected


names = st.lists(st.sampled_from(["abc.com", "a.abc.com", "b.a.abc.com", "abc.org"]), max_size=3, unique=True).map(
    tuple
)
trees = st.builds(lambda dns, no: Constraints(Subtrees(dns=dns), Subtrees(dns=no)), names, names)


def allowed(constraints: Constraints, name: str) -> bool:
    """RFC 5280 4.2.1.10, said once more."""

    def within(tree: str) -> bool:
        return name == tree or name.endswith(f".{tree}")

    wanted, not_wanted = constraints.permitted.dns, constraints.excluded.dns
    return (not wanted or any(map(within, wanted))) and not any(map(within, not_wanted))


@given(
    before=trees,
    after=trees,
    name=st.sampled_from(["abc.com", "a.abc.com", "c.abc.com", "x.b.a.abc.com", "abc.org", "x.net"]),
)
def test_whatever_is_newly_allowed_is_told(before: Constraints, after: Constraints, name: str) -> None:
    if allowed(after, name) and not allowed(before, name):
        assert widened(before, after)
    assert widened(before, before) == []
