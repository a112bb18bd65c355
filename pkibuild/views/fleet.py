"""Fleets: what is done alike to many hosts is shown for the first of them, and counted for the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pkibuild.nodes import Action, Orphan
from pkibuild.values import dataclass

FEWEST = 3
"""So many more hosts must be alike before they are only counted."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Stands for the units `names`, to which the same is done as to `like`."""

    like: str
    names: tuple[str, ...]
    count: int
    """How many actions or orphans are left out."""


Item = TypeVar("Item", Action, Orphan)


def owner(name: str) -> str:
    """The unit that an id is shown with: `host/web1` also for `service/site@web1/site.conf`."""
    kind, _, rest = name.partition("/")
    first = rest.partition("/")[0]
    if kind == "service" and "@" in first:
        return f"host/{first.rpartition('@')[2]}"
    return f"{kind}/{first}"


def blocks(items: Sequence[Item]) -> list[Item | Alike]:
    """Items of the same unit together, in the order of their first ones; all but the first of equal units counted.

    Authorities, and what has a risk, are always shown.
    """
    units: dict[str, list[Item]] = {}
    for item in items:
        units.setdefault(owner(item.id), []).append(item)
    groups: dict[object, list[str]] = {}
    for unit, own in units.items():
        groups.setdefault(_likeness(unit, own), []).append(unit)
    shown: list[Item | Alike] = []
    for members in groups.values():
        first, others = members[0], members[1:]
        shown += units[first]
        if len(others) < FEWEST:
            shown += [item for unit in others for item in units[unit]]
        else:
            shown.append(Alike(first, tuple(others), sum(len(units[unit]) for unit in others)))
    return shown


def _likeness(unit: str, items: Sequence[Item]) -> object:
    if unit.startswith("authority/") or any(item.risks for item in items):
        return unit
    name = unit.partition("/")[2]
    return (unit.partition("/")[0], tuple(_shape(name, item) for item in items))


def _shape(name: str, item: Item) -> object:
    where = _without(name, item.id)
    if isinstance(item, Orphan):
        return (where, item.kind)
    codes = tuple(reason.code for reason in item.reasons)
    fields = tuple((change.field, len(change.before), len(change.after)) for change in item.changes)
    return (where, item.verb, codes, fields)


def _without(name: str, path: str) -> str:
    """An id without its unit's name."""
    return "/".join(_part(name, part) for part in path.split("/"))


def _part(name: str, part: str) -> str:
    if part == name:
        return "*"
    return f"{part[: -len(name)]}*" if part.endswith(f"@{name}") else part.replace(f"{name}.", "*.")
