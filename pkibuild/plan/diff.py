"""What changes from one manifest to another: the plan of the new one, where all is as the old one would have it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from pkibuild.artifacts.configs import Texts
from pkibuild.artifacts.wants import Unit
from pkibuild.diagnostics import Diagnostic, UserError
from pkibuild.graph import Units
from pkibuild.manifest.sides import NOTHING, Side, as_old
from pkibuild.model import Manifest
from pkibuild.nodes import Plan
from pkibuild.plan.alike import Alike
from pkibuild.plan.asbuilt import AsBuilt
from pkibuild.plan.orphans import Wanted, removed
from pkibuild.plan.planner import make_plan, with_orphans
from pkibuild.plan.risks import with_risks
from pkibuild.state.lock import Lock


def make_diff(old: Side, new: Side, now: int, processors: int) -> Plan:
    """The plan from `old` to `new`. Raises UserError with all that is wrong with what differs."""
    # A config's header names the manifest; which file the old one was read from is no change of it.
    before = replace(old, manifest=replace(old.manifest, path=new.manifest.path))
    units = Units(new.manifest)
    alike = Alike(before, new, units)
    texts = Texts(new.read, new.shown)
    with as_old(old.name):
        built = _units(before.manifest, alike)
    source = AsBuilt(built, Texts(old.read, old.shown), texts, now, old.manifest.located)
    lock = Lock("", new.manifest.output)
    draft, plan = make_plan(new.manifest, units, source, lock, now, texts, alike, processors=processors)
    orphans = removed(source, new.manifest, Wanted.by(units.paths(), draft.seen, plan.actions), now)
    plan = with_risks(with_orphans(plan, orphans), orphans, now)
    return replace(
        plan,
        manifest=new.name,
        base=old.name,
        warnings=_new_warnings(plan, old.manifest),
        next_due=None,
        notes=tuple(_notes(old.manifest, new.manifest)),
    )


def _units(manifest: Manifest, alike: Alike) -> list[Unit]:
    units = Units(manifest)
    found = [units.of(one) for one in manifest.declarations() if not alike.has(one)]
    if units.problems.errors:
        raise UserError(*map(manifest.located, (*manifest.warnings, *units.problems.found)))
    return found


def _new_warnings(plan: Plan, old: Manifest) -> tuple[Diagnostic, ...]:
    """Warnings that the old manifest does not give as well."""
    known = {(one.code, one.message, one.place) for one in old.warnings}
    return tuple(one for one in plan.warnings if (one.code, one.message, one.place) not in known)


def _notes(old: Manifest, new: Manifest) -> Iterator[str]:
    before, after = posixpath.normpath(old.output), posixpath.normpath(new.output)
    if before != after and NOTHING not in (old.path, new.path):
        yield (
            f"the output folder changes from `{before}` to `{after}`: move it before `apply`, or everything is missing"
        )
