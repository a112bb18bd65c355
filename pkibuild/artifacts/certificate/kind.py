"""Certificates, each decided on together with its key; of authorities, those of older generations too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec.structs import replace

from pkibuild.artifacts.certificate.generations import certificate_as_built, generation_entry, plan_generations
from pkibuild.artifacts.certificate.planning import certificate_entry, plan_certificate
from pkibuild.artifacts.certificate.policies import renews_at, root_is_due
from pkibuild.artifacts.certificate.review import certificate_causes
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Facts, Kind, Need, PlanningContext, RecordEntries, Scope, Trigger
from pkibuild.artifacts.status import State, StatusTable, in_words
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Diagnostic, Place, UserError
from pkibuild.model import layout
from pkibuild.model.desired import FILE_MODE, KEY_MODE, Artifact, CertificateArtifact, KeyArtifact, Rights, Unit
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.model.manifest import SELF, Authority, Declaration, Host, Platform
from pkibuild.model.plan import Action, StatusRow
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.source import Generation
from pkibuild.review.causes import Causes, written_at
from pkibuild.state.receipt import ReceiptFile
from pkibuild.x509.attributes import format_subject


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

    def plan(self, context: PlanningContext, artifact: CertificateArtifact) -> None:
        context.certificates[artifact.id] = plan_certificate(context, artifact, self.needs(artifact, context))
        if artifact.authority is not None:
            plan_generations(context, artifact, artifact.authority)

    def as_built(self, context: PlanningContext, artifact: CertificateArtifact) -> Facts:
        return certificate_as_built(context, artifact)

    def record(self, artifact: CertificateArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        facts, newest = after.issued(artifact)
        generation = (newest.generation if newest else None) or artifact.key.spec.generation
        entries = []
        if facts is not None:
            entries.append(certificate_entry(artifact, facts, generation, newest.asked_end if newest else None))
        if artifact.authority is not None:
            entries += [generation_entry(artifact.authority, one) for one in after.history(artifact.authority).older]
        digest = after.digest(artifact.path)
        files = {} if digest is None else {artifact.path: ReceiptFile.of(artifact.id, artifact.rights, digest=digest)}
        return RecordEntries(tuple(entries), files)

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


UNCONSTRAINED = Profile(()).constraints


def own_certificate(declaration: Declaration, issuer: Authority | None) -> CertificateArtifact:
    """The certificate that a declaration asks for by itself, with its key. `issuer` is None for a self-signed one."""
    id = declaration.id
    key_path = layout.output_path(declaration, "key")
    of_key, of_certificate = _rights(declaration.platform if isinstance(declaration, Host) else "debian")
    authority = declaration if isinstance(declaration, Authority) else None
    return CertificateArtifact(
        id=f"{id}/certificate",
        kind="certificate",
        path=layout.output_path(declaration, "certificate"),
        rights=of_certificate,
        place=declaration.place,
        key=KeyArtifact(
            id=f"{id}/key",
            kind="key",
            path=key_path,
            rights=of_key,
            place=(*declaration.place, "key"),
            spec=declaration.key,
            public_path=layout.public_path(key_path) if declaration.key.passphrase else "",
            public_rights=of_certificate,
        ),
        profile=profile_of(declaration, issuer),
        issuer=declaration.issuer,
        validity=declaration.validity,
        renew_before=declaration.renew_before,
        issued_since=declaration.issued_since,
        clock_renews=authority is None or declaration.issuer != SELF,
        authority=authority,
    )


def profile_of(declaration: Declaration, issuer: Authority | None) -> Profile:
    """What its certificate says. `issuer` is None for a self-signed one: no list of revocations covers it."""
    authority = declaration if isinstance(declaration, Authority) else None
    return Profile(
        subject=declaration.subject,
        names=declaration.names,
        usages=declaration.usages,
        ca=authority is not None,
        path_length=authority.path_length if authority else None,
        constraints=authority.constraints if authority else UNCONSTRAINED,
        crl_url=issuer.crl.url if issuer and issuer.crl else "",
        ca_issuers_url=issuer.ca_issuers_url if issuer else "",
        ocsp_url=issuer.ocsp_url if issuer else "",
    )


@cache
def _rights(platform: Platform) -> tuple[Rights, Rights]:
    """Those of a key and of a certificate on all hosts of a platform."""
    owner, group = layout.root_owner(platform), layout.root_group(platform)
    return Rights(owner, group, KEY_MODE), Rights(owner, group, FILE_MODE)


def desired_certificates(scope: Scope) -> Iterator[Artifact]:
    """Each certificate of a unit after its key: the declaration's own, then those of its services."""
    own = own_certificate(scope.declaration, scope.issuer)
    yield from (own.key, own)
    for expansion in scope.expansions:
        for request in expansion.requests:
            assert isinstance(scope.declaration, Host)
            certificate = _requested(scope.declaration, scope.issuer, expansion.id, request)
            yield from (certificate.key, certificate)


def _requested(host: Host, issuer: Authority | None, service: str, request: Any) -> CertificateArtifact:
    """A key and certificate of a service's own: issuer, algorithm, validity and subject are the host's."""
    named = any(name == "common_name" for name, _ in host.subject)
    subject = tuple(
        (name, request.common_name if name == "common_name" else value)
        for name, value in (host.subject if named else (*host.subject, ("common_name", "")))
    )
    unit, folder = f"{service}/{request.role}", layout.unit_folder(host)
    return CertificateArtifact(
        id=f"{unit}/certificate",
        kind="certificate",
        path=f"{folder}/{request.certificate_path}",
        rights=rights_on_host(request.certificate),
        place=request.place,
        key=KeyArtifact(
            id=f"{unit}/key",
            kind="key",
            path=f"{folder}/{request.key_path}",
            rights=rights_on_host(request.key),
            place=request.place,
            spec=replace(host.key, passphrase=None),  # a service starts without anybody at a prompt
        ),
        profile=replace(profile_of(host, issuer), subject=subject, names=request.names, usages=request.usages),
        issuer=host.issuer,
        validity=host.validity,
        renew_before=host.renew_before,
        issued_since=host.issued_since,
    )


def rights_on_host(rights: Any) -> Rights:
    """From a pack's own words (`packs.pack.Rights`)."""
    return Rights(rights.owner, rights.group, rights.mode)


def certificate_rows(
    certificate: CertificateArtifact, table: StatusTable, problem: Diagnostic | None
) -> Iterator[StatusRow]:
    """Its own row, and of an authority those of older generations. `problem` is an error about its declaration."""
    facts = _held(certificate, table)
    state, message = _state(certificate, table, facts, problem)
    subject = format_subject(certificate.profile.subject)
    row = StatusRow(certificate.id, "certificate", state, subject, message=message)
    if facts is not None:
        renewed = certificate.clock_renews and not _is_clamped(certificate, table, facts)
        row = replace(_dated(row, facts), renew_at=renews_at(facts, certificate.renew_before) if renewed else None)
    yield row
    authority = certificate.authority
    if authority is not None and is_listed(authority, table, problem):
        older = table.source.history(authority).older
        yield from (_older(authority, one, table) for one in older if one.living)


def is_listed(authority: Authority, table: StatusTable, problem: Diagnostic | None) -> bool:
    """Whether more than its certificate is known of an authority."""
    return (problem is None or problem.code == "key-missing") and authority.name in table.issuers


def _held(certificate: CertificateArtifact, table: StatusTable) -> CertificateFacts | None:
    """The certificate in question: the newest that the journal knows, else what is in the file."""
    try:
        seen = table.source.certificate(certificate)
    except UserError:  # reported as a problem
        return None
    return seen.recorded.facts if seen.recorded else seen.facts


def _is_clamped(certificate: CertificateArtifact, table: StatusTable, facts: CertificateFacts) -> bool:
    """It ends with its issuer, so that a new one would end no later."""
    issuer = table.issuers.get(certificate.issuer)
    return issuer is not None and issuer.own.not_after <= facts.not_after


def _state(
    certificate: CertificateArtifact, table: StatusTable, facts: CertificateFacts | None, problem: Diagnostic | None
) -> State:
    if problem is not None:
        return "missing" if problem.code == "authority-missing" else "wrong", problem.message
    draft, authority = table.draft, certificate.authority
    key, own = (draft.actions.get(one.id) for one in (certificate.key, certificate))
    if facts is None:
        return "not-built", table.waits(certificate.id) or "`pkibuild apply` makes it"
    renews = renews_at(facts, certificate.renew_before)
    planned = table.planned(certificate.id, own, key, renews, facts.not_after)
    if planned is not None:
        return planned
    if authority is not None and authority.is_root and root_is_due(facts.not_after, table.now):
        return "due", "a root is renewed by an edit: `issued_since`, or a rollover"
    if authority is not None and authority.name in draft.clamped:
        return "short", "what it issues ends with it, before its declared end"
    for warning in draft.problems.warnings:
        if warning.code == "key-away" and warning.place == certificate.key.place:
            return "ok", warning.message
    return "ok", f"it ends with `{certificate.issuer}`" if _is_clamped(certificate, table, facts) else ""


def _older(authority: Authority, one: Generation, table: StatusTable) -> StatusRow:
    """An earlier certificate of an authority, which is kept while something under it is valid."""
    id = f"{authority.id}/certificate@g{one.number}"
    facts = one.certificate.facts
    state, message = "ok", "kept while something under it is valid"
    if table.now > facts.not_after:
        state = "expired"
    elif id in table.draft.actions:
        state, message = "missing", in_words(table.draft.actions[id].reasons)
    return _dated(StatusRow(id, "certificate", state, message=message), facts)


def _dated(row: StatusRow, facts: CertificateFacts) -> StatusRow:
    return replace(
        row,
        subject=format_subject(facts.subject),
        issuer=format_subject(facts.issuer),
        serial=facts.serial,
        not_before=facts.not_before,
        not_after=facts.not_after,
    )
