"""The straight line: resolve → observe → plan → [show] → execute → record. No decisions here."""

from __future__ import annotations

from functools import partial
from importlib import import_module

from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.core.diagnostics import Diagnostic, Problems, UserError
from pkibuild.core.values import Record
from pkibuild.execute.progress import Progress
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, Pending, Plan, unit_of
from pkibuild.model.reports import GraphNode, StatusRow, Why
from pkibuild.plan import saved as saving
from pkibuild.plan import selection
from pkibuild.plan.details import describe_new
from pkibuild.plan.folder import Folder
from pkibuild.plan.orphans import Wanted, find_orphans, prune
from pkibuild.plan.planner import PassesOver, make_plan, with_orphans
from pkibuild.plan.quiet import quiet
from pkibuild.plan.saved import Saved
from pkibuild.plan.status import status as states
from pkibuild.plan.why import explain
from pkibuild.resolve.units import Units
from pkibuild.review.risks import with_risks
from pkibuild.world import World
from pkibuild.world.forks import Forks


class Options(Record):
    """What the command line asks for."""

    at: int | None = None
    only: tuple[str, ...] = ()
    due: bool = False
    prune: str | None = None
    """None: orphans stay; empty: all go; else a pattern."""
    jobs: int | None = None
    fail_on: tuple[str, ...] = ()
    max_reissue: int | None = None
    lock_only: bool = False
    accept_lost_history: tuple[str, ...] = ()
    take_over: bool = False
    strict: bool = False
    saved: Saved | None = None
    """The plan that was reviewed: what is planned has to be equal to it."""


class Result(Record):
    """How carrying out a plan went."""

    done: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class States(Record):
    """What `status` tells."""

    rows: list[StatusRow]
    notes: tuple[str, ...] = ()
    """Said beside them."""


def check(manifest: Manifest) -> list[Unit]:
    """Every unit. Raises UserError with all that is wrong with services."""
    units, problems = examine(manifest)
    if problems.errors:
        raise UserError(*map(manifest.located, (*manifest.warnings, *problems.found)))
    return units


def examine(manifest: Manifest) -> tuple[list[Unit], Problems]:
    """Every unit, and what is wrong with services."""
    units = Units(manifest)
    return list(units), units.problems


def plan(manifest: Manifest, world: World, options: Options) -> Plan:
    """What `apply` would do. Changes nothing. Raises UserError."""
    now = options.at if options.at is not None else world.now()
    folder = Folder.open(manifest, world, now, take_over=options.take_over, lock_only=options.lock_only)
    units = Units(manifest)
    folder.notice_clone(units)
    made = describe_new(_planned(manifest, units, folder, options, now, Forks(world.processors())), manifest)
    folder.remember()
    world.hold(manifest, units, folder, made)
    ordinary = options == Options() and not folder.lock_only
    return replace(made, quiet=quiet(manifest, units.paths(), folder, made)) if ordinary else made


def _planned(
    manifest: Manifest,
    units: Units,
    folder: Folder,
    options: Options,
    now: int,
    forks: Forks,
) -> Plan:
    dated = now
    if options.saved is not None:
        saving.check_moment(options.saved, now)
        dated = options.saved.now
    passing = folder.make_passing(forks) if options.at is None and not options.only else None
    draft, made = make_plan(
        manifest,
        units,
        folder.observed,
        folder.lock,
        now,
        folder.texts,
        passing or PassesOver(),
        dated,
        forks,
    )
    folder.draft = draft
    wanted = Wanted(units.paths(), draft.seen, made.actions)
    orphans = find_orphans(folder.observed, manifest, wanted, now, passing.passed if passing else ())
    if passing is not None:
        passing.leave_out(unit_of(one.id) for one in orphans)
    made = with_risks(made, orphans, dated)
    removed: list[Action] = []
    if options.prune is not None:
        removed, orphans = prune(orphans, options.prune, dated, folder.observed)
    made = with_orphans(made, orphans, removed)
    selection.check_named(options.only, draft.seen)
    made = selection.only(made, options.only)
    if options.due:
        made = selection.due(made)
    made = replace(
        made,
        warnings=(*made.warnings, *folder.warnings),
        notes=tuple(folder.notes),
        lock_only=folder.lock_only,
        lock=folder.lock_digest,
    )
    if options.saved is not None:
        from pkibuild.views import plan_saved

        saving.check_same(options.saved, made, plan_saved.actions(describe_new(made, manifest)))
    if options.strict and made.warnings:
        raise UserError(*(replace(one, severity="error") for one in made.warnings))
    selection.check_limit(made, options.max_reissue)
    return made


def diff(old: str, new: str, world: World) -> Plan:
    """What changes from one manifest to another, each a path or `REV:PATH`. Raises UserError."""
    from pkibuild.manifest.sides import load_sides
    from pkibuild.plan.compare.diff import make_diff

    sides = load_sides(old, new, world)
    made = make_diff(*sides, world.now(), Forks(world.processors()))
    world.hold(sides, made)
    return made


def apply(manifest: Manifest, world: World, options: Options, progress: Progress) -> tuple[Plan, Result]:
    """Build what the plan says, as far as possible. Raises UserError."""
    units = Units(manifest)
    now = world.now()
    folder = Folder.open(manifest, world, now, take_over=options.take_over)
    folder.refuse_clone(units)
    with folder.locked():
        folder.refresh()
        folder.accept_gaps(options.accept_lost_history)
        # What builds is imported while forks still plan: a tenth of a build of a thousand hosts.
        forks = Forks(options.jobs or world.processors(), partial(import_module, "pkibuild.execute.run"), weight=120)
        made = _planned(manifest, units, folder, options, now, forks)
        selection.check_risks(made, options.fail_on)
        from pkibuild.execute.run import carry_out

        done, pending, diagnostics = carry_out(manifest, units, folder, made, world, options.jobs, progress)
        folder.remember()
    world.hold(manifest, units, folder, made)
    shown = tuple(map(manifest.located, diagnostics))
    if options == Options() and not diagnostics:
        made = replace(made, quiet=quiet(manifest, units.paths(), folder, made))
    return replace(made, pending=(*made.pending, *pending)), Result(tuple(done), tuple(pending), shown)


def status(manifest: Manifest, world: World, at: int | None = None, within: int | None = None) -> States:
    """Every certificate and list with its state at a time; with `within` only what is not fine, now or then (seconds).

    Raises UserError for what is wrong with none of them alone.
    """
    now = world.now() if at is None else at
    units = check(manifest)
    found = _states(manifest, world, units, now)
    if within is None:
        return found
    later = {row.id for row in _states(manifest, world, units, now + within).rows if not row.is_fine}
    return replace(found, rows=[row for row in found.rows if not row.is_fine or row.id in later])


def _states(manifest: Manifest, world: World, units: list[Unit], now: int) -> States:
    folder = Folder.open(manifest, world, now)
    folder.notice_clone(units, "told")
    return States(states(manifest, units, folder.observed, folder.lock, now), tuple(folder.notes))


def bundle(manifest: Manifest, world: World, host: str) -> bytes:
    """One host's files as a tar stream. Raises UserError."""
    from pkibuild.deliver import bundle as bundles

    return bundles.bundle(manifest, host, Units(manifest), Folder.open(manifest, world, world.now()))


def graph(manifest: Manifest) -> list[GraphNode]:
    """Every artifact and what it needs. Raises UserError."""
    return registry.nodes(manifest, check(manifest))


def why(manifest: Manifest, id: str) -> Why:
    """What asks for an artifact, what it is made from, and what follows from its changes. Raises UserError."""
    units = check(manifest)
    return explain(manifest, units, id)
