"""A certificate under decision: what was observed of it and of its key, and what is noted besides what is done."""

from __future__ import annotations

from pkibuild.artifacts.certificate.policies import Desired, Held, due_at
from pkibuild.artifacts.issuers import CertificateView, IssuerView
from pkibuild.artifacts.key.kind import observe_key
from pkibuild.artifacts.key.verdict import KeyVerdict
from pkibuild.artifacts.kind import PlanningContext
from pkibuild.artifacts.moves import Moves, observed
from pkibuild.core.times import format_date, format_time
from pkibuild.core.values import Record
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.manifest import Authority
from pkibuild.observe.source import ObservedCertificate, ObservedKey
from pkibuild.x509.attributes import format_subject
from pkibuild.x509.contents import window


class Case(Record):
    """A certificate with everything that was observed of it and of its key."""

    certificate: CertificateArtifact
    issuer: IssuerView | None
    """None when self-signed."""
    key: ObservedKey
    seen: ObservedCertificate
    held: Held | None
    lost: bool
    """The file is not what the journal says: absent, damaged, an earlier one, or changed by hand."""
    key_moves: Moves
    moves: Moves
    """What of the key and of the certificate lies at the path that it had before."""

    @property
    def authority(self) -> Authority | None:
        """Set when the certificate is an authority's own."""
        return self.certificate.authority


def observe_case(context: PlanningContext, certificate: CertificateArtifact) -> Case:
    """Look a certificate and its key up."""
    source = context.source
    seen, moves = observed(source, certificate, source.certificate)
    key, key_moves = observe_key(source, certificate)
    held: Held | None = None
    lost = False
    if seen.recorded is not None:
        held = Held(seen.recorded.facts, seen.recorded.generation, seen.recorded.asked_end)
        lost = seen.facts is None or seen.facts.fingerprint != seen.recorded.facts.fingerprint
    elif seen.former is not None:
        held = Held(seen.former.recorded.facts, seen.former.recorded.generation, seen.former.recorded.asked_end)
    elif seen.facts is not None:
        held = Held(seen.facts)
    return Case(certificate, context.issuer_of(certificate), key, seen, held, lost, key_moves, moves)


def desired_of(case: Case, dated: int, public: str | None) -> Desired:
    """What its certificate should be; `public` is the digest of its public key, None where that is still to be made."""
    certificate, issuer = case.certificate, case.issuer.own if case.issuer else None
    not_before, not_after, asked_end = window(
        dated, certificate.validity, issuer.not_before if issuer else None, issuer.not_after if issuer else None
    )
    return Desired(
        profile=certificate.profile,
        public=public,
        self_signed=issuer is None,
        issuer_subject=issuer.subject if issuer else None,
        issuer_key_id=issuer.key_id if issuer else None,
        issuer_not_after=issuer.not_after if issuer else None,
        validity=certificate.validity,
        renew_before=certificate.renew_before,
        issued_since=certificate.issued_since,
        clock_renews=certificate.clock_renews,
        not_before=not_before,
        not_after=not_after,
        asked_end=asked_end,
    )


def view_of(case: Case, verdict: KeyVerdict) -> CertificateView:
    """How others see it where nothing is issued: the certificate that is held."""
    facts = case.held.facts if case.held else None
    return CertificateView(
        certificate=case.certificate,
        public=verdict.public,
        fingerprint=facts.fingerprint if facts else None,
        subject=facts.subject_digest if facts else None,
        key_id=facts.key_id if facts else None,
        issuer_key_id=facts.issuer_key_id if facts else None,
        not_before=facts.not_before if facts else 0,
        not_after=facts.not_after if facts else 0,
        generation=verdict.generation,
        exists=facts is not None,
        key_missing=verdict.verb == "missing",
    )


def guard_protected(context: PlanningContext, case: Case, held: Held) -> None:
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


def refuse_foreign(context: PlanningContext, certificate: CertificateArtifact) -> None:
    context.draft.planned_ids.add(certificate.id)
    context.draft.problems.error(
        "not-ours",
        f"`{certificate.path}` is there already, and pkibuild did not make it",
        certificate.place,
        "move it away, or choose another `output:`; nothing that is not ours is overwritten",
    )


def note_times(context: PlanningContext, case: Case, desired: Desired, held: Held) -> None:
    """When it is renewed next, and whether its issuer cut it short."""
    certificate = case.certificate
    note_clamp(context, case, held.asked_end or held.facts.not_after, held.facts.not_after)
    for moment in (held.facts.not_after + 1, desired.issued_since or 0):
        context.draft.until(moment, context.now)
    if certificate.clock_renews:
        when = due_at(desired, held)
        if when > context.now:
            context.draft.due(certificate.unit, when)


def note_revoked(context: PlanningContext, case: Case, held: Held) -> None:
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


def note_clamp(context: PlanningContext, case: Case, asked_end: int, not_after: int) -> None:
    """Note that its issuer's end cuts it short, if so."""
    certificate = case.certificate
    if case.issuer is not None and asked_end - not_after >= 60:
        context.draft.clamped.setdefault(case.issuer.authority.name, []).append(certificate.unit)
