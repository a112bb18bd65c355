"""One run of `apply`, after the plan is made: open the keys, carry the actions out, have all of it recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from pkibuild.core.diagnostics import Diagnostic, warning
from pkibuild.core.values import Record
from pkibuild.execute.executor import Executor
from pkibuild.execute.progress import Progress
from pkibuild.execute.shares import build, split
from pkibuild.execute.signers import Opened, Opener
from pkibuild.model.desired import Unit
from pkibuild.model.layout import STAGED, public_path
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, Built, Done, Pending, Plan, partner_of
from pkibuild.model.recipes import AcceptGap, MakeKey, Remove, Sign, SignCrl
from pkibuild.observe.files import Files
from pkibuild.observe.workspace import RUNNING, Workspace, marker_of
from pkibuild.resolve.units import Units
from pkibuild.state import marker
from pkibuild.state.journal.histories import Histories
from pkibuild.state.lock.committed import LockFile
from pkibuild.world import World
from pkibuild.world.files import remove_leftover
from pkibuild.world.tree import TEMPORARY


class Recorder(Protocol):
    """Records what was carried out; made by the caller (`record/`)."""

    def record_units(self, histories: Histories, units: Iterable[Unit], done: Done) -> Built:
        """In whatever process they were built: the receipts of units; what lock and cache are to say of them."""
        ...

    def record(self, histories: Histories, done: Done, others: Built, removed: Sequence[str]) -> LockFile:
        """All the rest: what this process has done, and the lock with what workers have recorded."""
        ...


class Outcome(Record):
    """How carrying out a plan went."""

    lock_file: LockFile
    done: tuple[str, ...] = ()
    """Ids of the actions that were carried out."""
    pending: tuple[Pending, ...] = ()
    """What waits for a key that could not be opened."""
    diagnostics: tuple[Diagnostic, ...] = ()


def carry_out(
    manifest: Manifest,
    units: Units,
    workspace: Workspace,
    files: Files,
    plan: Plan,
    leftovers: Iterable[str],
    recorder: Recorder,
    world: World,
    jobs: int | None,
    progress: Progress,
) -> Outcome:
    """Do what can be done of a plan, and have it recorded, also where it ends early. Raises UserError.

    `leftovers` are the paths of keys beside which a killed run has left one that nothing was ever signed for.
    """
    tree = workspace.tree
    opened = Opener(manifest, tree, world).open_all(plan.actions)
    closed = {one.id: why for one in plan.actions if (why := _blocked(one, opened))} if opened.closed else {}
    actions, waits = without(plan, closed)
    pending = tuple(Pending(action.id, why.code, why.message, action.place) for action, why in waits)
    _sweep(workspace, leftovers)
    if not actions:
        return Outcome(recorder.record(Histories(tree), Done(), Built(), ()), (), pending, _diagnostics(opened))
    _mark_folder(workspace)
    tree.create(RUNNING, b"", 0o600, durable=False)
    processors = jobs or world.processors()
    executor = Executor(tree, files.histories, opened, plan.now, processors, progress.step)
    progress.start(len(actions))
    first, shares = split(units.resolved.values(), actions, processors)
    others = Built()
    # Nothing may be recorded unless these are written: the lock is the last that knows what a journal has lost.
    executor.run([action for action in first if isinstance(action.recipe, AcceptGap)])
    first = [action for action in first if not isinstance(action.recipe, AcceptGap)]
    try:
        executor.run(first)
        for one in build(shares, executor, partial(recorder.record_units, files.histories), processors):
            others.join(one)
            for id in one.ids:
                progress.step(id)
    finally:
        if shares:  # other processes were here
            tree.forget()
        removed = [action.id for action in actions if isinstance(action.recipe, Remove)]
        lock_file = recorder.record(executor.journals.histories(), executor.done, others, removed)
        tree.flush()
    tree.remove(RUNNING)  # else the next run looks for what lies about half-written
    return Outcome(lock_file, (*executor.done.ids, *others.ids), pending, _diagnostics(opened))


def without(plan: Plan, blocked: Mapping[str, Diagnostic]) -> tuple[list[Action], list[tuple[Action, Diagnostic]]]:
    """The actions that can be carried out, and those that depend on blocked ones, each with what blocks it."""
    if not blocked:
        return list(plan.actions), []
    lost: dict[str, Diagnostic] = {}
    go: list[Action] = []
    wait: list[tuple[Action, Diagnostic]] = []
    for action in plan.actions:
        why = blocked.get(action.id) or next((lost[need] for need in action.needs if need in lost), None)
        if why is None:
            go.append(action)
        else:
            lost[action.id] = why
            wait.append((action, why))
    wait += [(action, lost[partner_of(action.id)]) for action in go if partner_of(action.id) in lost]
    return [action for action in go if partner_of(action.id) not in lost], wait


def _blocked(action: Action, opened: Opened) -> Diagnostic | None:
    """Why a key that the action needs stayed closed."""
    recipe = action.recipe
    if isinstance(recipe, MakeKey):
        return opened.closed.get(recipe.path)
    if isinstance(recipe, SignCrl):
        return opened.closed.get(recipe.signer.key_path)
    if isinstance(recipe, Sign):
        return opened.closed.get(recipe.signer.key_path) or opened.closed.get(recipe.key_path)
    return None


def _diagnostics(opened: Opened) -> tuple[Diagnostic, ...]:
    closed = [warning(one.code, one.message, one.place, one.hint) for one in opened.closed.values()]
    return (*opened.warnings, *closed)


def _sweep(workspace: Workspace, leftovers: Iterable[str]) -> None:
    """Remove what a killed run left half-written, and staged keys of which nothing came."""
    tree = workspace.tree
    for path in leftovers:
        tree.remove(public_path(path) + STAGED)
        tree.remove(path + STAGED)
    remove_leftover(workspace.lock_path)
    if tree.stat(RUNNING) is None:
        return
    for path in list(tree.walk()):
        if path.rpartition("/")[2].startswith(TEMPORARY):
            tree.remove(path)
    tree.remove(RUNNING)


def _mark_folder(workspace: Workspace) -> None:
    """Say whose folder this is, and keep keys out of git, before anything secret is in it."""
    tree = workspace.tree
    own = marker.Marker(marker_of(workspace.manifest)).serialise()
    if tree.read(marker.MARKER) != own:
        tree.write(marker.MARKER, own, durable=True)
    if tree.read(".gitignore") is None:
        tree.write(".gitignore", marker.GITIGNORE, durable=True)
