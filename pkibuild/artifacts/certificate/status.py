"""The rows of a certificate in `status`."""

from __future__ import annotations

from collections.abc import Iterator

from pkibuild.artifacts.certificate.policies import renews_at, root_is_due
from pkibuild.artifacts.status import State, StatusTable, in_words
from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.core.values import replace
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.facts import CertificateFacts
from pkibuild.model.manifest import Authority
from pkibuild.model.reports import StatusRow
from pkibuild.observe.source import Generation
from pkibuild.x509.attributes import format_subject


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
