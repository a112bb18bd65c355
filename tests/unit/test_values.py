"""Our `dataclass` beside the standard one: the same classes made by both do the same."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from pkibuild.core import values

Decorator = Callable[..., Any]


def frozen(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True)
    class Point:
        x: int
        label: str = "none"
        tags: list[str] = dataclasses.field(default_factory=list, compare=False)
        hidden: str = dataclasses.field(default="s", repr=False)

        @property
        def double(self) -> int:
            return 2 * self.x

    return Point


def derived(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True)
    class Child(frozen(dataclass)):  # type: ignore[misc]  # its base is made here
        more: tuple[int, ...] = ()
        label: str = "child"

    return Child


def completed(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, slots=True)
    class Made:
        x: int
        square: int = dataclasses.field(init=False)
        cube: int = dataclasses.field(init=False, default=0, repr=False)
        seen: list[int] = dataclasses.field(init=False, default_factory=list, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "square", self.x**2)
            self.seen.append(self.x)

    return Made


def changing(dataclass: Decorator) -> Any:
    @dataclass(slots=True)
    class Counter:
        """With words of its own."""

        x: int = 0
        rest: dict[str, int] = dataclasses.field(default_factory=dict)

        def __repr__(self) -> str:
            return "own"

    return Counter


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or the kind of its error with its words."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


@pytest.fixture(params=[frozen, derived, completed, changing])
def both(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return request.param(values.dataclass), request.param(dataclasses.dataclass)


def test_what_it_is(both: tuple[Any, Any]) -> None:
    """Asked before the first instance is made, and after."""
    ours, theirs = both
    for _ in range(2):
        for kind in ("__name__", "__qualname__", "__module__", "__match_args__", "__slots__"):
            assert getattr(ours, kind) == getattr(theirs, kind), kind
        assert dataclasses.is_dataclass(ours)
        assert [(one.name, one.type) for one in dataclasses.fields(ours)] == [
            (one.name, one.type) for one in dataclasses.fields(theirs)
        ]
        assert (ours.__hash__ is None) == (theirs.__hash__ is None)
        assert not hasattr(ours(x=1), "__dict__")
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


@pytest.mark.parametrize(
    "arguments",
    [((1,), {}), ((1, "a"), {}), ((), {"x": 3}), ((), {}), ((1, 2, 3, 4, 5, 6, 7), {}), ((1,), {"x": 1}),
     ((1,), {"no": 1})],
)  # fmt: skip
def test_instances(both: tuple[Any, Any], arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    """The first instance and the second, for the first compiles what makes them."""
    positional, named = arguments
    for _ in range(2):
        one, other = (outcome(lambda kind=kind: repr(kind(*positional, **named))) for kind in both)  # type: ignore[misc]  # mypy takes no default in a lambda's type
        assert one == other


def test_equality(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    for kind in both:
        one, same, other = kind(x=1), kind(x=1), kind(x=2)
        assert one == same
        assert one != other
        assert one != (1,)
        assert len({hash(one), hash(same)} if kind.__hash__ else {0}) == 1
    assert ours(x=1) != theirs(x=1)
    assert outcome(lambda: hash(ours(x=1)))[0] is TypeError if theirs.__hash__ is None else True


def test_what_is_not_compared() -> None:
    kind = frozen(values.dataclass)
    assert kind(1, "a", ["t"]) == kind(1, "a", [])
    assert hash(kind(1, "a", ["t"])) == hash(kind(1, "a", []))
    assert kind(1, hidden="a") != kind(1, hidden="b")


def test_defaults_are_not_shared() -> None:
    kind = changing(values.dataclass)
    kind().rest["a"] = 1
    assert kind().rest == {}


def test_another_kind_with_the_same_values_is_not_equal() -> None:
    assert derived(values.dataclass)(1, "child") != frozen(values.dataclass)(1, "child")


@pytest.mark.parametrize("kind", [frozen, derived, completed])
def test_frozen(kind: Callable[[Decorator], Any]) -> None:
    """That its fields are not assigned to is mypy's part."""
    one = kind(values.dataclass)(1)
    with pytest.raises(AttributeError):
        one.new = 2
    assert hash(one) == hash(kind(values.dataclass)(1)) == hash(kind(dataclasses.dataclass)(1))


def test_changing() -> None:
    one = changing(values.dataclass)(1)
    one.x = 5
    assert one.x == 5
    with pytest.raises(AttributeError):
        one.new = 1


def test_replace(both: tuple[Any, Any]) -> None:
    for kind in both:
        one = kind(x=1)
        assert values.replace(one, x=7) == kind(x=7)
        assert one == kind(x=1)


def test_matching() -> None:
    kind = derived(values.dataclass)
    match kind(1, "b"):
        case kind(x, label):
            assert (x, label) == (1, "b")
        case _:
            pytest.fail("no match")


def test_itself_within() -> None:
    kind = frozen(values.dataclass)
    tags: list[Any] = []
    one = kind(1, tags=tags)
    tags.append(one)
    assert "tags=[...]" in repr(one)


@values.dataclass(frozen=True, slots=True)
class Sent:
    x: int
    rest: tuple[int, ...] = ()


@values.dataclass(frozen=True, slots=True)
class SentOn(Sent):
    own: dict[str, int] = values.field(default_factory=dict)


@values.dataclass(frozen=True, slots=True)
class Completed:
    x: int
    square: int = values.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "square", self.x**2)


def test_pickling_and_copying() -> None:
    """As between workers."""
    for one in (Sent(1, (2, 3)), SentOn(4, own={"a": 1}), Completed(3)):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one
        assert copy.copy(one) == one


def test_what_stays_is_not_sent() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Seen:
        x: int
        near: str = values.field(default="", metadata=values.STAYS)

    assert Seen(1, "here").__reduce__() == (Seen, (1,))
    assert Seen(1, "here") != Seen(1)


def test_the_order_of_defaults_is_checked() -> None:
    def wrong() -> Any:
        @values.dataclass(frozen=True, slots=True)
        class Wrong:
            x: int = 0
            y: str  # type: ignore[misc]  # that is what is tried

        return Wrong(1, "a")

    assert outcome(wrong)[0] in (TypeError, SyntaxError)
