"""The straight line: load → resolve → observe → plan → execute → record. No decisions here, and no state."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module

from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.texts import Texts
from pkibuild.cache.store import prepare
from pkibuild.core.diagnostics import Diagnostic, Problems, UserError, fail, nearest
from pkibuild.core.values import Record
from pkibuild.execute.progress import Progress
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, GraphNode, Pending, Plan, StatusRow, Why, unit_of
from pkibuild.observe import memos as memories
from pkibuild.observe.files import Files
from pkibuild.observe.journals import accept_lost_history
from pkibuild.observe.memos import Cache
from pkibuild.observe.observed import Observed, observe, observe_files, observe_lock, refuse_clone
from pkibuild.observe.workspace import Workspace
from pkibuild.plan import saved as saving
from pkibuild.plan import selection
from pkibuild.plan.annotate import describe_new
from pkibuild.plan.orphans import Wanted, find_orphans, prune
from pkibuild.plan.planner import make_plan, plan_delivery, with_orphans
from pkibuild.plan.saved import Saved
from pkibuild.plan.skip import SkipPolicy, UnchangedUnits, signatures
from pkibuild.plan.status import status as states
from pkibuild.plan.watch_list import unchanged_tree
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


class _Planned(Record):
    """A plan, and what else was found out while it was made."""

    plan: Plan
    draft: PlanDraft
    """All that was decided, before `--only` and `--due` chose from it."""
    unchanged: UnchangedUnits | None
    texts: Texts


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
    """What `apply` would do. Writes nothing but caches. Raises UserError."""
    now = options.at if options.at is not None else world.now()
    units = Units(manifest)
    workspace = Workspace.of(manifest, world)
    memory = Cache() if options.lock_only else memories.read(workspace.tree)
    observed = observe_lock(workspace, now) if options.lock_only else _observe(workspace, units, world, now, memory)
    planned = _plan(workspace, units, observed, memory, options, now, world, Forks(world.processors()))
    made = describe_new(planned.plan, manifest)
    if isinstance(observed.source, Files):
        files = observed.source
        _remember(workspace, files, memory, planned.unchanged, observed.lock_file.digest)
        if options == Options():
            watched = unchanged_tree(
                workspace, units.paths(), files, planned.draft, planned.unchanged, made, world.started
            )
            made = replace(made, watch=watched)
    world.hold(manifest, units, observed, planned)
    return made


def _observe(
    workspace: Workspace, units: Iterable[Unit], world: World, now: int, memory: Cache, what: str = "planned"
) -> Observed:
    workspace.check_owner(world)
    workspace.check_marker()
    return observe(workspace, units, now, memory, what)


def _plan(
    workspace: Workspace,
    units: Units,
    observed: Observed,
    memory: Cache,
    options: Options,
    now: int,
    world: World,
    forks: Forks,
) -> _Planned:
    manifest, source = workspace.manifest, observed.source
    dated = now
    if options.saved is not None:
        saving.check_moment(options.saved, now)
        dated = options.saved.now
    unchanged, texts = None, Texts()
    if isinstance(source, Files) and workspace.tree.caches and options.at is None and not options.only:
        digest, journals = observed.lock_file.digest, signatures(source)
        unchanged = UnchangedUnits(manifest, workspace.tree, digest, journals, now, world.started, memory.keys, forks)
    draft, made = make_plan(manifest, units, source, observed.lock, now, texts, unchanged or SkipPolicy(), dated, forks)
    wanted = Wanted(units.paths(), draft.planned_ids, made.actions)
    orphans = find_orphans(source, manifest, wanted, now, unchanged.skipped if unchanged else ())
    if unchanged is not None:
        unchanged.forget(unit_of(one.id) for one in orphans)
    made = with_risks(made, orphans, dated)
    removed: list[Action] = []
    if options.prune is not None:
        removed, orphans = prune(orphans, options.prune, dated, source)
    made = with_orphans(made, orphans, removed)
    selection.check_named(options.only, draft.planned_ids)
    made = selection.only(made, options.only)
    if options.due:
        made = selection.due(made)
    made = replace(
        made,
        warnings=(*made.warnings, *observed.warnings),
        notes=observed.notes,
        lock_only=source.lock_only,
        lock=observed.lock_file.digest,
    )
    if options.saved is not None:
        from pkibuild.views import plan_saved

        saving.check_same(options.saved, made, plan_saved.actions(describe_new(made, manifest)))
    if options.strict and made.warnings:
        raise UserError(*(replace(one, severity="error") for one in made.warnings))
    selection.check_limit(made, options.max_reissue)
    return _Planned(made, draft, unchanged, texts)


def _remember(workspace: Workspace, files: Files, memory: Cache, unchanged: UnchangedUnits | None, lock: str) -> None:
    """Keep what holds for the next run. A folder that may only be read is planned as well, only not as fast."""
    tree = workspace.tree
    if tree.stat_root() is None:
        return
    try:
        if files.histories.paths():
            prepare(tree)
        memories.write(tree, memory)
        if unchanged is not None:
            unchanged.close(lock, signatures(files))
    except (OSError, UserError):
        return


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
    workspace = Workspace.of(manifest, world)
    workspace.check_owner(world)
    memory = memories.read(workspace.tree)
    if not options.take_over:
        workspace.check_marker()
    files, lock_file = observe_files(workspace, now, memory)
    refuse_clone(workspace, units, files)
    with workspace.locked():
        workspace.tree.forget()  # another run may have written until now
        if not options.take_over:
            workspace.check_marker()
        files, lock_file = observe_files(workspace, now, memory, lock_file)
        histories = files.histories
        lock, gaps = accept_lost_history(histories, files.lock, options.accept_lost_history, now)
        if gaps:
            lock_file = replace(lock_file, lock=lock)
            files = Files(workspace.tree, lock, now, memory, histories)
        # What builds is imported while forks still plan: a tenth of a build of a thousand hosts.
        forks = Forks(options.jobs or world.processors(), partial(import_module, "pkibuild.execute.run"), weight=120)
        planned = _plan(
            workspace,
            units,
            Observed(files, lock_file),
            memory,
            options,
            now,
            world,
            forks,
        )
        draft, unchanged = planned.draft, planned.unchanged
        made = replace(planned.plan, actions=(*gaps, *planned.plan.actions))
        selection.check_risks(made, options.fail_on)
        from pkibuild.execute.run import carry_out
        from pkibuild.record.recorder import Recorder

        skipped = unchanged.skipped if unchanged is not None else ()
        recorder = Recorder(workspace, units, lock_file, now, planned.texts, draft, skipped, memory)
        outcome = carry_out(
            manifest, units, workspace, files, made, draft.leftovers, recorder, world, options.jobs, progress
        )
        _remember(workspace, files, memory, unchanged, outcome.lock_file.digest)
    world.hold(manifest, units, files, planned)
    if options == Options() and not outcome.diagnostics:
        made = replace(
            made, watch=unchanged_tree(workspace, units.paths(), files, draft, unchanged, made, world.started)
        )
    shown = tuple(map(manifest.located, outcome.diagnostics))
    return replace(made, pending=(*made.pending, *outcome.pending)), Result(outcome.done, outcome.pending, shown)


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
    workspace = Workspace.of(manifest, world)
    observed = _observe(workspace, units, world, now, memories.read(workspace.tree), "told")
    return States(states(manifest, units, observed.source, observed.lock, now), observed.notes)


def bundle(manifest: Manifest, world: World, name: str) -> bytes:
    """One host's files as a tar stream. Raises UserError."""
    from pkibuild.deliver import bundle as bundles

    now, workspace, units = world.now(), Workspace.of(manifest, world), Units(manifest)
    workspace.check_owner(world)
    workspace.check_marker()
    files, _ = observe_files(workspace, now, memories.read(workspace.tree))
    host = manifest.hosts.get(name)
    if host is None:
        close = nearest(name, manifest.hosts)
        raise fail("unknown-host", f"host `{name}` is not declared", hint=f"did you mean `{close}`?" if close else "")
    refuse_clone(workspace, units, files)
    plan = plan_delivery(manifest, host, units, files, files.lock, now)
    return bundles.bundle(host, units.of(host), plan, files)


def graph(manifest: Manifest) -> list[GraphNode]:
    """Every artifact and what it needs. Raises UserError."""
    return registry.nodes(manifest, check(manifest))


def why(manifest: Manifest, id: str) -> Why:
    """What asks for an artifact, what it is made from, and what follows from its changes. Raises UserError."""
    units = check(manifest)
    return explain(manifest, units, id)
