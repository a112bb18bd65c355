"""A key: what is there, and the action that makes it, finishes it or closes it to others."""

from __future__ import annotations

from functools import cache

from pkibuild.artifacts.key.risks import key_risks
from pkibuild.artifacts.key.verdict import KeyVerdict
from pkibuild.artifacts.kind import Context
from pkibuild.artifacts.moves import Moves, key_moves
from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.values import replace
from pkibuild.model.desired import KEY_MODE, CertificateArtifact, KeyArtifact
from pkibuild.model.facts import KeyFacts
from pkibuild.model.layout import beside, public_path
from pkibuild.model.plan import Action, Reason, Verb
from pkibuild.model.recipes import FinishKey, MakeKey, SetMode
from pkibuild.observe.source import KeySeen, Source
from pkibuild.state.lock.lock import LockEntry


def observe_key(source: Source, certificate: CertificateArtifact) -> tuple[KeySeen, Moves]:
    """What is there of a key, where it belongs or where it lay before its path changed: it may have several files."""
    key = certificate.key
    seen = source.key(key, certificate.id)
    old = source.moved_from(key.id, key.path) if seen.state == "absent" and not seen.staging else ""
    if not old:
        return seen, ()
    there = source.key(replace(key, path=old), certificate.id)
    return there, key_moves(key, there, old)


def key_action(
    context: Context, key: KeyArtifact, seen: KeySeen, verdict: KeyVerdict, before: str, *, authority: bool
) -> Action | None:
    """The action for a key, if there is one. `before` is the algorithm of the key that it has, empty where unknown."""
    retire = _retired(context, key, verdict.retire) if verdict.retire is not None else ""
    retired_public = public_path(retire) if retire and seen.facts and seen.facts.encrypted else ""
    public = key.public_path
    if verdict.verb in ("new", "rekey"):
        paths = tuple(path for path in (key.path, public, retire, retired_public) if path)
        recipe = MakeKey(
            key.path, key.spec.algorithm, key.spec.passphrase, verdict.generation, public, retire, retired_public,
            verdict.staged,
        )  # fmt: skip
        verb: Verb = "rekey" if verdict.verb == "rekey" else "new"
        risks = key_risks(authority, before, key.spec.algorithm) if verb == "rekey" else ()
        return Action(key.id, "key", verb, verdict.reasons, recipe, paths, (), describe_key(key), (), key.place, risks)
    if verdict.verb == "finish":
        encrypted = seen.staged is not None and seen.staged.encrypted
        public = public_path(key.path) if verdict.half or encrypted else ""
        paths = tuple(path for path in ("" if verdict.half else key.path, public, retire, retired_public) if path)
        finish = FinishKey(key.path, public, retire, retired_public, verdict.half)
        return Action(key.id, "key", "restore", verdict.reasons, finish, paths, place=key.place)
    if seen.state == "present" and seen.mode is not None and seen.mode & 0o077:
        reason = Reason("mode-changed", f"its mode was {seen.mode:04o}, and others could read it")
        return Action(key.id, "key", "restore", (reason,), SetMode(key.path, KEY_MODE), (key.path,), place=key.place)
    return None


def _retired(context: Context, key: KeyArtifact, generation: int) -> str:
    """A free name for the key that is replaced: `x.g1.key`."""
    path = beside(key.path, generation)
    number = 2
    while context.source.taken(path, key.path):
        path = beside(key.path, generation).replace(f".g{generation}.", f".g{generation}-{number}.")
        number += 1
    return path


def keep_key(context: Context, key: KeyArtifact, seen: KeySeen, verdict: KeyVerdict) -> None:
    """Note that a key stays as it is."""
    if verdict.verb == "missing":
        context.draft.seen.add(key.id)
        return
    if seen.facts is not None and seen.facts.encrypted != (key.spec.passphrase is not None):
        state = "is encrypted, and the manifest gives no passphrase for it" if seen.facts.encrypted else (
            "lies in clear, and the manifest declares a passphrase"
        )  # fmt: skip
        context.draft.problems.warn(
            "key-encryption",
            f"`{key.path}` {state}",
            key.place,
            "only a new key (a raised `generation`) changes that",
        )
    if seen.facts is None:  # closed: what the lock remembers stays
        context.draft.seen.add(key.id)
        context.draft.unchanged += 1
    else:
        context.draft.keep(key_entry(key, seen.facts, verdict.generation))


def key_entry(key: KeyArtifact, facts: KeyFacts, generation: int | None) -> LockEntry:
    """What the lock says of it."""
    return LockEntry.of(key, facts, generation=generation)


def missing_key(key: KeyArtifact) -> Diagnostic:
    return Diagnostic(
        "key-missing",
        f"the key at `{key.path}` is missing, and something is to be signed with it",
        key.place,
        "bring it back from a backup, or run pkibuild where the key is; an authority's key is never re-made silently",
    )


def describe_key(key: KeyArtifact) -> str:
    """`RSA 4096, encrypted`."""
    return _description(key.spec.algorithm, key.spec.passphrase is not None)


@cache
def _description(algorithm: str, encrypted: bool) -> str:
    words = {"rsa": "RSA", "ecdsa": "ECDSA", "ml": "ML-DSA"}
    head, _, rest = algorithm.partition("-")
    text = "Ed25519" if algorithm == "ed25519" else f"{words[head]} {rest.removeprefix('dsa-').upper()}"
    return text + (", encrypted" if encrypted else "")
