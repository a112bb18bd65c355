"""One run of `apply`, after the plan is made: open, write, record."""

from __future__ import annotations

from functools import partial

from pkibuild.core.diagnostics import Diagnostic, warning
from pkibuild.execute.executor import Executor
from pkibuild.execute.progress import Progress
from pkibuild.execute.shares import build, split
from pkibuild.execute.signers import Opened, Opener
from pkibuild.model.layout import STAGED, public_path
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, Done, Pending, Plan
from pkibuild.model.recipes import MakeKey, Remove, Sign, SignCrl
from pkibuild.plan.folder import Folder, marker_of
from pkibuild.plan.quiet import RUNNING
from pkibuild.plan.selection import without
from pkibuild.record import records
from pkibuild.record.made import Built
from pkibuild.record.recorder import record, record_units
from pkibuild.resolve.units import Units
from pkibuild.state.journal.histories import Histories
from pkibuild.world import World
from pkibuild.world.files import remove_leftover
from pkibuild.world.tree import TEMPORARY


def carry_out(
    manifest: Manifest,
    units: Units,
    folder: Folder,
    plan: Plan,
    world: World,
    jobs: int | None,
    progress: Progress,
) -> tuple[list[str], list[Pending], list[Diagnostic]]:
    """Do what can be done of a plan, and record it. What was done, what waits, and why."""
    tree = folder.tree
    opened = Opener(manifest, tree, world).open_all(plan.actions)
    closed = {one.id: why for one in plan.actions if (why := _blocked(one, opened))} if opened.closed else {}
    actions, waits = without(plan, closed)
    waiting = [Pending(action.id, why.code, why.message, action.place) for action, why in waits]
    _sweep(folder)
    if not actions:
        record(manifest, units, folder, Done(), Built(), Histories(tree), ())
        return [], waiting, _told(opened)
    records.mark_folder(tree, marker_of(manifest))
    tree.create(RUNNING, b"", 0o600, durable=False)
    generations = {
        authority.id: folder.source.history(authority).generation or authority.key.generation
        for authority in manifest.authorities.values()
    }
    processors = jobs or world.processors()
    executor = Executor(tree, folder.source.histories, opened, folder.now, processors, generations, progress.step)
    progress.start(len(actions))
    first, shares = split(units.made.values(), actions, processors)
    others = Built()
    try:
        executor.run(first)
        for one in build(shares, executor, partial(record_units, folder, folder.source.histories), processors):
            others.join(one)
            for id in one.ids:
                progress.step(id)
    finally:
        if shares:  # other processes were here
            tree.forget()
        gone = [action.id for action in actions if isinstance(action.recipe, Remove)]
        record(manifest, units, folder, executor.done, others, executor.journals.histories(), gone)
        tree.flush()
    tree.remove(RUNNING)  # else the next run looks for what lies about half-written
    return [*executor.done.ids, *others.ids], waiting, _told(opened)


def _blocked(action: Action, opened: Opened) -> Diagnostic | None:
    """Why a key that the action needs stayed closed."""
    recipe = action.recipe
    if isinstance(recipe, MakeKey):
        return opened.closed.get(recipe.path)
    if isinstance(recipe, SignCrl):
        return opened.closed.get(recipe.key_path)
    if isinstance(recipe, Sign):
        name = recipe.issuer.removeprefix("authority/")
        signer = f"authorities/{name}/private/{name}.key" if recipe.issuer.startswith("authority/") else recipe.key_path
        return opened.closed.get(signer) or opened.closed.get(recipe.key_path)
    return None


def _told(opened: Opened) -> list[Diagnostic]:
    closed = [warning(one.code, one.message, one.place, one.hint) for one in opened.closed.values()]
    return [*opened.warnings, *closed]


def _sweep(folder: Folder) -> None:
    """Remove what a killed run left half-written, and staged keys of which nothing came."""
    tree = folder.tree
    for path in folder.draft.leftovers if folder.draft else ():
        tree.remove(public_path(path) + STAGED)
        tree.remove(path + STAGED)
    remove_leftover(folder.lock_path)
    if tree.stat(RUNNING) is None:
        return
    for path in list(tree.walk()):
        if path.rpartition("/")[2].startswith(TEMPORARY):
            tree.remove(path)
    tree.remove(RUNNING)
