"""The state of every certificate and revocation list, as the plan sees it: this module forms no opinion of its own.

What the plan would do with an artifact, and why, is its state: nothing means `ok`; what time asks for is `due`; what is
not as the manifest says is `wrong`.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.status import StatusTable
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import UserError
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import StatusRow
from pkibuild.observe.source import ObservedSource
from pkibuild.plan.planner import draft_plan
from pkibuild.state.lock.lock import Lock


def status(manifest: Manifest, units: Iterable[Unit], source: ObservedSource, lock: Lock, now: int) -> list[StatusRow]:
    """A row for every certificate and list, in the order of the units. Raises UserError for what concerns none."""
    bare = [replace(unit, artifacts=tuple(registry.with_status(unit))) for unit in units]
    draft, issuers = draft_plan(manifest, bare, source, lock, now, Texts())
    table = StatusTable(source, draft, issuers, now)
    rows: list[StatusRow] = []
    for unit in bare:
        problem = table.problem(unit.declaration.place)
        for artifact in unit.artifacts:
            rows += registry.of(artifact).status(artifact, table, problem)
    unreported = [one for one in draft.problems.errors if one not in table.reported]
    if unreported:
        raise UserError(*map(manifest.located, unreported))
    return rows
