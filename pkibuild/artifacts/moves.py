"""An artifact whose path changed is not made anew: its file is renamed first, and then is what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pkibuild.core.values import replace
from pkibuild.model.desired import BundleWant, CertificateWant, ConfigWant, KeyWant
from pkibuild.model.layout import public_path
from pkibuild.model.plan import Action, Change, Reason
from pkibuild.model.recipes import Stay
from pkibuild.observe.files import NEXT
from pkibuild.observe.source import BundleSeen, CertificateSeen, ConfigSeen, KeySeen, Source

Moves = tuple[tuple[str, str], ...]
Want = TypeVar("Want", CertificateWant, BundleWant, ConfigWant)
Seen = TypeVar("Seen", CertificateSeen, BundleSeen, ConfigSeen)

PATH_CHANGED = Reason("path-changed", "it belongs to another path now")


def observed(source: Source, want: Want, look: Callable[[Want], Seen]) -> tuple[Seen, Moves]:
    """What is seen of an artifact where it belongs, or else where it lay before its path changed."""
    seen = look(want)
    old = source.moved_from(want.id, want.path) if seen.state == "absent" else ""
    return (look(replace(want, path=old)), ((old, want.path),)) if old else (seen, ())


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


def only_moving(want: KeyWant | CertificateWant | BundleWant | ConfigWant, kind: str, moves: Moves) -> Action:
    """The action for a file that is right as it is."""
    return moving(Action(want.id, kind, "restore", (), Stay(want.path), (want.path,), place=want.place), moves)


def key_moves(want: KeyWant, seen: KeySeen, old: str) -> Moves:
    """The key itself, its public half, and what a killed run has left beside it."""
    staged = seen.staging and seen.staged is not None and seen.staged.encrypted
    suffixes = [(True, old, ""), (seen.staging, old, NEXT)]
    sealed = seen.facts is not None and seen.facts.encrypted and not seen.half
    suffixes += [(sealed, public_path(old), ""), (seen.half or staged, public_path(old), NEXT)]
    new = {old: want.path, public_path(old): public_path(want.path)}
    return tuple((path + suffix, new[path] + suffix) for there, path, suffix in suffixes if there)
