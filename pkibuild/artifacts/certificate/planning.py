"""A key and its certificate, decided together: kept, restored, adopted or issued."""

from __future__ import annotations

from collections.abc import Iterable

from pkibuild.artifacts.certificate.case import (
    Case,
    desired_of,
    guard_protected,
    note_clamp,
    note_revoked,
    note_times,
    observe_case,
    refuse_foreign,
    view_of,
)
from pkibuild.artifacts.certificate.policies import Desired, certificate_reasons, due
from pkibuild.artifacts.certificate.review import IssuanceReview, certificate_changes, issued_risks
from pkibuild.artifacts.issuers import CertificateView
from pkibuild.artifacts.key.kind import keep_key, key_action, missing_key
from pkibuild.artifacts.key.verdict import KeyState, KeyVerdict, decide
from pkibuild.artifacts.kind import Need, PlanningContext
from pkibuild.artifacts.moves import moving, only_moving
from pkibuild.core.times import format_date
from pkibuild.keys import pem
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.facts import CertificateFacts
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import NOT_BUILT, Action, Pending, Reason
from pkibuild.model.recipes import Adopt, Sign, Signer, Stay, Write
from pkibuild.observe.source import Former
from pkibuild.review.changes import name_list
from pkibuild.state.journal.histories import TOP, journal_of
from pkibuild.state.lock.lock import LockEntry
from pkibuild.x509.attributes import format_subject


def plan_certificate(
    context: PlanningContext, certificate: CertificateArtifact, needs: Iterable[Need]
) -> CertificateView:
    """Decide on a key and its certificate, and add what is to be done to the draft."""
    case = observe_case(context, certificate)
    key = certificate.key
    verdict = decide(_key_state(context, case))
    desired = desired_of(case, context.dated, verdict.public)
    if verdict.problem is not None:
        context.draft.problems.found.append(verdict.problem)
    making_key = key_action(context, key, case.key, verdict, _algorithm_before(case), authority=bool(case.authority))
    action, view = _decide(context, case, verdict, desired, tuple(id for id, _ in needs))
    blocked = action is None and verdict.verb in ("new", "rekey")
    if making_key is not None and not blocked:
        context.draft.add(moving(making_key, case.key_moves))
    elif making_key is not None:  # a key without a certificate to come is not made
        context.draft.wait(Pending(key.id, "certificate-waits", "its certificate cannot be issued now"))
    elif case.key_moves:
        context.draft.add(only_moving(key, case.key_moves))
    else:
        keep_key(context, key, case.key, verdict)
    if case.key.staging and not verdict.staged:
        context.draft.leftovers.append(key.path)
    if action is not None:
        context.draft.add(moving(action, case.moves))
    return view


def _key_state(context: PlanningContext, case: Case) -> KeyState:
    held, authority, key = case.held, case.authority, case.certificate.key
    rotates = key.spec.rotate == "on-renewal"
    return KeyState(
        key=key,
        seen=case.key,
        certified=held.facts.public if held else "",
        generation=held.generation if held else None,
        is_authority=authority is not None,
        protected=authority is None or authority.protect,
        renewing=rotates
        and held is not None
        and due(desired_of(case, context.dated, ""), held, context.now) is not None,
    )


def _algorithm_before(case: Case) -> str:
    if case.key.facts is not None:
        return case.key.facts.algorithm
    return case.held.facts.algorithm if case.held else ""


def certificate_entry(
    certificate: CertificateArtifact, facts: CertificateFacts, generation: int | None, asked_end: int | None
) -> LockEntry:
    """What the lock says of it."""
    return LockEntry.of(certificate, facts, generation=generation, asked_end=asked_end)


def _decide(
    context: PlanningContext, case: Case, verdict: KeyVerdict, desired: Desired, needs: tuple[str, ...]
) -> tuple[Action | None, CertificateView]:
    certificate, held, seen = case.certificate, case.held, case.seen
    if (seen.state != "absent" and not seen.known and held is None) or (
        seen.recorded is None and seen.facts and not seen.known and seen.former is None
    ):
        refuse_foreign(context, certificate)
        return None, view_of(case, verdict)
    reasons = certificate_reasons(desired, held, context.now) if held else ()
    if held is not None and case.authority is not None and case.authority.protect:
        guard_protected(context, case, held)
    if held is None:
        return issue(context, case, verdict, desired, (NOT_BUILT,), needs)
    if reasons:
        return issue(context, case, verdict, desired, _worded(reasons, verdict), needs)
    view = view_of(case, verdict)
    note_revoked(context, case, held)
    note_times(context, case, desired, held)
    if case.lost:
        signer = case.issuer.authority if case.issuer else case.authority
        if signer is not None:
            context.draft.restoring.add(signer.name)
        return _restore(case), view
    if seen.former is not None:
        return _adopt(context, case, seen.former), view
    if case.moves:
        return Action(
            certificate.id,
            "certificate",
            "restore",
            (),
            Stay(certificate.path),
            (certificate.path,),
            place=certificate.place,
        ), view
    context.draft.keep(certificate_entry(certificate, held.facts, verdict.generation, held.asked_end))
    return None, view


def _worded(reasons: tuple[Reason, ...], verdict: KeyVerdict) -> tuple[Reason, ...]:
    if verdict.public is None or verdict.verb != "keep":
        return reasons
    first = reasons[0]
    return (Reason(first.code, f"{first.message}, key kept", first.because), *reasons[1:])


def _restore(case: Case) -> Action:
    """Bring the newest certificate back from the journal: it is right, and needs no new signature."""
    certificate, seen = case.certificate, case.seen
    assert seen.recorded is not None
    if seen.state == "absent":
        first = case.key.state == "absent" or case.key.staged is not None
        reason = (
            Reason("interrupted", "an interrupted run is finished") if first else Reason("missing", "it is missing")
        )
    elif seen.earlier:
        reason = Reason("interrupted", "the journal has a newer one")
    else:
        reason = Reason("edited-by-hand", "it was changed by hand, and is put back")
    data = pem.to_pem(seen.recorded.der, pem.CERTIFICATE)
    recipe = Write(certificate.path, data, keep_copy=reason.code == "edited-by-hand")
    needs = (certificate.key.id,)
    return Action(
        certificate.id, "certificate", "restore", (reason,), recipe, (certificate.path,),
        needs=needs, place=certificate.place,
    )  # fmt: skip


def _adopt(context: PlanningContext, case: Case, former: Former) -> Action:
    """Go on with a certificate that was issued when its service had another name."""
    certificate, issuer = case.certificate, case.issuer
    reason = Reason("renamed", f"it was `{former.id}`, and stays as it is")
    if issuer:
        context.draft.signing.setdefault(issuer.authority.id, []).append(certificate.id)  # it writes to the journal
    recipe = Adopt(journal_of(issuer.authority.name) if issuer else TOP, former.recorded.facts.serial)
    return Action(certificate.id, "certificate", "adopt", (reason,), recipe, (), place=certificate.place)


def issue(
    context: PlanningContext,
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
        signer=_signer(case, verdict),
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
    return issued_risks(IssuanceReview(before, asked_end, certificate.profile, certificate.validity, issuer, reasons))


def _signer(case: Case, verdict: KeyVerdict) -> Signer:
    own = case.issuer.own if case.issuer else None
    if own is None:
        certificate = case.certificate
        return Signer(certificate.unit, certificate.key.path, certificate.path, verdict.generation)
    return Signer(own.certificate.unit, own.certificate.key.path, own.certificate.path, own.generation)


def journal_of_self(authority: Authority | None) -> str:
    """A root stands in its own journal, a self-signed leaf in the folder's."""
    return journal_of(authority.name) if authority else TOP


def _blocked(context: PlanningContext, case: Case, verdict: KeyVerdict, desired: Desired) -> Pending | None:
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
