"""What a certificate would say if it had just been issued: the old side of a diff."""

from __future__ import annotations

from pkibuild.artifacts.issuers import CertificateView, IssuerView
from pkibuild.artifacts.kind import Context
from pkibuild.artifacts.stand_ins import stand_in
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.facts import CertificateFacts
from pkibuild.model.manifest import Attributes
from pkibuild.x509 import contents
from pkibuild.x509.validity import window


def certificate_as_built(context: Context, certificate: CertificateArtifact) -> CertificateFacts:
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


def asked_end(context: Context, certificate: CertificateArtifact) -> int:
    """The end that was declared for it."""
    return _window(context, certificate, context.issuer_of(certificate))[2]


def _window(context: Context, certificate: CertificateArtifact, issuer: IssuerView | None) -> tuple[int, int, int]:
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
