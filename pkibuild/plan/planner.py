"""One planner for every source: from units and observations to a plan, unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.certificate.generations import check_signing
from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.issuers import DeclaredIssuers, IssuerView
from pkibuild.artifacts.kind import PlanningContext
from pkibuild.artifacts.openssl import plan_authority
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import UserError, warning
from pkibuild.core.times import format_date
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Declaration, Host, Manifest
from pkibuild.model.plan import Action, Orphan, Plan
from pkibuild.observe.source import ObservedSource
from pkibuild.plan.annotate import with_causes
from pkibuild.plan.missing import check_missing
from pkibuild.plan.parallel import decide_in_shares
from pkibuild.plan.selection import due
from pkibuild.plan.skip import SkipPolicy
from pkibuild.resolve.units import Units
from pkibuild.state.lock.lock import Lock
from pkibuild.world.forks import ALONE, Forks

FEW = 192
"""Up to so many units one process decides on as fast as two."""


class Planner(Struct):
    """Decides on units one after the other, each after the authorities that it names."""

    manifest: Manifest
    source: ObservedSource
    now: int
    dated: int
    """The time by which what is signed is dated: an earlier one where a saved plan is carried out."""
    texts: Texts
    draft: PlanDraft
    old_texts: Texts
    """Those of the old manifest, in a diff."""
    issuers: dict[str, IssuerView] = field(default_factory=dict)
    """The authorities as they will be, as far as they are decided on."""

    def decide(self, unit: Unit, draft: PlanDraft) -> None:
        """Add to a draft what is to be done with a unit, and what is wrong with it."""
        if self._has_issuers(unit):  # else what is wrong with the authority is reported already
            texts = (self.texts, self.old_texts)
            _plan_unit(PlanningContext(self.source, draft, unit, self.issuers, *texts, self.now, self.dated))

    def _has_issuers(self, unit: Unit) -> bool:
        """Whether the authorities that it is made from are decided on."""
        if len(self.issuers) == len(self.manifest.authorities):
            return True
        return all(
            id.startswith(f"{unit.id}/") or not id.startswith("authority/") or id.split("/", 2)[1] in self.issuers
            for one in unit.artifacts
            for id, _ in registry.of(one).needs(one, DeclaredIssuers(self.manifest))
        )

    def settle(self, draft: PlanDraft) -> None:
        """Units and what they hang on are decided on: each reason tells why there is one, needs are what is planned."""
        planned = {**draft.above, **draft.actions}
        draft.actions = {
            id: _needing(action, planned.keys()) for id, action in with_causes(draft.actions, planned, self.manifest)
        }

    def finish(self) -> None:
        """When all is decided on: what is to be said of the whole."""
        for authority in self.manifest.authorities.values():
            check_signing(self.source, self.draft, self.now, authority)
        _once_a_fault(self.draft)
        _advise_clamped(self.draft, self.manifest, self.issuers)
        check_missing(self.manifest, self.source, self.draft)


def draft_plan(
    manifest: Manifest, units: Iterable[Unit], source: ObservedSource, lock: Lock, now: int, texts: Texts
) -> tuple[PlanDraft, Mapping[str, IssuerView]]:
    """Decide on these units; what is wrong is in the draft's problems. The authorities' facets are told besides."""
    planner = Planner(manifest, source, now, now, texts, PlanDraft(lock), Texts())
    for unit in units:
        planner.decide(unit, planner.draft)
    planner.finish()
    return planner.draft, planner.issuers


def plan_delivery(manifest: Manifest, host: Host, units: Units, source: ObservedSource, lock: Lock, now: int) -> Plan:
    """What is to be done before a host's files may be delivered. What is due still serves, as long as it is valid.

    Raises UserError with what is wrong with the host, or with an authority on which it depends.
    """
    chosen = [units.of(one) for one in (*manifest.authorities.values(), host)]
    draft, _ = draft_plan(manifest, chosen, source, lock, now, Texts())
    problems = [*units.problems.errors, *draft.problems.errors]
    if problems:
        raise UserError(*problems)
    plan = Plan(manifest.path, manifest.output, now, tuple(draft.actions.values()), pending=tuple(draft.pending))
    late = {action.id for action in due(plan).actions if not _is_urgent(action)}
    return replace(plan, actions=tuple(action for action in plan.actions if action.id not in late))


def _is_urgent(action: Action) -> bool:
    return any(reason.code in ("expired", "interrupted") for reason in action.reasons)


def make_plan(
    manifest: Manifest,
    units: Units,
    source: ObservedSource,
    lock: Lock,
    now: int,
    texts: Texts,
    skip: SkipPolicy,
    dated: int | None = None,
    forks: Forks = ALONE,
    old_texts: Texts | None = None,
) -> tuple[PlanDraft, Plan]:
    """What is to be done so that everything is as the manifest says. Raises UserError with all problems found.

    Hosts and certificates in great number are decided on by several processes. Orphans are added by the caller, who
    knows the folder.
    """
    planner = Planner(
        manifest, source, now, now if dated is None else dated, texts, PlanDraft(lock), old_texts or Texts()
    )
    draft = planner.draft
    for authority in manifest.authorities.values():
        planner.decide(units.of(authority), draft)
    planner.settle(draft)
    skip.begin(planner.issuers)
    leaves = [one for one in manifest.leaves() if not skip.can_skip(one, draft)]
    own = partial(_decide, planner, units, skip)
    decide_in_shares(leaves, own, draft, units, texts, skip, forks if len(leaves) > FEW else ALONE)
    planner.finish()
    draft.problems.found[:0] = units.problems.found
    if draft.problems.errors:
        raise UserError(*map(manifest.located, (*manifest.warnings, *draft.problems.found)))
    warnings = (*manifest.warnings, *map(manifest.located, draft.problems.warnings))
    return draft, Plan(
        manifest=manifest.path,
        output=manifest.output,
        now=now,
        actions=tuple(draft.actions.values()),
        pending=tuple(draft.pending),
        warnings=warnings,
        unchanged=draft.unchanged,
        next_due=draft.next_due,
        aged=tuple(draft.aged),
    )


def _decide(planner: Planner, units: Units, skip: SkipPolicy, leaves: Sequence[Declaration]) -> PlanDraft:
    """Decide on some hosts and certificates; the draft is of them alone."""
    draft = planner.draft.below()
    for declaration in leaves:
        unit = units.of(declaration)
        before = draft.checkpoint()
        planner.decide(unit, draft)
        skip.decided(unit, draft, before)
        draft.include_earlier_times(before)
    planner.settle(draft)
    return draft


def _once_a_fault(draft: PlanDraft) -> None:
    """That an authority's key is not here need not be said where an error says that it is wrong, or is needed."""
    found = draft.problems.found
    told = {one.place for one in found if one.code in ("key-missing", "key-mismatch")}
    found[:] = [one for one in found if one.code != "key-away" or one.place not in told]


def _needing(action: Action, planned: Set[str]) -> Action:
    """The action, needing only what is planned."""
    if not action.needs or planned >= set(action.needs):
        return action
    return replace(action, needs=tuple(id for id in action.needs if id in planned))


def _plan_unit(context: PlanningContext) -> None:
    try:
        if context.unit.authority is not None:
            plan_authority(context, context.unit.authority)
        for artifact in context.unit.artifacts:
            registry.of(artifact).plan(context, artifact)
    except UserError as error:  # the other units' problems are reported in the same run
        context.draft.problems.extend(error.diagnostics)


def _advise_clamped(draft: PlanDraft, manifest: Manifest, views: Mapping[str, IssuerView]) -> None:
    """A certificate never outlives its issuer: what was cut short is said, and whose end is to be moved."""
    for name, units in draft.clamped.items():
        view = views[name]
        end = format_date(view.own.not_after)
        more = f" and {len(units) - 1} more" if len(units) > 1 else ""
        declaration = manifest.declaration(units[0])
        place = declaration.place if declaration else None
        draft.problems.found.append(
            warning("clamped", f"`{units[0]}`{more} would outlive `{name}` and ends with it, on {end}", place)
        )
        hint = (
            "renew the root by an edit: `issued_since`, or a longer `validity`"
            if view.authority.is_root
            else "it is renewed by the clock as soon as its own issuer allows a later end"
        )
        draft.problems.found.append(
            warning(
                "short", f"authority `{name}` ends on {end}, too soon for what it issues", view.authority.place, hint
            )
        )


def with_orphans(plan: Plan, orphans: Iterable[Orphan], prune: Iterable[Action] = ()) -> Plan:
    return replace(plan, orphans=tuple(orphans), actions=(*plan.actions, *prune))
