"""The base of all records: immutable, compared and hashed by their fields (docs/decisions/0018-records.md).

What changes while it is used derives from `msgspec.Struct` itself.
"""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

from msgspec import Struct, field


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
