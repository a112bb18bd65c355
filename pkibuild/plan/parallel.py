"""Hosts and certificates decided on by several processes: a share by this one, the others by forks of it.

A fork knows all that this process knows. It tells what it decided, with the units, piece by piece, as soon as it is
decided: this process takes it in between pieces of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pkibuild.artifacts.draft import Draft
from pkibuild.artifacts.texts import Digest
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Declaration
from pkibuild.resolve.units import Fault, Units
from pkibuild.world.forks import Forks

if TYPE_CHECKING:
    from pkibuild.plan.planner import PassesOver, Planner

PIECE = 128
"""So many are decided on and told of at once."""


class _Told(Struct):
    """What a fork tells of a piece of its share."""

    draft: Draft
    units: dict[str, Unit]
    """By id, without what their templates see."""
    faults: Sequence[Fault]
    """What services cannot have."""
    inputs: Mapping[tuple[str, Digest], str]
    """Digests of configs and what they are rendered from (`Texts.known`)."""
    found: Any
    """What is to be remembered of the whole share; told with its last piece."""


def decide_on(leaves: Sequence[Declaration], planner: Planner, units: Units, passing: PassesOver, forks: Forks) -> None:
    """Decide on hosts and certificates; what was decided is in the planner's draft."""
    texts = planner.texts
    faults, inputs = len(units.faults), len(texts.known)

    def decide(share: Sequence[Declaration]) -> Iterator[tuple[Sequence[Declaration], Draft, bool]]:
        for at in range(0, len(share), PIECE):
            piece = share[at : at + PIECE]
            yield piece, _decide(piece, planner, units, passing), at + PIECE >= len(share)

    def pack(found: tuple[Sequence[Declaration], Draft, bool]) -> _Told:
        nonlocal faults, inputs
        piece, draft, last = found
        told = _Told(
            draft.detached(),
            {one.id: units.made[one.id] for one in piece if one.id in units.made},
            units.faults[faults:],
            dict(islice(texts.known.items(), inputs, None)),
            passing.found() if last else None,
        )
        faults, inputs = len(units.faults), len(texts.known)
        return told

    own, others = forks.divided(leaves, decide, pack)
    for _, draft, _ in own:
        planner.draft.join(draft)
    for told in others:
        planner.draft.join(told.draft)
        units.made.update(told.units)
        units.faults += told.faults
        texts.known.update(told.inputs)
        if told.found is not None:
            passing.take(told.found)


def _decide(some: Sequence[Declaration], planner: Planner, units: Units, passing: PassesOver) -> Draft:
    draft = planner.draft.below()
    for declaration in some:
        unit = units.of(declaration)
        before = draft.fresh()
        planner.decide(unit, draft)
        passing.looked_at(unit, draft, before)
        draft.merge(before)
    planner.settle(draft)
    return draft
