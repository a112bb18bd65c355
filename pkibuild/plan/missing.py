"""An authority that was made before and is not in the output folder: never a new one for it (artifacts.md)."""

from __future__ import annotations

import posixpath

from pkibuild.artifacts.draft import PlanDraft
from pkibuild.core.diagnostics import Diagnostic, warning
from pkibuild.model.manifest import Authority, Manifest
from pkibuild.observe.source import ObservedSource
from pkibuild.state.lock.lock import Lock

START_OVER = "only to start over with a new authority, that nobody trusts yet, delete the lock"


def check_missing(manifest: Manifest, source: ObservedSource, draft: PlanDraft) -> None:
    """Add what is wrong with the authorities that the planner found nothing of (`PlanDraft.unbuilt`)."""
    gone = [manifest.authorities[name] for name, remembered in draft.unbuilt.items() if remembered]
    new = [manifest.authorities[name] for name, remembered in draft.unbuilt.items() if not remembered]
    found = draft.problems.found
    for authority in gone:  # that its key is missing as well need not be said
        found[:] = [
            one
            for one in found
            if one.code not in ("key-missing", "key-away") or one.place != (*authority.place, "key")
        ]
        found.append(_gone(manifest, authority, draft.lock))
    if new:
        known = source.authorities()
        found += [
            _renamed(authority, other)
            for authority in new
            for other, subject in known.items()
            if other not in manifest.authorities and sorted(subject) == sorted(authority.subject)
        ]
    if source.lock_only:
        found += output_changed(manifest, draft.lock)


def _moved(manifest: Manifest, lock: Lock) -> bool:
    return bool(lock.output) and posixpath.normpath(lock.output) != posixpath.normpath(manifest.output)


def output_changed(manifest: Manifest, lock: Lock) -> list[Diagnostic]:
    """A warning where the lock was written with another output folder."""
    if not _moved(manifest, lock):
        return []
    found = warning(
        "output-changed",
        f"`output` changes from `{lock.output}` to `{manifest.output}`",
        ("output",),
        "nothing is made anew for that: whoever runs `apply` has to move the folder first",
    )
    return [found]


def _gone(manifest: Manifest, authority: Authority, lock: Lock) -> Diagnostic:
    before = lock.output or manifest.output
    where = posixpath.join(before, "authorities", authority.name)
    if _moved(manifest, lock):
        hint = (
            f"`output` was `{before}` when it was made: move that folder to `{manifest.output}`, or write "
            f"`output: {before}` again; {START_OVER}"
        )
    else:
        hint = (
            "bring the folder back from a backup or from where it was moved to, or run pkibuild where it is; "
            f"to review a change here, `pkibuild plan --lock-only`; {START_OVER}"
        )
    return Diagnostic(
        "authority-missing",
        f"authority `{authority.name}` was made before, in `{where}`, and its files are not in the output folder "
        f"`{manifest.output}`",
        authority.place,
        hint,
    )


def _renamed(authority: Authority, other: str) -> Diagnostic:
    return Diagnostic(
        "authority-missing",
        f"an authority with the subject of `{authority.name}` was made before, under the name `{other}`, "
        "and is no longer declared",
        authority.place,
        f"call it `{other}` again (its key and history are in `authorities/{other}`), or give this one a subject "
        f"of its own; only to start over, move `authorities/{other}` out of the output folder and delete the lock",
        at_key=True,
    )
