"""Which units need not be planned: what a planner asks before it decides on a host or certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkibuild.artifacts.draft import Draft, Tally
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Declaration


class SkipPolicy:
    """Skips nothing, unless a subclass knows that a unit is as it should be."""

    def begin(self, issuers: Mapping[str, IssuerView]) -> None:
        """The authorities are decided on."""

    def can_skip(self, declaration: Declaration, draft: Draft) -> bool:  # noqa: ARG002 - subclasses look at them
        """Whether a host or certificate is skipped; if so, its artifacts are counted in the draft."""
        return False

    def decided(self, unit: Unit, draft: Draft, before: Tally) -> None:
        """A unit was decided on; `before` is how far the draft had come."""

    def results(self) -> Any:
        """In a fork: what is to be remembered of the units that were decided on there."""

    def merge(self, results: Any) -> None:
        """Take over the results of a fork."""
