"""What is decided about a certificate, and what was observed of it and of its key."""

from __future__ import annotations

from pkibuild.artifacts.certificate.policies import Desired, Held
from pkibuild.artifacts.issuers import CertificateView, IssuerView
from pkibuild.artifacts.key.planning import observe_key
from pkibuild.artifacts.key.verdict import KeyVerdict
from pkibuild.artifacts.kind import Context
from pkibuild.artifacts.moves import Moves, observed
from pkibuild.core.values import dataclass
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.manifest import Authority
from pkibuild.observe.source import CertificateSeen, KeySeen
from pkibuild.x509.validity import window


@dataclass(frozen=True, slots=True)
class Case:
    """A certificate with everything that was observed of it and of its key."""

    certificate: CertificateArtifact
    issuer: IssuerView | None
    """None when self-signed."""
    key: KeySeen
    seen: CertificateSeen
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


def observe_case(context: Context, certificate: CertificateArtifact) -> Case:
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
