"""Certificates, each decided on together with its key; of authorities, those of older generations too."""

from __future__ import annotations

from collections.abc import Iterator

from pkibuild.artifacts.certificate.as_built import certificate_as_built
from pkibuild.artifacts.certificate.causes import certificate_causes
from pkibuild.artifacts.certificate.desired import desired_certificates
from pkibuild.artifacts.certificate.generations import generation_entry, plan_generations
from pkibuild.artifacts.certificate.planning import certificate_entry, plan_certificate
from pkibuild.artifacts.certificate.status import certificate_rows
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Context, Facts, Kind, Need, Recorded, Scope, Trigger
from pkibuild.artifacts.status import StatusTable
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.model.desired import Artifact, CertificateArtifact, Unit
from pkibuild.model.manifest import SELF
from pkibuild.model.plan import Action
from pkibuild.model.reports import StatusRow
from pkibuild.observe.after_run import AfterRun
from pkibuild.review.causes import Causes, written_at
from pkibuild.state.receipt import ReceiptFile


class CertificateKind(Kind[CertificateArtifact]):
    names = ("certificate",)
    has_status = True

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        return desired_certificates(scope)

    def needs(self, artifact: CertificateArtifact, issuers: Issuers) -> tuple[Need, ...]:
        own = ((artifact.key.id, "public"),)
        if artifact.issuer == SELF:
            return own
        issuer = f"authority/{artifact.issuer}"
        return (*own, (f"{issuer}/key", "public"), (f"{issuer}/certificate", "subject, key_id, not_after"))

    def plan(self, context: Context, artifact: CertificateArtifact) -> None:
        context.certificates[artifact.id] = plan_certificate(context, artifact, self.needs(artifact, context))
        if artifact.authority is not None:
            plan_generations(context, artifact, artifact.authority)

    def as_built(self, context: Context, artifact: CertificateArtifact) -> Facts:
        return certificate_as_built(context, artifact)

    def record(self, artifact: CertificateArtifact, unit: Unit, after: AfterRun, texts: Texts) -> Recorded:
        facts, newest = after.issued(artifact)
        generation = (newest.generation if newest else None) or artifact.key.spec.generation
        entries = []
        if facts is not None:
            entries.append(certificate_entry(artifact, facts, generation, newest.asked_end if newest else None))
        if artifact.authority is not None:
            entries += [generation_entry(artifact.authority, one) for one in after.history(artifact.authority).older]
        digest = after.digest(artifact.path)
        files = {} if digest is None else {artifact.path: ReceiptFile.of(artifact.id, artifact.rights, digest=digest)}
        return Recorded(tuple(entries), files)

    def status(
        self, artifact: CertificateArtifact, table: StatusTable, problem: Diagnostic | None
    ) -> Iterator[StatusRow]:
        return certificate_rows(artifact, table, problem)

    def asked_by(self, artifact: CertificateArtifact, scope: Scope) -> Iterator[Place]:
        if scope.declaration.issuer != SELF:
            yield written_at(scope.manifest, scope.declaration.place, "issuer")

    def triggers(self, artifact: CertificateArtifact) -> tuple[Trigger, ...]:
        if artifact.authority is None:
            return (("it is issued again", ("bytes",)),)
        return (
            ("it is issued again, its name and key as before", ("bytes",)),
            ("it gets another name or key, or ends earlier", ("bytes", "subject", "key_id", "not_after")),
        )

    def changed_facets(self, artifact: CertificateArtifact, cause: str) -> frozenset[str]:
        """A certificate for another key has another identifier."""
        return frozenset({"bytes", "key_id"} if cause == artifact.key.id else {"bytes"})

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        return certificate_causes(reason, action, causes)


KIND = CertificateKind()
