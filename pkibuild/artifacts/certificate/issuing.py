"""Issuing a certificate: the action, or what it waits for."""

from __future__ import annotations

from pkibuild.artifacts.certificate.case import Case, view_of
from pkibuild.artifacts.certificate.changes import certificate_changes
from pkibuild.artifacts.certificate.notes import note_clamp
from pkibuild.artifacts.certificate.policies import Desired
from pkibuild.artifacts.certificate.risks import Issued, issued_risks
from pkibuild.artifacts.issuers import CertificateView
from pkibuild.artifacts.key.planning import missing_key
from pkibuild.artifacts.key.verdict import KeyVerdict
from pkibuild.artifacts.kind import Context
from pkibuild.core.times import format_date
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import Action, Pending, Reason
from pkibuild.model.recipes import Sign
from pkibuild.review.fields import name_list
from pkibuild.state.journal.histories import TOP, journal_of
from pkibuild.x509.attributes import format_subject


def issue(
    context: Context,
    case: Case,
    verdict: KeyVerdict,
    desired: Desired,
    reasons: tuple[Reason, ...],
    needs: tuple[str, ...],
) -> tuple[Action | None, CertificateView]:
    """The action that issues it, if nothing is in the way, and how others see it then."""
    certificate, held, issuer = case.certificate, case.held, case.issuer
    blocked = _blocked(context, case, verdict, desired)
    if blocked is not None:
        context.draft.wait(blocked)
        return None, view_of(case, verdict)
    signer = issuer.id if issuer else certificate.unit
    name = issuer.authority.subject if issuer else certificate.profile.subject
    same_subject = held is not None and sorted(held.facts.subject) == sorted(desired.profile.subject)
    same_key = held is not None and verdict.public is not None and verdict.public == held.facts.public
    generation = verdict.generation
    recipe = Sign(
        path=certificate.path,
        profile=certificate.profile,
        unit=certificate.unit,
        key_path=certificate.key.path,
        public_path=certificate.key.public_path,
        issuer=signer,
        journal=issuer.journal if issuer else journal_of_self(case.authority),
        not_before=desired.not_before,
        not_after=desired.not_after,
        asked_end=desired.asked_end,
        generation=generation,
        keep_subject=same_subject,
        keep_key_id=same_key,
    )
    if issuer or case.authority:
        context.draft.signing.setdefault(signer, []).append(certificate.id)
    note_clamp(context, case, desired.asked_end, desired.not_after)
    if certificate.clock_renews:
        context.renews(certificate.id, certificate.unit, desired.not_after - certificate.renew_before + 1)
    action = Action(
        certificate.id,
        "certificate",
        "reissue" if held else "new",
        reasons,
        recipe,
        (certificate.path,),
        changes=certificate_changes(desired, held.facts, name) if held else (),
        detail=describe_certificate(certificate, desired.not_after),
        needs=needs,
        place=certificate.place,
        risks=_risks(case, reasons),
    )
    return action, CertificateView(
        certificate=certificate,
        public=verdict.public,
        fingerprint=None,
        subject=held.facts.subject_digest if held and same_subject else None,
        key_id=held.facts.key_id if held and same_key else None,
        issuer_key_id=issuer.own.key_id if issuer else None,
        not_before=desired.not_before,
        not_after=desired.not_after,
        generation=generation,
        exists=True,
        key_missing=verdict.verb == "missing",
    )


def _risks(case: Case, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    certificate, held = case.certificate, case.held
    issuer = case.issuer.authority.id if case.issuer else ""
    before, asked_end = (held.facts, held.asked_end) if held else (None, None)
    return issued_risks(Issued(before, asked_end, certificate.profile, certificate.validity, issuer, reasons))


def journal_of_self(authority: Authority | None) -> str:
    """A root stands in its own journal, a self-signed leaf in the folder's."""
    return journal_of(authority.name) if authority else TOP


def _blocked(context: Context, case: Case, verdict: KeyVerdict, desired: Desired) -> Pending | None:
    """Why nothing can be signed for this pair, if so."""
    certificate, issuer = case.certificate, case.issuer
    if verdict.verb == "missing" and issuer is None:
        if verdict.problem is None:
            context.draft.once(missing_key(certificate.key))
        return Pending(
            certificate.id, "key-missing", f"the key at `{certificate.key.path}` is missing", certificate.place
        )
    if issuer is None:
        return None
    name = issuer.authority.name
    if not issuer.own.exists:
        return Pending(certificate.id, "issuer-waits", f"authority `{name}` has no certificate yet", certificate.place)
    if issuer.own.not_after <= context.now:
        end = format_date(issuer.own.not_after)
        return Pending(
            certificate.id,
            "issuer-expired",
            f"authority `{name}` expired on {end} and signs nothing",
            certificate.place,
        )
    if issuer.own.key_missing:
        context.draft.once(missing_key(issuer.own.certificate.key))
        return Pending(certificate.id, "key-missing", f"the key of authority `{name}` is missing", certificate.place)
    if desired.not_after <= desired.not_before:
        return Pending(certificate.id, "end-before-start", "its declared end is in the past", certificate.place)
    return None


def describe_certificate(certificate: CertificateArtifact, not_after: int) -> str:
    """`CN=ABC Company Root CA, until 2046-11-24`."""
    common = [(name, value) for name, value in certificate.profile.subject if name == "common_name"]
    who = format_subject(tuple(common or certificate.profile.subject)) or ", ".join(
        name_list(certificate.profile.names)[:1]
    )
    return f"{who}, until {format_date(not_after)}"
