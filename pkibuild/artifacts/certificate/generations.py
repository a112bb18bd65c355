"""Authorities as issuers, their older generations; and what a certificate would say if it had just been issued."""

from __future__ import annotations

from pkibuild.artifacts.certificate.policies import root_is_due
from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.issuers import CertificateView, ChainLink, IssuerView
from pkibuild.artifacts.kind import PlanningContext, stand_in
from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.times import HOUR, YEAR, format_date, format_time
from pkibuild.keys import pem
from pkibuild.model import layout
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.facts import CertificateFacts, Revocation
from pkibuild.model.manifest import Attributes, Authority
from pkibuild.model.plan import Action, Reason
from pkibuild.model.recipes import Write
from pkibuild.observe.source import Generation, History, ObservedSource
from pkibuild.state.lock.lock import LockEntry
from pkibuild.x509 import contents
from pkibuild.x509.contents import window


def plan_generations(context: PlanningContext, certificate: CertificateArtifact, authority: Authority) -> None:
    """After an authority's own certificate: what becomes of older ones, and how those that it issues see it."""
    view = context.certificates[certificate.id]
    history = context.source.history(authority)
    older = older_generations(context, certificate, authority, view)
    for generation in older:
        _plan_older(context, authority, generation)
    links = {
        one.certificate.facts.key_id: ChainLink(
            f"{authority.id}/certificate@g{one.number}",
            layout.output_path(authority, "certificate", one.number),
            one.certificate.facts.fingerprint,
        )
        for one in older
    }
    issuer = context.issuer_of(certificate)
    context.issuers[authority.name] = IssuerView.of(
        authority, view, issuer, links, _revoked(context, authority, history)
    )
    _warn(context, authority, view)


def older_generations(
    context: PlanningContext, certificate: CertificateArtifact, authority: Authority, view: CertificateView
) -> list[Generation]:
    """Those that the journal has, and the present one where this plan replaces its key."""
    older = list(context.source.history(authority).older)
    present = context.source.certificate(certificate).recorded
    if present is not None and view.generation > (present.generation or 1):
        older.append(Generation(present.generation or 1, present, True))
    return older


def _plan_older(context: PlanningContext, authority: Authority, one: Generation) -> None:
    """The certificate of an older generation stays while something under it is valid."""
    id = f"{authority.id}/certificate@g{one.number}"
    path = layout.output_path(authority, "certificate", one.number)
    recorded = one.certificate
    if context.source.older_certificate(path) == recorded.facts.fingerprint or not one.living:
        context.draft.keep(generation_entry(authority, one))
        return
    reason = Reason("retired", f"generation {one.number} is kept while something under it is valid")
    recipe = Write(path, pem.to_pem(recorded.der, pem.CERTIFICATE))
    context.draft.add(Action(id, "certificate", "retire", (reason,), recipe, (path,), place=authority.place))


def generation_entry(authority: Authority, one: Generation) -> LockEntry:
    """What the lock says of an authority's certificate of an older generation."""
    recorded = one.certificate
    return LockEntry(
        f"{authority.id}/certificate@g{one.number}",
        "certificate",
        layout.output_path(authority, "certificate", one.number),
        recorded.facts,
        generation=one.number,
        asked_end=recorded.asked_end,
        until=one.until,
    )


def _revoked(context: PlanningContext, authority: Authority, history: History) -> tuple[Revocation, ...]:
    """What the authority has revoked: as journal and folder tell, or else what its list holds."""
    if history.revoked is not None:
        return (*history.revoked, *(one for _, some in history.revoked_by_older for one in some))
    if authority.crl is None:
        return ()
    path = layout.output_path(authority, "crl")
    seen = context.source.crl(f"{authority.id}/crl", path, False, authority, history.generation or 1)
    return seen.facts.revoked if seen.facts else ()


def _warn(context: PlanningContext, authority: Authority, view: CertificateView) -> None:
    """Warnings about an authority's own state."""
    name = authority.name
    for when in (view.not_after + 1, view.not_after - YEAR + 1 if authority.is_root else 0):
        context.draft.until(when, context.now)
    if view.key_missing and view.exists:
        context.draft.problems.warn(
            "key-away",
            f"the key of authority `{name}` is not here: nothing can be signed with it",
            (*authority.place, "key"),
            "bring it back from a backup before something is due",
        )
    if authority.is_root and view.exists and root_is_due(view.not_after, context.now):
        ended = view.not_after <= context.now
        context.draft.problems.warn(
            "root-due",
            f"root `{name}` {'ended' if ended else 'ends'} on {format_date(view.not_after)}",
            authority.place,
            "a root is renewed by an edit: set `issued_since` to today (its key is kept), or plan a rollover",
        )
    problems = any(one.severity == "error" for one in context.draft.problems.found)
    if not authority.protect and not problems and f"{authority.id}/certificate" not in context.draft.actions:
        context.draft.problems.warn(
            "unprotected",
            f"`protect: false` on authority `{name}` has nothing to do",
            (*authority.place, "protect"),
            "take it out: it guards the authority's key and name against a slip",
        )


def check_signing(source: ObservedSource, draft: PlanDraft, now: int, authority: Authority) -> None:
    """What must hold before an authority's journal is written to, or files follow it.

    It is whole, and the clock goes forward.
    """
    history = source.history(authority)
    signing = authority.id in draft.signing
    if history.behind:
        draft.problems.found.append(
            Diagnostic(
                "journal-behind",
                f"the journal of `{authority.name}` lacks entries that the lock knows: it is behind, or another one",
                authority.place,
                f"bring `authorities/{authority.name}` up to date; after a real loss, "
                f"`apply --accept-lost-history {authority.name}` records the gap",
                "error" if signing or authority.name in draft.restoring else "warning",
            )
        )
    if not signing:
        return
    if history.last_time is not None and history.last_time - HOUR > now:
        draft.problems.error(
            "clock-went-back",
            f"the clock says {format_time(now)}, and the journal of `{authority.name}` has an entry of "
            f"{format_time(history.last_time)}",
            authority.place,
            "set the clock right; nothing is signed with a false one",
        )


def certificate_as_built(context: PlanningContext, certificate: CertificateArtifact) -> CertificateFacts:
    """Its facts; how others see it is noted in the context."""
    issuer = context.issuer_of(certificate)
    start, end, _ = _window(context, certificate, issuer)
    facts = _facts(certificate, issuer, start, end)
    view = CertificateView(
        certificate=certificate,
        public=facts.public,
        fingerprint=facts.fingerprint,
        subject=facts.subject_digest,
        key_id=facts.key_id,
        issuer_key_id=facts.issuer_key_id,
        not_before=start,
        not_after=end,
        generation=certificate.key.spec.generation,
        exists=True,
    )
    context.certificates[certificate.id] = view
    if certificate.authority is not None:
        context.issuers[certificate.authority.name] = IssuerView.of(certificate.authority, view, issuer)
    return facts


def asked_end(context: PlanningContext, certificate: CertificateArtifact) -> int:
    """The end that was declared for it."""
    return _window(context, certificate, context.issuer_of(certificate))[2]


def _window(
    context: PlanningContext, certificate: CertificateArtifact, issuer: IssuerView | None
) -> tuple[int, int, int]:
    first, last = (issuer.own.not_before, issuer.own.not_after) if issuer else (None, None)
    return window(context.now, certificate.validity, first, last)


def _facts(certificate: CertificateArtifact, issuer: IssuerView | None, start: int, end: int) -> CertificateFacts:
    profile = certificate.profile
    subject_digest = _name_digest(profile.subject)
    key_id = f"that of {certificate.unit}"  # it is shown, where an issuer changes
    return CertificateFacts(
        serial=stand_in("serial", certificate.id)[:40],
        subject=profile.subject,
        subject_digest=subject_digest,
        issuer=issuer.authority.subject if issuer else profile.subject,
        issuer_digest=(issuer.own.subject or "") if issuer else subject_digest,
        public=stand_in("public key", certificate.key.id),
        algorithm=certificate.key.spec.algorithm,
        key_id=key_id,
        issuer_key_id=(issuer.own.key_id or "") if issuer else key_id,
        not_before=start,
        not_after=end,
        ca=profile.ca,
        path_length=profile.path_length,
        usages=contents.usages(profile),
        names=contents.alternative_names(profile),
        constraints=profile.constraints,
        crl_urls=(profile.crl_url,) if profile.crl_url else (),
        ca_issuers_urls=(profile.ca_issuers_url,) if profile.ca_issuers_url else (),
        ocsp_urls=(profile.ocsp_url,) if profile.ocsp_url else (),
        fingerprint=stand_in("certificate", certificate.id),
    )


def _name_digest(subject: Attributes) -> str:
    return stand_in("name", repr(sorted(subject)))
