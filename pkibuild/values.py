"""The standard `dataclass` for slotted classes, made in a tenth of the time.

The standard decorator compiles six functions for each frozen class when it is defined: a hundred milliseconds for all
of ours, in every run. Here it finds the fields and no more; what follows is the same for every class, or compiled when
the first instance is made. `fields`, `replace`, pickling, matching and inheritance are as ever
(docs/decisions/0009-values.md).
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError, field, fields, replace
from operator import attrgetter
from reprlib import recursive_repr

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be imported for this alone
    from collections.abc import Callable
    from dataclasses import Field, dataclass
    from typing import Any
else:

    def dataclass(*, slots: bool, frozen: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, but that `slots` has to be true, and no other option is known."""
        assert slots
        return lambda cls: _made(cls, frozen)


__all__ = ["dataclass", "field", "fields", "replace"]

_with_fields = dataclasses.dataclass(init=False, repr=False, eq=False)


def _made(cls: type, frozen: bool) -> type:
    """The class again, slotted, with the methods of a dataclass unless it has them itself."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the signature would be looked up for it
    every = fields(_with_fields(cls))
    inherited = {slot for base in cls.__mro__[1:] for slot in getattr(base, "__slots__", ())}
    left_out = {"__dict__", "__weakref__", *(one.name for one in every)}
    body = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    body["__slots__"] = tuple(one.name for one in every if one.name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, {**_methods(every, frozen), **body})
    made.__qualname__ = cls.__qualname__
    made.__init__ = _first(made, every, frozen)  # type: ignore[misc]  # a class that is just being made
    return made


def _methods(every: tuple[Field[Any], ...], frozen: bool) -> dict[str, Any]:
    compared = attrgetter(*(one.name for one in every if one.compare))

    def __eq__(self: Any, other: object) -> bool:
        return bool(compared(self) == compared(other)) if other.__class__ is self.__class__ else NotImplemented

    methods: dict[str, Any] = {"__repr__": _repr, "__eq__": __eq__, "__hash__": None}
    if frozen:
        methods["__hash__"] = lambda self: hash(compared(self))
        methods.update(__setattr__=_refuse_set, __delattr__=_refuse_delete)
        methods.update(__getstate__=_getstate, __setstate__=_setstate)
    if all(one.init for one in every):  # pickled as a call of the class: a tenth of the time, for values sent elsewhere
        given = _given(tuple(one.name for one in every))
        methods["__reduce__"] = lambda self: (self.__class__, given(self))
    return methods


def _given(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """The arguments that an instance can be made from again."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _first(cls: Any, every: tuple[Field[Any], ...], frozen: bool) -> Any:
    """What stands for `__init__` until the first instance: many classes of a run have none."""

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        cls.__init__ = made = _initialiser(cls, every, frozen)
        made(self, *args, **named)

    return __init__


def _initialiser(cls: Any, every: tuple[Field[Any], ...], frozen: bool) -> Any:
    """The `__init__` of a class, compiled; a frozen one sets the slots below `__setattr__`."""
    names: dict[str, Any] = {"_MISSING": MISSING}
    parameters, lines = [], []
    for one in every:
        name = value = one.name
        default = f"_default_{name}"
        made = one.default_factory is not MISSING
        given = made or one.default is not MISSING
        names[default] = one.default_factory if made else one.default
        if one.init:
            parameters.append(f"{name}={'_MISSING' if made else default}" if given else name)
            value = f"{default}() if {name} is _MISSING else {name}" if made else name
        elif given:
            value = f"{default}()" if made else default
        else:
            continue
        names[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f" _set_{name}(self, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    source = f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines or [" pass"])
    exec(source, names)  # noqa: S102 - made of the names of fields alone
    found = names["__init__"]
    found.__qualname__ = f"{cls.__qualname__}.__init__"
    return found


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
