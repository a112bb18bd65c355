"""The state of an artifact, as the plan sees it: what would be done with it, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.model.plan import BY_TIME, Action, Reason
from pkibuild.observe.source import ObservedSource

State = tuple[str, str]
"""One of `model.plan.STATES`, and a message."""


class StatusTable(Struct):
    """What the rows of `status` are made from."""

    source: ObservedSource
    draft: PlanDraft
    issuers: Mapping[str, IssuerView]
    now: int
    reported: list[Diagnostic] = field(default_factory=list)
    """The problems that a row reports."""

    def problem(self, place: Place) -> Diagnostic | None:
        """The first error about a declaration."""
        errors = [one for one in self.draft.problems.errors if one.place and one.place[: len(place)] == place]
        self.reported += errors
        return errors[0] if errors else None

    def waits(self, id: str) -> str:
        """What it waits for; empty where it does not."""
        return next((one.message for one in self.draft.pending if one.id == id), "")

    def planned(self, id: str, own: Action | None, key: Action | None, renews: int, ends: int) -> State | None:
        """What the plan's action (or what it waits for) says; None where nothing is to be done.

        That the time has come needs no words: the times stand in the row.
        """
        reasons = (*(key.reasons if key else ()), *(own.reasons if own else ()))
        message = in_words([one for one in reasons if one.code not in BY_TIME]) or self.waits(id)
        if self.now > ends:
            return "expired", message
        if own is None and id in self.draft.waiting:
            return "due" if self.now >= renews else "wrong", message
        if not reasons:
            return None
        codes = {reason.code for reason in reasons}
        if own is not None and own.verb in ("restore", "retire"):
            return "wrong" if "edited-by-hand" in codes else "missing", in_words(reasons)
        if codes <= BY_TIME or ("rotated" in codes and codes <= BY_TIME | {"rotated", "key-changed"}):
            return "due", message
        return "wrong", message


def in_words(reasons: Sequence[Reason]) -> str:
    return "; ".join(dict.fromkeys(reason.message for reason in reasons))
