"""The standard `dataclass` for slotted classes, made in a tenth of the time.

The standard decorator compiles six functions for each frozen class when it is defined: a hundred milliseconds for all
of ours, in every run. Here it finds the fields and no more; what follows is the same for every class, or compiled when
the first instance is made. `fields`, `replace`, pickling, matching and inheritance are as ever; it is mypy that sees to
it that nobody assigns to a field of a frozen class (docs/decisions/0009-values.md).
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, field, fields, replace
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from types import CodeType, FunctionType, MappingProxyType

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


__all__ = ["STAYS", "dataclass", "field", "fields", "replace"]

STAYS = MappingProxyType({"stays": True})
"""Metadata of a field that is not sent to another process, where it has its default. Such fields are the last ones."""

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
    made.__init__ = _first(made, every)  # type: ignore[misc]  # a class that is just being made
    return made


def _methods(every: tuple[Field[Any], ...], frozen: bool) -> dict[str, Any]:
    compared = attrgetter(*(one.name for one in every if one.compare))

    def __eq__(self: Any, other: object) -> bool:
        return bool(compared(self) == compared(other)) if other.__class__ is self.__class__ else NotImplemented

    methods: dict[str, Any] = {"__repr__": _repr, "__eq__": __eq__, "__hash__": None}
    if frozen:
        methods["__hash__"] = lambda self: hash(compared(self))
    if all(one.init for one in every):  # pickled as a call of the class: a third of the time, for values sent elsewhere
        given = _given(tuple(one.name for one in every if "stays" not in one.metadata))
        methods["__reduce__"] = lambda self: (self.__class__, given(self))
    elif frozen:
        methods.update(__getstate__=_getstate, __setstate__=_setstate)
    return methods


def _given(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """The arguments that an instance can be made from again."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _first(cls: Any, every: tuple[Field[Any], ...]) -> Any:
    """What stands for `__init__` until the first instance: many classes of a run have none."""

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        cls.__init__ = made = _initialiser(cls, every)
        made(self, *args, **named)

    return __init__


def _initialiser(cls: Any, every: tuple[Field[Any], ...]) -> Any:
    """The `__init__` of a class: the code of all classes of its shape, compiled once, with the names of its fields."""
    names: dict[str, Any] = {"_MISSING": MISSING}
    called: dict[str, str] = {}
    parameters, defaults, shape = ["self"], [], ""
    for one in every:
        made, given = one.default_factory is not MISSING, one.default is not MISSING
        if not (one.init or made or given):
            continue
        number = len(shape)
        called[f"f{number}"] = one.name
        names[f"_default{number}"] = one.default_factory if made else one.default
        shape += ("f" if made else "p") if one.init else ("m" if made else "c")
        if one.init:
            parameters.append(one.name)
            if made or given:
                defaults.append(MISSING if made else one.default)
            elif defaults:
                raise TypeError(f"non-default argument {one.name!r} follows default argument")
    code = _shaped(shape, hasattr(cls, "__post_init__"))
    title = f"{cls.__qualname__}.__init__"
    attributes = tuple(called.get(name, name) for name in code.co_names)
    code = code.replace(co_varnames=tuple(parameters), co_names=attributes, co_name="__init__", co_qualname=title)
    made_of: Any = FunctionType(code, names, "__init__", tuple(defaults))
    made_of.__qualname__ = title
    return made_of


_SAID = {"p": "a{0}", "f": "_default{0}() if a{0} is _MISSING else a{0}", "c": "_default{0}", "m": "_default{0}()"}
"""Where the value of a field comes from: a parameter; one that a factory stands in for; a default; a factory."""


@cache
def _shaped(shape: str, post_init: bool) -> CodeType:
    """Code that sets a field for each letter of `shape` (`_SAID`)."""
    lines = [f" self.f{number} = {_SAID[kind].format(number)}" for number, kind in enumerate(shape)]
    if post_init:
        lines.append(" self.__post_init__()")
    parameters = ["self", *(f"a{number}" for number, kind in enumerate(shape) if kind in "pf")]
    found: dict[str, Any] = {}
    exec(f"def made({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), found)  # noqa: S102 - of letters alone
    code: CodeType = found["made"].__code__
    return code


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        setattr(self, one.name, value)
