"""What is noted of a certificate besides what is done: errors, warnings, and when it is due."""

from __future__ import annotations

from pkibuild.artifacts.certificate.case import Case
from pkibuild.artifacts.certificate.policies import Desired, Held, due_at
from pkibuild.artifacts.kind import Context
from pkibuild.core.times import format_date, format_time
from pkibuild.model.desired import CertificateArtifact
from pkibuild.x509.attributes import format_subject


def guard_protected(context: Context, case: Case, held: Held) -> None:
    """A protected authority keeps its subject, and stays a root or an intermediate (artifacts.md)."""
    certificate, facts = case.certificate, held.facts
    before, after = format_subject(facts.subject), format_subject(certificate.profile.subject)
    was_root = facts.issuer_digest == facts.subject_digest
    if sorted(facts.subject) != sorted(certificate.profile.subject):
        what, place = f"its subject (`{before}` → `{after}`)", (*certificate.place, "subject")
    elif was_root != (case.issuer is None):
        what, place = "whether it is a root", (*certificate.place, "issuer")
    else:
        return
    context.draft.problems.error(
        "protected",
        f"this authority is protected, and the manifest changes {what}",
        place,
        "to change it, add `protect: false`: all that it issued is issued again; else take the change back",
    )


def refuse_foreign(context: Context, certificate: CertificateArtifact) -> None:
    context.draft.seen.add(certificate.id)
    context.draft.problems.error(
        "not-ours",
        f"`{certificate.path}` is there already, and pkibuild did not make it",
        certificate.place,
        "move it away, or choose another `output:`; nothing that is not ours is overwritten",
    )


def note_times(context: Context, case: Case, desired: Desired, held: Held) -> None:
    """When it is renewed next, and whether its issuer cut it short."""
    certificate = case.certificate
    note_clamp(context, case, held.asked_end or held.facts.not_after, held.facts.not_after)
    for moment in (held.facts.not_after + 1, desired.issued_since or 0):
        context.draft.until(moment, context.now)
    if certificate.clock_renews:
        when = due_at(desired, held)
        if when > context.now:
            context.draft.due(certificate.unit, when)


def note_revoked(context: Context, case: Case, held: Held) -> None:
    """A certificate that its issuer has revoked stays in use: only an edit replaces it."""
    revocation = case.issuer.revoked.get(held.facts.serial) if case.issuer else None
    if revocation is None:
        return
    certificate, on = case.certificate, format_date(revocation.on)
    context.draft.problems.warn(
        "revoked-in-use",
        f"`{certificate.id}` was revoked on {on} (`{revocation.reason}`), and is still in use",
        certificate.place,
        f"`issued_since: {format_time(revocation.on)}` issues another one with the same key; "
        "if the key is no longer safe, raise `key.generation`",
    )


def note_clamp(context: Context, case: Case, asked_end: int, not_after: int) -> None:
    """Note that its issuer's end cuts it short, if so."""
    certificate = case.certificate
    if case.issuer is not None and asked_end - not_after >= 60:
        context.draft.clamped.setdefault(case.issuer.authority.name, []).append(certificate.unit)
