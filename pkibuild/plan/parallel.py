"""Hosts and certificates decided on by several processes: a share by this one, the others by forks of it.

A fork has everything that this process has in memory. It sends what it decided, with the units, piece by piece, as soon
as it is decided: this process merges that between pieces of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.texts import Digest, Texts
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Declaration
from pkibuild.plan.skip import SkipPolicy
from pkibuild.resolve.units import Fault, Units
from pkibuild.world.forks import Forks

PIECE = 128
"""How many units are decided on and sent at once."""

Piece = Sequence[Declaration]


class Decided(Struct):
    """What a fork sends of a piece of its share."""

    draft: PlanDraft
    units: dict[str, Unit]
    """By id, without what their templates see."""
    faults: Sequence[Fault]
    """What services cannot have."""
    digests: Mapping[tuple[str, Digest], str]
    """Of configs and of what they are rendered from (`Texts.digests`)."""
    results: Any
    """What is to be remembered of the whole share; with its last piece."""


def decide_in_shares(
    leaves: Piece,
    decide: Callable[[Piece], PlanDraft],
    draft: PlanDraft,
    units: Units,
    texts: Texts,
    skip: SkipPolicy,
    forks: Forks,
) -> None:
    """Decide on hosts and certificates; what was decided is joined to the draft."""
    faults, digests = len(units.faults), len(texts.digests)

    def pieces(share: Piece) -> Iterator[tuple[Piece, PlanDraft, bool]]:
        for at in range(0, len(share), PIECE):
            piece = share[at : at + PIECE]
            yield piece, decide(piece), at + PIECE >= len(share)

    def pack(decided: tuple[Piece, PlanDraft, bool]) -> Decided:
        nonlocal faults, digests
        piece, own, last = decided
        packed = Decided(
            own.detached(),
            {one.id: units.resolved[one.id] for one in piece if one.id in units.resolved},
            units.faults[faults:],
            dict(islice(texts.digests.items(), digests, None)),
            skip.results() if last else None,
        )
        faults, digests = len(units.faults), len(texts.digests)
        return packed

    own, others = forks.divided(leaves, pieces, pack)
    for _, one, _ in own:
        draft.join(one)
    for decided in others:
        draft.join(decided.draft)
        units.resolved.update(decided.units)
        units.faults += decided.faults
        texts.digests.update(decided.digests)
        if decided.results is not None:
            skip.merge(decided.results)
