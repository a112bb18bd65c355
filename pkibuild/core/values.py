"""The base of all records: immutable, compared and hashed by their fields (docs/decisions/0018-records.md).

What changes while it is used derives from `msgspec.Struct` itself.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

from msgspec import NODEFAULT, Struct, ValidationError, convert, field, to_builtins
from msgspec.structs import fields

S = TypeVar("S", bound=Struct)

_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Made once: `json.dumps` makes one for every call that asks for separators."""

_REQUIRED = object()
"""Stands for the default of a field that is always written."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record(Struct, frozen=True):
    """An immutable record. Fields are assigned by `__init__` alone; `msgspec.structs.replace` makes a changed copy."""

    UNPRINTED: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that are never printed, as they may hold secrets."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.UNPRINTED]

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def without(record: Struct, *names: str) -> tuple[Any, ...]:
    """What a record's `__reduce__` returns where the fields `names` are not sent to other processes.

    These have their defaults there, so they have to be the last ones.
    """
    kept = record.__struct_fields__[: -len(names)]
    assert record.__struct_fields__[len(kept) :] == names
    return type(record), tuple(getattr(record, name) for name in kept)


def json_text(value: Any) -> str:
    """The compact JSON text of plain data, in ASCII."""
    return _ENCODER.encode(value)


def to_json(record: Struct) -> dict[str, Any]:
    """The fields of a record in their order, as plain data.

    Fields that hold their default are left out, as are those without a default that hold nothing (see `_empty`).
    """
    data: dict[str, Any] = {}
    for name, default in _defaults(type(record)):
        value = getattr(record, name)
        if value != default:
            data[name] = to_json(value) if isinstance(value, Struct) else value
    plain: dict[str, Any] = to_builtins(data)
    return plain


def from_json(kind: type[S], data: Any) -> S:
    """The record of class `kind` that `to_json` gave `data` for.

    Unknown fields are passed over, as a later version may have written them. Raises ValueError for a missing field and
    for a value of another type.
    """
    if not isinstance(data, dict):
        raise ValueError("an object is expected")
    defaults = {name: default for name, default in _defaults(kind) if default is not _REQUIRED}
    return convert({**defaults, **data}, kind)


@cache
def _defaults(kind: type[Struct]) -> tuple[tuple[str, Any], ...]:
    """The name of every field and the value that is not written."""
    hints = get_type_hints(kind)
    return tuple((one.name, _default(one, hints[one.name])) for one in fields(kind))


def _default(one: Any, hint: Any) -> Any:
    if one.default is not NODEFAULT:
        return one.default
    return one.default_factory() if one.default_factory is not NODEFAULT else _empty(hint)


def _empty(hint: Any) -> Any:
    """What a field of this type holds when it holds nothing; a text, a number and a choice always hold something."""
    candidates: tuple[Any, ...] = (None, False, (), {})
    for empty in candidates:
        try:
            return convert(empty, hint)
        except ValidationError:
            continue
    return _REQUIRED
