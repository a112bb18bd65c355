"""Keys. A key is desired by its certificate, and decided on together with it (`artifacts.certificate`)."""

from __future__ import annotations

from collections.abc import Iterator

from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.key.planning import key_entry
from pkibuild.artifacts.kind import Context, Kind, Need, Recorded, Scope, Trigger
from pkibuild.artifacts.stand_ins import stand_in
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Place
from pkibuild.model.desired import Artifact, CertificateArtifact, KeyArtifact, Unit
from pkibuild.model.facts import KeyFacts
from pkibuild.model.plan import Action
from pkibuild.observe.after_run import AfterRun
from pkibuild.review.causes import Causes, written_at
from pkibuild.state.receipt import ReceiptFile


class KeyKind(Kind[KeyArtifact]):
    names = ("key",)
    holds_keys = frozenset({"key"})

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        return iter(())

    def needs(self, artifact: KeyArtifact, issuers: Issuers) -> tuple[Need, ...]:
        return ()

    def plan(self, context: Context, artifact: KeyArtifact) -> None:
        """Nothing: what becomes of a key depends on the certificate that it has, which is decided on next."""

    def as_built(self, context: Context, artifact: KeyArtifact) -> KeyFacts:
        public = stand_in("public key", artifact.id)
        return KeyFacts(artifact.spec.algorithm, public, artifact.spec.passphrase is not None)

    def record(self, artifact: KeyArtifact, unit: Unit, after: AfterRun, texts: Texts) -> Recorded:
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
        return Recorded(entries, files)

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
