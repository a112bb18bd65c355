"""Hosts and certificates decided on by several processes: a share by this one, the others by forks of it.

A fork knows all that this process knows. It tells what it decided, with the units, piece by piece: to send a value of
twice the size takes more than twice the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pkibuild.artifacts.configs import Digest
from pkibuild.graph import Fault, Units
from pkibuild.model import Declaration
from pkibuild.plan.draft import Draft
from pkibuild.values import dataclass
from pkibuild.world.crew import Forks, packed, unpacked

if TYPE_CHECKING:
    from pkibuild.plan.planner import PassesOver, Planner

PIECE = 128
"""So many are told of at once."""


@dataclass(slots=True)
class _Told:
    """What a fork tells of its share."""

    pieces: list[bytes]
    """Packed: a draft, and the units by id, without what their templates see."""
    faults: Sequence[Fault]
    """What services cannot have."""
    inputs: Mapping[tuple[str, Digest], str]
    """Digests of configs and what they are rendered from (`Texts.known`)."""
    found: Any
    """What is to be remembered."""


def decide_on(leaves: Sequence[Declaration], planner: Planner, units: Units, passing: PassesOver, forks: Forks) -> None:
    """Decide on hosts and certificates; what was decided is in the planner's draft."""

    def decide(share: Sequence[Declaration]) -> list[Draft]:
        return [_decide(piece, planner, units, passing) for piece in _pieces(share)]

    texts = planner.texts
    faults, inputs = len(units.faults), len(texts.known)

    def pack(share: Sequence[Declaration], drafts: list[Draft]) -> _Told:
        made = [{one.id: units.made[one.id] for one in piece if one.id in units.made} for piece in _pieces(share)]
        return _Told(
            [packed((draft.detached(), some)) for draft, some in zip(drafts, made, strict=True)],
            units.faults[faults:],
            dict(islice(texts.known.items(), inputs, None)),
            passing.found(),
        )

    own, others = forks.divided(leaves, decide, pack)
    for draft in own:
        planner.draft.join(draft)
    for told in others:
        for draft, made in map(unpacked, told.pieces):
            planner.draft.join(draft)
            units.made.update(made)
        units.faults += told.faults
        texts.known.update(told.inputs)
        passing.take(told.found)


def _pieces(share: Sequence[Declaration]) -> Iterator[Sequence[Declaration]]:
    return (share[at : at + PIECE] for at in range(0, len(share), PIECE))


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
