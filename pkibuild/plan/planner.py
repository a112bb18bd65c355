"""One planner for every source: from units and observations to a plan, unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Protocol

from pkibuild.artifacts.configs import Texts
from pkibuild.artifacts.wants import Unit
from pkibuild.diagnostics import UserError, warning
from pkibuild.graph import Units
from pkibuild.model import SELF, Declaration, Manifest
from pkibuild.nodes import Action, Orphan, Plan
from pkibuild.plan.authorities import check_signing, plan_authority
from pkibuild.plan.because import explained
from pkibuild.plan.derived import plan_bundle, plan_config
from pkibuild.plan.draft import Draft
from pkibuild.plan.issuers import IssuerView
from pkibuild.plan.missing import check_missing
from pkibuild.plan.observed import Source
from pkibuild.plan.pairs import Context, plan_pair
from pkibuild.state.lock import Lock
from pkibuild.units import format_date


class PassesOver(Protocol):
    """Knows of units that they are as they should be."""

    def join(self, draft: Draft, views: Mapping[str, IssuerView]) -> None:
        """The plan that is being made, and the authorities as it will have decided on them when leaves come."""
        ...

    def over(self, declaration: Declaration) -> bool:
        """Whether a unit is passed over."""
        ...

    def looked_at(self, unit: Unit) -> None:
        """A unit was decided on."""
        ...


def draft_plan(
    manifest: Manifest,
    units: Iterable[Unit],
    source: Source,
    lock: Lock,
    now: int,
    texts: Texts,
    passing: PassesOver | None = None,
    dated: int | None = None,
) -> tuple[Draft, dict[str, IssuerView]]:
    """Decide on every unit; what is wrong is in the draft's problems. The authorities' facets are told besides.

    What is signed is dated by now, or by the time (`dated`) of a saved plan that is carried out.
    """
    draft = Draft(lock)
    context = Context(source, draft, now, now if dated is None else dated)
    views: dict[str, IssuerView] = {}
    if passing is not None:
        passing.join(draft, views)
    for unit in units:
        if _issuers(unit) <= views.keys():  # else what is wrong with the authority is told already
            _plan_unit(context, unit, views, texts)
        if passing is not None:
            passing.looked_at(unit)
    for authority in manifest.authorities.values():
        check_signing(context, authority)
    _once_a_fault(draft)
    _advise_clamped(draft, manifest, views)
    check_missing(manifest, source, draft)
    return draft, views


def make_plan(
    manifest: Manifest,
    units: Units,
    source: Source,
    lock: Lock,
    now: int,
    texts: Texts,
    passing: PassesOver | None = None,
    dated: int | None = None,
) -> tuple[Draft, Plan]:
    """What is to be done so that everything is as the manifest says. Raises UserError with all problems found.

    Orphans are added by the caller, who knows the folder.
    """
    coming = units if passing is None else units.but(passing.over)
    draft, _ = draft_plan(manifest, coming, source, lock, now, texts, passing, dated)
    draft.problems.found[:0] = units.problems.found
    if draft.problems.errors:
        raise UserError(*map(manifest.located, (*manifest.warnings, *draft.problems.found)))
    actions = tuple(_needing(action, draft.actions.keys()) for action in explained(draft.actions, manifest))
    warnings = (*manifest.warnings, *map(manifest.located, draft.problems.warnings))
    return draft, Plan(
        manifest=manifest.path,
        output=manifest.output,
        now=now,
        actions=actions,
        pending=tuple(draft.pending),
        warnings=warnings,
        unchanged=draft.unchanged,
        next_due=draft.next_due,
        aged=tuple(draft.aged),
    )


def _once_a_fault(draft: Draft) -> None:
    """That an authority's key is not here need not be said where an error says that it is wrong, or is needed."""
    found = draft.problems.found
    told = {one.place for one in found if one.code in ("key-missing", "key-mismatch")}
    found[:] = [one for one in found if one.code != "key-away" or one.place not in told]


def _needing(action: Action, planned: Set[str]) -> Action:
    """The action, needing only what is planned."""
    needs = tuple(id for id in action.needs if id in planned)
    return action if needs == action.needs else replace(action, needs=needs)


def _issuers(unit: Unit) -> set[str]:
    """The authorities that a unit names."""
    named = {pair.certificate.issuer for pair in unit.pairs} - {SELF}
    parts = (part.partition("/") for bundle in unit.bundles for part in bundle.parts)
    return named | {name for kind, _, name in parts if kind == "authority"}


def _plan_unit(context: Context, unit: Unit, views: dict[str, IssuerView], texts: Texts) -> None:
    try:
        pairs = {}
        if unit.authority is not None:
            views[unit.authority.name], pairs[unit.id] = plan_authority(context, unit, views)
        for pair in unit.pairs:
            if unit.authority is None:
                pairs[pair.unit] = plan_pair(context, pair, _issuer(pair.certificate.issuer, views))
        for bundle in unit.bundles:
            plan_bundle(context, bundle, unit, pairs, views)
        for config in unit.configs:
            plan_config(context, config, unit, texts)
    except UserError as error:  # the other units' problems are told in the same run
        context.draft.problems.extend(error.diagnostics)


def _issuer(name: str, views: Mapping[str, IssuerView]) -> IssuerView | None:
    return None if name == SELF else views[name]


def _advise_clamped(draft: Draft, manifest: Manifest, views: Mapping[str, IssuerView]) -> None:
    """A certificate never outlives its issuer: what was cut short is said, and whose end is to be moved."""
    for name, units in draft.clamped.items():
        view = views[name]
        end = format_date(view.not_after)
        more = f" and {len(units) - 1} more" if len(units) > 1 else ""
        place = _place(manifest, units[0])
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


def _place(manifest: Manifest, unit: str) -> tuple[str | int, ...] | None:
    kind, _, name = unit.partition("/")
    found = {"authority": manifest.authorities, "host": manifest.hosts, "certificate": manifest.certificates}
    declaration = found[kind].get(name) if kind in found else None
    return declaration.place if declaration else None


def with_orphans(plan: Plan, orphans: Iterable[Orphan], prune: Iterable[Action] = ()) -> Plan:
    return replace(plan, orphans=tuple(orphans), actions=(*plan.actions, *prune))
