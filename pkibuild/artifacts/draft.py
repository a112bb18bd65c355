"""The plan while it is made: what each unit adds to it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Problems
from pkibuild.core.times import END_OF_TIME
from pkibuild.core.values import Record
from pkibuild.model.plan import Action, Pending
from pkibuild.state.lock.lock import Lock, LockEntry


class Tally(Record):
    """How far a draft had come before a unit."""

    unchanged: int
    entries: int
    next_due: tuple[str, int] | None
    horizon: int


class PlanDraft(Struct):
    """All that was decided; or of some units alone, to be joined to that of the units above them."""

    lock: Lock
    above: Mapping[str, Action] = field(default_factory=dict)
    """What is done with the authorities, by id, where this is the draft of units below them alone."""
    problems: Problems = field(default_factory=Problems)
    actions: dict[str, Action] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """Ids of what is pending."""
    unchanged: int = 0
    kept: dict[str, LockEntry] = field(default_factory=dict)
    """What the lock does not yet say of artifacts that stay as they are."""
    leftovers: list[str] = field(default_factory=list)
    """Keys beside which a killed run has left one that nothing was ever signed for."""
    planned_ids: set[str] = field(default_factory=set)
    """Every id that this plan covers."""
    next_due: tuple[str, int] | None = None
    horizon: int = END_OF_TIME
    """The first time, renewals apart, at which something may have to be done or reported."""
    clamped: dict[str, list[str]] = field(default_factory=dict)
    """Authority → units whose certificates end with it, before their declared end."""
    unbuilt: dict[str, bool] = field(default_factory=dict)
    """Authorities of which nothing is in the folder → whether the lock remembers them."""
    signing: dict[str, list[str]] = field(default_factory=dict)
    """Authority → ids of what it is to sign in this plan."""
    aged: list[str] = field(default_factory=list)
    """Ids of what is dated so far back that it would be due as soon as it is made."""
    restoring: set[str] = field(default_factory=set)
    """Names of authorities whose journals bring something back in this plan."""

    def checkpoint(self) -> Tally:
        """The state before a unit; times are collected anew until `include_earlier_times`."""
        before = Tally(self.unchanged, self._count(), self.next_due, self.horizon)
        self.next_due, self.horizon = None, END_OF_TIME
        return before

    def is_unchanged_since(self, before: Tally) -> bool:
        """Whether nothing was added since: no action, entry or diagnostic."""
        return self._count() == before.entries

    def _count(self) -> int:
        lists = (self.actions, self.pending, self.kept, self.problems.found, self.leftovers, *self.clamped.values())
        return sum(map(len, lists))

    def include_earlier_times(self, before: Tally) -> None:
        """Let times from before the checkpoint count again."""
        if before.next_due is not None:
            self.due(*before.next_due)
        self.horizon = min(self.horizon, before.horizon)

    # -- of some units -----------------------------------------------------------------------------------------------

    def below(self) -> PlanDraft:
        """An empty one for units below those that were decided on."""
        return PlanDraft(self.lock, self.actions)

    def detached(self) -> PlanDraft:
        """The same without what every process of a run has."""
        return replace(self, lock=Lock("", ""), above={})

    def join(self, part: PlanDraft) -> None:
        """Add what was decided on other units."""
        if part.problems.found:
            self.problems.found = list(dict.fromkeys((*self.problems.found, *part.problems.found)))
        self.actions.update(part.actions)
        self.pending += part.pending
        self.waiting |= part.waiting
        self.unchanged += part.unchanged
        self.kept.update(part.kept)
        self.leftovers += part.leftovers
        self.planned_ids |= part.planned_ids
        if part.next_due is not None:
            self.due(*part.next_due)
        self.horizon = min(self.horizon, part.horizon)
        for mine, theirs in ((self.clamped, part.clamped), (self.signing, part.signing)):
            for authority, ids in theirs.items():
                mine.setdefault(authority, []).extend(ids)
        self.unbuilt.update(part.unbuilt)
        self.aged += part.aged
        self.restoring |= part.restoring

    def add(self, action: Action) -> None:
        self.planned_ids.add(action.id)
        self.actions[action.id] = action

    def keep(self, entry: LockEntry) -> None:
        """An artifact that stays as it is."""
        self.planned_ids.add(entry.id)
        self.unchanged += 1
        if self.lock.entry(entry.id) != entry:
            self.kept[entry.id] = entry

    def wait(self, pending: Pending) -> None:
        self.planned_ids.add(pending.id)
        self.waiting.add(pending.id)
        self.pending.append(pending)

    def due(self, unit: str, when: int) -> None:
        """Of units that are due together the one is named whose name sorts first, in whatever order they come."""
        if self.next_due is None or (when, unit) < (self.next_due[1], self.next_due[0]):
            self.next_due = (unit, when)

    def until(self, when: int, now: int) -> None:
        """At this time something changes without anybody's doing."""
        if now < when < self.horizon:
            self.horizon = when

    def once(self, problem: Diagnostic) -> None:
        """Report a problem that several artifacts may run into."""
        if problem not in self.problems.found:
            self.problems.found.append(problem)

    def planned_among(self, *ids: str) -> tuple[str, ...]:
        """Those of the artifacts that this plan changes: what an action has to wait for."""
        return tuple(dict.fromkeys(id for id in ids if id in self.actions or id in self.above))
