"""Keys. A key is desired by its certificate, and decided on together with it (`artifacts.certificate`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from msgspec.structs import replace

from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.key.verdict import KeyVerdict
from pkibuild.artifacts.kind import Kind, Need, PlanningContext, RecordEntries, Scope, Trigger, stand_in
from pkibuild.artifacts.moves import Moves, key_moves
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.model.desired import KEY_MODE, Artifact, CertificateArtifact, KeyArtifact, Unit
from pkibuild.model.facts import KeyFacts
from pkibuild.model.layout import beside, public_path
from pkibuild.model.plan import Action, Reason, Verb
from pkibuild.model.recipes import FinishKey, MakeKey, SetMode
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.source import ObservedKey, ObservedSource
from pkibuild.review.causes import Causes, written_at
from pkibuild.state.lock.lock import LockEntry
from pkibuild.state.receipt import ReceiptFile


class KeyKind(Kind[KeyArtifact]):
    names = ("key",)
    holds_keys = frozenset({"key"})

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        return iter(())

    def needs(self, artifact: KeyArtifact, issuers: Issuers) -> tuple[Need, ...]:
        return ()

    def plan(self, context: PlanningContext, artifact: KeyArtifact) -> None:
        """Nothing: what becomes of a key depends on the certificate that it has, which is decided on next."""

    def as_built(self, context: PlanningContext, artifact: KeyArtifact) -> KeyFacts:
        public = stand_in("public key", artifact.id)
        return KeyFacts(artifact.spec.algorithm, public, artifact.spec.passphrase is not None)

    def record(self, artifact: KeyArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        certificate = next(one for one in unit.of(CertificateArtifact) if one.key.id == artifact.id)
        facts = after.key_facts(artifact, certificate.id)
        newest = after.issued(certificate)[1]
        generation = (newest.generation if newest else None) or artifact.spec.generation
        entries = (key_entry(artifact, facts, generation),) if facts is not None else ()
        files = {}
        if after.is_there(artifact.path):
            files[artifact.path] = ReceiptFile.of(artifact.id, artifact.rights, secret=True)
        if artifact.public_path and (digest := after.digest(artifact.public_path)) is not None:
            files[artifact.public_path] = ReceiptFile.of(artifact.id, artifact.public_rights, digest=digest)
        return RecordEntries(entries, files)

    def asked_by(self, artifact: KeyArtifact, scope: Scope) -> Iterator[Place]:
        yield written_at(scope.manifest, scope.declaration.place, "key")

    def triggers(self, artifact: KeyArtifact) -> tuple[Trigger, ...]:
        return (("it is another key", ("public", "bytes")),)

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        fields = {"algorithm-changed": ("key", "algorithm"), "generation-raised": ("key", "generation")}
        if reason == "rotated":
            return causes.first(f"{action.id.rpartition('/')[0]}/certificate")
        return causes.field(causes.declaration(action), *fields[reason]) if reason in fields else ()


KIND = KeyKind()


STRENGTH: Mapping[str, int] = MappingProxyType(
    {"rsa-2048": 112, "rsa-3072": 128, "rsa-4096": 140}
    | {"ecdsa-p256": 128, "ecdsa-p384": 192, "ecdsa-p521": 256, "ed25519": 128}
    | {"ml-dsa-44": 128, "ml-dsa-65": 192, "ml-dsa-87": 256}
)
"""Bits of security against a classical attacker (NIST SP 800-57 part 1, 5.6.1; FIPS 204 table 1). Others count as 0."""


def key_risks(authority: bool, before: str, after: str) -> tuple[Reason, ...]:
    """Of a key that replaces another; `before` and `after` are algorithms, `before` is empty where it is not known."""
    found = []
    if authority:
        found.append(Reason("rekeyed-authority", "another key: all that it issued is issued again"))
    if before and is_weaker(before, after):
        found.append(Reason("weaker-algorithm", f"`{after}` is weaker than `{before}`"))
    return tuple(found)


def is_weaker(before: str, after: str) -> bool:
    """Fewer bits, or no longer safe from quantum computers."""
    if STRENGTH.get(after, 0) < STRENGTH.get(before, 0):
        return True
    return before.startswith("ml-dsa-") and not after.startswith("ml-dsa-")


def observe_key(source: ObservedSource, certificate: CertificateArtifact) -> tuple[ObservedKey, Moves]:
    """What is there of a key, where it belongs or where it lay before its path changed: it may have several files."""
    key = certificate.key
    seen = source.key(key, certificate.id)
    old = source.moved_from(key.id, key.path) if seen.state == "absent" and not seen.staging else ""
    if not old:
        return seen, ()
    there = source.key(replace(key, path=old), certificate.id)
    return there, key_moves(key, there, old)


def key_action(
    context: PlanningContext, key: KeyArtifact, seen: ObservedKey, verdict: KeyVerdict, before: str, *, authority: bool
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


def _retired(context: PlanningContext, key: KeyArtifact, generation: int) -> str:
    """A free name for the key that is replaced: `x.g1.key`."""
    path = beside(key.path, generation)
    number = 2
    while context.source.is_occupied(path, key.path):
        path = beside(key.path, generation).replace(f".g{generation}.", f".g{generation}-{number}.")
        number += 1
    return path


def keep_key(context: PlanningContext, key: KeyArtifact, seen: ObservedKey, verdict: KeyVerdict) -> None:
    """Note that a key stays as it is."""
    if verdict.verb == "missing":
        context.draft.planned_ids.add(key.id)
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
        context.draft.planned_ids.add(key.id)
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
