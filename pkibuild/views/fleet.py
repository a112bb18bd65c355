"""Fleets: what is done alike to many hosts is shown for the first of them, and counted for the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pkibuild.core.values import Record
from pkibuild.model.plan import Action, Change, Orphan

FEWEST = 3
"""So many more hosts must be alike before they are only counted."""
_MOST = 20
"""With so many first ones a unit is compared at most."""
_DATED = frozenset({"due", "expired"})
"""Reasons whose message has the date of a certificate that is there."""
_DIGITS = 18
"""Longer ones are no numbers that count along."""
_NUMBER = re.compile("[0-9]+")
_GAP = "\0"
_LETTER = re.compile(r"[^\W_]")
"""Or a digit: beside a name, it is part of a longer one."""


class FleetGroup(Record):
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


def blocks(items: Sequence[Item]) -> list[Item | FleetGroup]:
    """Items of the same unit together, in the order of their first ones; all but the first of equal units counted.

    Units are equal where all that is told of them is, but for their own names and the numbers that a name pattern
    counts along: what differs in any other way must not hide behind another unit. Authorities, and what has a risk, are
    always shown.
    """
    units: dict[str, list[Item]] = {}
    unit, within = "", "/"
    for item in items:
        if not item.id.startswith(within):  # most follow another one of their unit
            unit = owner(item.id)
            within = f"{unit}/"
        units.setdefault(unit, []).append(item)
    shown: list[Item | FleetGroup] = []
    for members in _groups(units):
        first, others = members[0], members[1:]
        shown += units[first]
        if len(others) < FEWEST:
            shown += [item for unit in others for item in units[unit]]
        else:
            shown.append(FleetGroup(first, tuple(others), sum(len(units[unit]) for unit in others)))
    return shown


def _groups(units: Mapping[str, Sequence[Item]]) -> list[list[str]]:
    """The units, those that are equal together."""
    groups: list[list[str]] = []
    # What is told of a unit, its name left open → those of which the very same is told.
    same: dict[str, list[str]] = {}
    firsts: dict[str, list[tuple[_Numbers, list[str]]]] = {}
    for unit, own in units.items():
        name = unit.partition("/")[2]
        if unit.startswith("authority/") or any(item.risks for item in own):
            groups.append([unit])
            continue
        told = _told(unit, name, own)
        if told in same:
            same[told].append(unit)
            continue
        numbers = _Numbers(_NUMBER.findall(name), _NUMBER.findall(told))
        known = firsts.setdefault(_NUMBER.sub("0", told), [])
        group = next((members for first, members in known[:_MOST] if numbers.count_along(first)), None)
        if group is not None:
            group.append(unit)
        else:
            groups.append([unit])
            known.append((numbers, groups[-1]))
            same[told] = groups[-1]
    return groups


class _Numbers(Record):
    """The numbers in a unit's name, and in all that is told of it."""

    name: list[str]
    told: list[str]

    def count_along(self, first: _Numbers) -> bool:
        """Whether each number is the first unit's, or as far from it as the name's is."""
        pairs = zip(self.name, first.name, strict=False)
        steps = {int(one) - int(other) for one, other in pairs} if len(self.name) == len(first.name) else set()
        numbers = [pair for pair in zip(self.told, first.told, strict=True) if pair[0] != pair[1]]
        longest = max((len(number) for pair in numbers for number in pair), default=0)
        return longest <= _DIGITS and all(int(one) - int(other) in steps for one, other in numbers)


def _told(unit: str, name: str, items: Sequence[Item]) -> str:
    """All that is told of a unit, its name left open."""
    parts = [unit.partition("/")[0]]
    for item in items:
        parts += _parts(item)
    return _open("\n".join(parts), name)


def _parts(item: Action | Orphan) -> list[str]:
    if isinstance(item, Orphan):
        return [item.id, f"{item.kind} {item.message}"]
    parts = [item.id, f"{item.verb} {item.detail}"]
    for reason in item.reasons:
        parts.append(reason.code if reason.code in _DATED else f"{reason.code} {reason.message}")
        parts += [id for id in reason.because if not id.startswith("/")]
    for change in item.changes:
        before, after = _sides(change)
        parts += ["\t".join((change.field, *before)), "\t".join(after)]
    return parts


def _sides(change: Change) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is told of a change, before and after."""
    match change.field:
        case "notAfter":  # equal hosts were not all built on one day
            return (str(len(change.before)),), change.after
        case "text":
            return change.before, change.after
        case _:  # the names that stay are not told
            return change.gone, change.come


def _open(text: str, name: str) -> str:
    """The text with a gap (NUL, which no value has) for every whole `name` in it."""
    parts = text.split(name)
    beside = parts[0][-1:] + "".join([part[:1] + part[-1:] for part in parts[1:-1]]) + parts[-1][:1]
    if not _LETTER.search(beside):  # as nearly always
        return _GAP.join(parts)
    found = parts[0]
    for part in parts[1:]:
        whole = not found[-1:].isalnum() and not part[:1].isalnum()
        found = f"{found}{_GAP if whole else name}{part}"
    return found
