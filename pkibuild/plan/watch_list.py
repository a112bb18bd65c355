"""What an empty plan hangs on: the watch list of the quick answer (graph.md, "The fast path")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pkibuild.artifacts.draft import PlanDraft
from pkibuild.core.times import DAY, HOUR
from pkibuild.model import layout
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Plan, UnchangedTree
from pkibuild.observe.files import Files
from pkibuild.observe.workspace import RUNNING, Workspace
from pkibuild.plan.skip import UnchangedUnits
from pkibuild.state import marker as output


def unchanged_tree(
    workspace: Workspace,
    looked_at: Iterable[str],
    files: Files,
    draft: PlanDraft,
    unchanged: UnchangedUnits | None,
    plan: Plan,
    started: float,
) -> UnchangedTree | None:
    """How long an empty plan holds, and on what; None for a plan that has anything to tell.

    `looked_at` are the paths of units that were decided on; what those that were passed over hang on is remembered.
    `started` is when the run began to look, in seconds by the real clock.
    """
    if plan.actions or plan.orphans or plan.pending or draft.kept:
        return None
    until = draft.horizon
    if plan.next_due is not None:
        left = plan.next_due[1] - plan.now
        step = DAY if left >= DAY else HOUR  # the figure in `Next renewal: … in 61 days` changes
        until = min(until, plan.next_due[1] - max(1, left // step) * step + 1)
    root = workspace.tree.root
    passed = unchanged.skipped.values() if unchanged is not None else ()
    manifest = workspace.manifest
    paths = (*_below(manifest, files), *looked_at, *(path for memory in passed for path, _ in memory[-1]))
    below = (f"{root}/{path}" for path in paths)
    beside = (*manifest.watched, workspace.lock_path)
    return UnchangedTree(root, started, until, tuple(dict.fromkeys((*beside, *below))))


def _below(manifest: Manifest, files: Files) -> Iterator[str]:
    yield from (output.MARKER, RUNNING, layout.journal_path(), "authorities", "hosts", "certificates")
    for authority in manifest.authorities.values():
        own = layout.unit_folder(authority)
        yield from (own, f"{own}/private", layout.journal_path(authority))
        yield from (f"{own}/{name}" for name in ("index.txt", "crlnumber", "newcerts"))
        older = [one.number for one in files.history(authority).older]
        yield from (layout.output_path(authority, "certificate", number) for number in older)
        if authority.crl is not None:
            yield from (
                layout.output_path(authority, kind, number) for kind in ("crl", "crl-der") for number in (None, *older)
            )
