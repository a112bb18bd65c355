"""One run of `apply`, after the plan is made: open, write, record."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from pkibuild.artifacts.certificates import public_path
from pkibuild.artifacts.wants import Unit
from pkibuild.build import records
from pkibuild.build.execute import Executor
from pkibuild.build.made import AfterRun, Done
from pkibuild.build.progress import Progress
from pkibuild.build.signers import Opened, Opener
from pkibuild.diagnostics import Diagnostic, warning
from pkibuild.model import Manifest
from pkibuild.nodes import Action, MakeKey, Pending, Plan, Remove, Sign, SignCrl, unit_of
from pkibuild.plan.files import NEXT, Files
from pkibuild.plan.folder import Folder, marker_of
from pkibuild.plan.quiet import RUNNING
from pkibuild.plan.selection import without
from pkibuild.world import World
from pkibuild.world.files import TEMPORARY, remove_leftover, write_file


def carry_out(
    manifest: Manifest,
    units: Sequence[Unit],
    folder: Folder,
    plan: Plan,
    world: World,
    jobs: int | None,
    progress: Progress,
) -> tuple[list[str], list[Pending], list[Diagnostic]]:
    """Do what can be done of a plan, and record it. What was done, what waits, and why."""
    tree = folder.tree
    opened = Opener(manifest, tree, world).open_all(plan.actions)
    actions, waits = without(plan, {one.id: why for one in plan.actions if (why := _blocked(one, opened))})
    waiting = [Pending(action.id, why.code, why.message, action.place) for action, why in waits]
    _sweep(folder)
    if not actions:
        _record(manifest, units, folder, Done(), ())
        return [], waiting, _told(opened)
    records.mark_folder(tree, marker_of(manifest))
    tree.create(RUNNING, b"", 0o600, durable=False)
    generations = {
        authority.id: folder.source.history(authority).generation or authority.key.generation
        for authority in manifest.authorities.values()
    }
    executor = Executor(
        tree, folder.source.histories, opened, folder.now, jobs or world.processors(), generations, progress.step
    )
    progress.start(len(actions))
    try:
        executor.run(actions)
    finally:
        gone = [action.id for action in actions if isinstance(action.recipe, Remove)]
        _record(manifest, units, folder, executor.done, gone)
        tree.remove(RUNNING)
        tree.flush()
    return executor.done.ids, waiting, _told(opened)


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
        tree.remove(public_path(path) + NEXT)
        tree.remove(path + NEXT)
    remove_leftover(folder.lock_path)
    if tree.stat(RUNNING) is None:
        return
    for path in list(tree.walk()):
        if path.rpartition("/")[2].startswith(TEMPORARY):
            tree.remove(path)
    tree.remove(RUNNING)


def _record(manifest: Manifest, units: Sequence[Unit], folder: Folder, made: Done, gone: Sequence[str]) -> None:
    """Bring receipts, OpenSSL's files and the lock in step with what is there."""
    draft = folder.draft
    assert draft is not None
    tree = folder.tree
    source = AfterRun(tree, folder.lock, folder.now, folder.memo.keys, made)
    done = set(made.ids)
    changed: dict[str, bytes] = {}
    for unit in units:
        ids = _ids(unit)
        untouched = done.isdisjoint(ids) and draft.kept.keys().isdisjoint(ids)
        if untouched and records.is_current(unit, source.receipt_at(unit.receipt_path)):
            continue
        changed.update(records.record(unit, source, folder.texts))
    records.drop_receipts(tree, manifest, source)
    for authority in manifest.authorities.values():
        records.write_openssl(tree, manifest, authority, source, folder.now)
    paths = {path for unit in units for path in unit.paths}
    _write_lock(folder, source, changed, [*gone, *_forgotten(folder, paths)])


def _ids(unit: Unit) -> set[str]:
    found = {want.id for pair in unit.pairs for want in (pair.key, pair.certificate)}
    found.update(bundle.id for bundle in unit.bundles)
    found.update(config.id for config in unit.configs)
    if unit.authority is not None:
        found.update(f"{unit.id}/{kind}" for kind in ("crl", "crl-der", "import"))
    return found


def _forgotten(folder: Folder, paths: Container[str]) -> Iterator[str]:
    """Nodes that nothing declares and that are not there any more; authorities are never forgotten.

    At `paths` other nodes are declared.
    """
    assert folder.draft is not None
    passed = folder.passing.passed if folder.passing is not None else {}
    for node in folder.lock.undeclared(folder.draft.seen):
        if unit_of(node) in passed:
            continue
        entry = folder.lock.entry(node)
        if node.startswith("authority/"):
            continue
        if entry is None or entry.path in paths or folder.tree.stat(entry.path) is None:
            yield node


def _write_lock(folder: Folder, source: Files, changed: Mapping[str, bytes], gone: Sequence[str]) -> None:
    lock = folder.lock.with_changes(changed, gone, records.marks(source))
    # It may have been garbled, or be another manifest's that was renamed.
    lock = replace(lock, manifest=posixpath.basename(folder.manifest.path), output=folder.manifest.output)
    data = lock.serialise()
    if len(lock) and data != folder.lock_data:
        write_file(folder.lock_path, data)
