"""Records to JSON values and back.

Compact: a field that holds its default, or nothing at all (an empty tuple, None, False), is left out. Read strictly:
a value of another type is an error; an unknown field is passed over, as a later version may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from pkibuild.core.values import Record

T = TypeVar("T")
Convert = Callable[[Any], Any]
Say = Callable[[Any], str]

Mode = Annotated[int, "octal"]
"""A file's mode, written in octal digits as everybody reads it."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Made once: `json.dumps` makes one for every call that asks for separators."""

_REQUIRED = object()
"""What stands for the default of a field that is always written."""


class _Field(Record):
    name: str
    default: Any
    encode: Convert | None
    """None where JSON can say the value as it is (tuples become arrays)."""
    decode: Convert
    hint: Any


def json_text(value: Any) -> str:
    """The compact JSON text of plain data."""
    return _ENCODER.encode(value)


def to_text(value: Any) -> str:
    """The JSON text of `to_json`, in a third of the time."""
    kind: Any = type(value)
    return _sayer(kind)(value)


def to_json(value: Any) -> dict[str, Any]:
    """The fields of a record, in its order."""
    found: dict[str, Any] = {}
    kind: Any = type(value)
    for one in _plan(kind):
        part = getattr(value, one.name)
        if part != one.default:
            found[one.name] = part if one.encode is None else one.encode(part)
    return found


def from_json(kind: type[T], data: Any) -> T:
    """The record of class `kind` of what `to_json` gave. Raises ValueError, which names the field."""
    if not isinstance(data, dict):
        raise ValueError("an object is expected")
    values: list[Any] = []
    plan_of: Any = kind
    for one in _plan(plan_of):
        if one.name in data:
            try:
                values.append(one.decode(data[one.name]))
            except ValueError as error:
                raise ValueError(f"`{one.name}`: {error}") from None
        elif one.default is _REQUIRED:
            raise ValueError(f"`{one.name}` is missing")
        else:
            values.append(one.default)
    return kind(*values)


@cache
def _plan(kind: Any) -> tuple[_Field, ...]:  # a type; `cache` wants what mypy knows to be hashable
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_field(f, hints[f.name]) for f in fields(kind))


def _field(field: Any, hint: Any) -> _Field:
    encode, decode = _converters(hint)
    return _Field(field.name, _default(field, hint), encode, decode, hint)


@cache
def _sayer(kind: Any) -> Say:
    """What says the values of a class: compiled from its fields, as a walk through them takes half as long again.

    A cold build of ten thousand hosts says a hundred thousand values.
    """
    known: dict[str, Any] = {}
    parts = []
    for number, one in enumerate(_plan(kind)):
        known |= {f"say{number}": _say(one.hint), f"default{number}": one.default, f"head{number}": f',"{one.name}":'}
        if one.default is _REQUIRED:
            parts.append(f"{{head{number}}}{{say{number}(value.{one.name})}}")
        else:
            said = f"head{number} + say{number}(part)"
            parts.append(f'{{{said} if (part := value.{one.name}) != default{number} else ""}}')
    inside = f"f'''{''.join(parts)}'''"
    say: Say = eval(f"lambda value: '{{' + {inside}[1:] + '}}'", known)  # noqa: S307 - of names of our own fields
    return say


def _say(hint: Any) -> Say:
    plain: Mapping[Any, Say] = {str: encode_basestring_ascii, int: int.__repr__, bool: _say_bool, Mode: _say_mode}
    if hint in plain:
        return plain[hint]
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        said = [_say(one) for one in inner if one is not Ellipsis]
        return _say_many(said[0]) if inner[-1] is Ellipsis else _say_fixed(said)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _sayer(hint)
    encode = _converters(hint)[0]
    return _ENCODER.encode if encode is None else lambda value: _ENCODER.encode(encode(value))


def _say_bool(value: bool) -> str:
    return "true" if value else "false"


def _say_mode(value: int) -> str:
    return f'"{value:04o}"'


def _say_many(said: Say) -> Say:
    return lambda value: f"[{','.join(map(said, value))}]"


def _say_fixed(parts: list[Say]) -> Say:
    """Remembers some: what all subjects have in common is said ten thousand times."""
    return lru_cache(maxsize=64)(
        lambda value: f"[{','.join([said(one) for said, one in zip(parts, value, strict=True)])}]"
    )


def _default(field: Any, hint: Any) -> Any:
    if field.default is not NODEFAULT:
        return field.default
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return _nothing(hint)


def _nothing(hint: Any) -> Any:
    """What a field without a default holds when it is not written; a text, a number and a choice always are."""
    if hint is bool:
        return False
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and NoneType in inner:
        return None
    if origin is tuple and inner[-1] is Ellipsis:
        return ()
    if isinstance(hint, type) and issubclass(hint, Struct):
        return from_json(hint, {}) if all(f.default is not _REQUIRED for f in _plan(hint)) else _REQUIRED
    return _REQUIRED


def _converters(hint: Any) -> tuple[Convert | None, Convert]:
    if hint in (str, int, bool):
        return None, _scalar(hint)
    if hint == Mode:
        return "{:04o}".format, lambda value: int(_scalar(str)(value), 8)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return None, _choice(inner)
    if origin in (Union, UnionType):
        (present,) = (one for one in inner if one is not NoneType)
        encode, decode = _converters(present)
        return (
            None if encode is None else lambda value: None if value is None else encode(value),
            lambda value: None if value is None else decode(value),
        )
    if origin is tuple and inner[-1] is Ellipsis:
        return _many(inner[0])
    if origin is tuple:
        return None, _fixed([_converters(one)[1] for one in inner])
    if isinstance(hint, type) and issubclass(hint, Struct):
        return to_json, lambda value: from_json(hint, value)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(inner[1])
    raise TypeError(f"no JSON form for {hint}")


def _scalar(kind: type) -> Convert:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{kind.__name__} expected")
        return value

    return decode


def _choice(values: tuple[Any, ...]) -> Convert:
    def decode(value: Any) -> Any:
        if value not in values:
            raise ValueError(f"one of {', '.join(map(str, values))} expected")
        return value

    return decode


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("an array is expected")
    return value


def _many(hint: Any) -> tuple[Convert | None, Convert]:
    encode, decode = _converters(hint)
    return (
        None if encode is None else lambda value: [encode(one) for one in value],
        lambda value: tuple([decode(one) for one in _list(value)]),
    )


def _fixed(parts: list[Convert]) -> Convert:
    def decode(value: Any) -> Any:
        if len(_list(value)) != len(parts):
            raise ValueError(f"an array of {len(parts)} is expected")
        return tuple([part(one) for part, one in zip(parts, value, strict=True)])

    return decode


def _mapping(hint: Any) -> tuple[Convert, Convert]:
    encode, decode = _converters(hint)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("an object is expected")
        return {key: decode(one) for key, one in value.items()}

    return lambda value: {k: one if encode is None else encode(one) for k, one in sorted(value.items())}, read
