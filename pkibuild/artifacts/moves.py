"""An artifact whose path changed: its file is renamed first. What is not ours is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from pkibuild.artifacts.kind import PlanningContext
from pkibuild.model.desired import AnyArtifact, Artifact, KeyArtifact
from pkibuild.model.layout import STAGED, public_path
from pkibuild.model.plan import Action, Change, Reason
from pkibuild.model.recipes import Stay
from pkibuild.observe.source import ObservedCertificate, ObservedFile, ObservedKey, ObservedSource

Moves = tuple[tuple[str, str], ...]
Seen = TypeVar("Seen", ObservedCertificate, ObservedFile)

PATH_CHANGED = Reason("path-changed", "moved: its path changed")


def observed(source: ObservedSource, artifact: AnyArtifact, look: Callable[[AnyArtifact], Seen]) -> tuple[Seen, Moves]:
    """What is seen of an artifact where it belongs, or else where it lay before its path changed."""
    seen = look(artifact)
    old = source.moved_from(artifact.id, artifact.path) if seen.state == "absent" else ""
    return (look(replace(artifact, path=old)), ((old, artifact.path),)) if old else (seen, ())


def moving(action: Action, moves: Moves) -> Action:
    """The action, with the renames that come first."""
    if not moves:
        return action
    old, new = moves[0]
    return replace(
        action,
        reasons=(*action.reasons, PATH_CHANGED),
        changes=(Change("path", (old,), (new,)), *action.changes),
        paths=tuple(dict.fromkeys((*action.paths, *(path for move in moves for path in reversed(move))))),
        moves=moves,
    )


def only_moving(artifact: Artifact, moves: Moves) -> Action:
    """The action for a file that is right as it is."""
    recipe = Stay(artifact.path)
    action = Action(artifact.id, artifact.kind, "restore", (), recipe, (artifact.path,), place=artifact.place)
    return moving(action, moves)


def key_moves(key: KeyArtifact, seen: ObservedKey, old: str) -> Moves:
    """The key itself, its public half, and what a killed run has left beside it."""
    staged = seen.staging and seen.staged is not None and seen.staged.encrypted
    suffixes = [(True, old, ""), (seen.staging, old, STAGED)]
    sealed = seen.facts is not None and seen.facts.encrypted and not seen.half
    suffixes += [(sealed, public_path(old), ""), (seen.half or staged, public_path(old), STAGED)]
    new = {old: key.path, public_path(old): public_path(key.path)}
    return tuple((path + suffix, new[path] + suffix) for there, path, suffix in suffixes if there)


def refuse_foreign(context: PlanningContext, artifact: Artifact) -> None:
    """An error: something lies at an artifact's path that pkibuild did not make."""
    context.draft.planned_ids.add(artifact.id)
    context.draft.problems.error(
        "not-ours",
        f"`{artifact.path}` is there already, and pkibuild did not make it",
        artifact.place,
        "move it away, or choose another `output:`; nothing that is not ours is overwritten",
    )
