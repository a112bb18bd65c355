"""What changes from one manifest to another: the plan of the new one, where all is as the old one would have it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec.structs import replace

from pkibuild.artifacts.texts import TEMPLATE_LIMIT, OldTexts, Texts
from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.manifest.sides import NOTHING, Side, as_old
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Plan
from pkibuild.plan.annotate import describe_new
from pkibuild.plan.compare.as_built import AsBuilt
from pkibuild.plan.compare.unchanged_declarations import UnchangedDeclarations
from pkibuild.plan.orphans import Wanted, removed
from pkibuild.plan.planner import make_plan, with_orphans
from pkibuild.resolve.units import Units
from pkibuild.review.risks import with_risks
from pkibuild.state.lock.lock import Lock
from pkibuild.world.forks import Forks


def make_diff(old: Side, new: Side, now: int, forks: Forks) -> Plan:
    """The plan from `old` to `new`. Raises UserError with all that is wrong with what differs."""
    moved = _is_moved(old, new)
    # A config's header names the manifest: unless that was moved, which file the old one was read from is no change.
    before = old if moved else replace(old, manifest=replace(old.manifest, path=new.manifest.path))
    units = Units(new.manifest, kept=False)
    texts = Texts(new.read, new.shown)
    old_texts = OldTexts(old.read, old.shown, old.manifest.located)
    source = AsBuilt(before.manifest, now)
    unchanged = UnchangedDeclarations(before, new, units, source)
    lock = Lock("", new.manifest.output)
    try:
        draft, plan = make_plan(
            new.manifest, units, source, lock, now, texts, unchanged, forks=forks, old_texts=old_texts
        )
        orphans = removed(source, new.manifest, Wanted((), draft.planned_ids, plan.actions), now)
    except UserError:
        _check(source.units, old)  # with what is wrong there nothing can be compared
        raise
    _check(source.units, old)
    plan = describe_new(with_risks(with_orphans(plan, orphans), orphans, now), new.manifest)
    return replace(
        plan,
        manifest=new.name,
        base=old.name,
        warnings=_new_warnings(plan, old.manifest),
        next_due=None,
        notes=tuple(_notes(old.manifest, new.manifest, moved)),
    )


def _check(units: Units, old: Side) -> None:
    """Raises UserError with what is wrong with the old units that were looked at."""
    problems = units.problems
    if problems.errors:
        with as_old(old.name):
            raise UserError(*map(old.manifest.located, (*old.manifest.warnings, *problems.found)))


def _new_warnings(plan: Plan, old: Manifest) -> tuple[Diagnostic, ...]:
    """Warnings that the old manifest does not give as well."""
    known = {(one.code, one.message, one.place) for one in old.warnings}
    return tuple(one for one in plan.warnings if (one.code, one.message, one.place) not in known)


def _is_moved(old: Side, new: Side) -> bool:
    """Whether the old manifest's file, in a revision, is not there any more where the new manifest is."""
    if NOTHING in (old.name, new.name) or not old.in_revision or old.file == new.file:
        return False
    try:
        new.read(old.file, TEMPLATE_LIMIT)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _notes(old: Manifest, new: Manifest, moved: bool) -> Iterator[str]:
    if NOTHING in (old.path, new.path):
        return
    name, now = posixpath.basename(old.path), posixpath.basename(new.path)
    if moved and name != now:
        once = "rename its lock as well, and run `pkibuild apply --take-over` once"
        yield f"the manifest `{name}` is called `{now}` now: {once}"
    before, after = (posixpath.normpath(one.output) for one in (old, new))
    if moved and old.folder != new.folder:
        before, after = (posixpath.join(one.folder, one.output) for one in (old, new))
        above = posixpath.commonpath([before, after])
        before, after = (posixpath.relpath(one, above) for one in (before, after))
    if before != after:
        yield (
            f"the output folder changes from `{before}` to `{after}`: move it before `apply`, or everything is missing"
        )
