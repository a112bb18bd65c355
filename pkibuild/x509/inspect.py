"""What certificates, revocation lists and keys say: DER or PEM into facts.

Everything here may be foreign: whatever cannot be read is a ValueError with a plain message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID

from pkibuild.keys.backend import algorithm_of, load_public, open_key, private_block, public_digest, quietly
from pkibuild.keys.errors import KeyUnreadable
from pkibuild.model.facts import CertificateFacts, CrlFacts, KeyFacts, Revocation
from pkibuild.model.manifest import Constraints, Names
from pkibuild.x509.contents import PURPOSES, REASONS
from pkibuild.x509.issue import serial_text
from pkibuild.x509.names import attributes_of, names_of, subtrees_of
from pkibuild.x509.reading import reading

_USAGES = {oid: name for name, oid in PURPOSES.items()}
_RANK = {name: rank for rank, name in enumerate(PURPOSES)}
_REASONS = {theirs: ours for ours, theirs in REASONS.items()}


def certificate_facts(der: bytes) -> CertificateFacts:
    """What a DER certificate says. Raises ValueError when it cannot be read."""
    with reading("certificate"):
        certificate = x509.load_der_x509_certificate(der)
        found = _Extensions(certificate.extensions)
        public_key = certificate.public_key()
        subject, issuer = certificate.subject, certificate.issuer
        return CertificateFacts(
            serial=serial_text(certificate.serial_number),
            subject=attributes_of(subject),
            subject_digest=_digest(subject.public_bytes()),
            issuer=attributes_of(issuer),
            issuer_digest=_digest(issuer.public_bytes()),
            public=public_digest(public_key),
            algorithm=algorithm_of(public_key),
            key_id=found.key_id,
            issuer_key_id=found.issuer_key_id,
            not_before=_seconds(certificate.not_valid_before_utc),
            not_after=_seconds(certificate.not_valid_after_utc),
            ca=found.ca,
            path_length=found.path_length,
            usages=found.usages,
            names=found.names,
            constraints=found.constraints,
            crl_urls=found.crl_urls,
            ca_issuers_urls=found.ca_issuers_urls,
            ocsp_urls=found.ocsp_urls,
            fingerprint=_digest(der),
        )


class _Extensions:
    """The extensions that facts tell of; what is not there has its empty value."""

    def __init__(self, extensions: x509.Extensions) -> None:
        self.key_id = self.issuer_key_id = ""
        self.ca = False
        self.path_length: int | None = None
        self.usages: tuple[str, ...] = ()
        self.names = Names()
        self.constraints = Constraints()
        self.crl_urls: tuple[str, ...] = ()
        self.ca_issuers_urls: tuple[str, ...] = ()
        self.ocsp_urls: tuple[str, ...] = ()
        for extension in extensions:
            self._take(extension.value)

    def _take(self, value: x509.ExtensionType) -> None:
        if isinstance(value, x509.BasicConstraints):
            self.ca, self.path_length = value.ca, value.path_length
        elif isinstance(value, x509.SubjectKeyIdentifier):
            self.key_id = value.digest.hex()
        elif isinstance(value, x509.AuthorityKeyIdentifier):
            self.issuer_key_id = (value.key_identifier or b"").hex()
        elif isinstance(value, x509.ExtendedKeyUsage):
            self.usages = _usages(value)
        elif isinstance(value, x509.SubjectAlternativeName):
            self.names = names_of(value)
        elif isinstance(value, x509.NameConstraints):
            self.constraints = Constraints(subtrees_of(value.permitted_subtrees), subtrees_of(value.excluded_subtrees))
        elif isinstance(value, x509.CRLDistributionPoints):
            self.crl_urls = _uris(name for point in value for name in point.full_name or ())
        elif isinstance(value, x509.AuthorityInformationAccess):
            self.ca_issuers_urls = _locations(value, AuthorityInformationAccessOID.CA_ISSUERS)
            self.ocsp_urls = _locations(value, AuthorityInformationAccessOID.OCSP)


def _usages(value: x509.ExtendedKeyUsage) -> tuple[str, ...]:
    names = {_USAGES.get(oid.dotted_string, oid.dotted_string) for oid in value}
    return tuple(sorted(names, key=lambda name: (_RANK.get(name, len(_RANK)), name)))


def _uris(names: Iterator[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _locations(access: x509.AuthorityInformationAccess, method: x509.ObjectIdentifier) -> tuple[str, ...]:
    return _uris(one.access_location for one in access if one.access_method == method)


def crl_facts(der: bytes) -> CrlFacts:
    """What a DER CRL says. A number that is missing counts as 0, a missing nextUpdate as due at once.

    Raises ValueError when it cannot be read.
    """
    with reading("revocation list"):
        crl = x509.load_der_x509_crl(der)
        issuer_key_id, number = "", 0
        for extension in crl.extensions:
            if isinstance(extension.value, x509.CRLNumber):
                number = extension.value.crl_number
            elif isinstance(extension.value, x509.AuthorityKeyIdentifier):
                issuer_key_id = (extension.value.key_identifier or b"").hex()
        this_update = _seconds(crl.last_update_utc)
        next_update = crl.next_update_utc
        return CrlFacts(
            issuer_digest=_digest(crl.issuer.public_bytes()),
            issuer_key_id=issuer_key_id,
            number=number,
            this_update=this_update,
            next_update=this_update if next_update is None else _seconds(next_update),
            revoked=tuple(sorted((_revocation(one) for one in crl), key=lambda one: one.serial)),
            digest=_digest(der),
        )


def _revocation(entry: x509.RevokedCertificate) -> Revocation:
    reason = "unspecified"
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            theirs = str(extension.value.reason.value)
            reason = _REASONS.get(theirs, theirs)
    return Revocation(serial_text(entry.serial_number), _seconds(entry.revocation_date_utc), reason)


def key_facts(data: bytes, passphrase: bytes | None = None) -> KeyFacts:
    """What a private key in PEM is.

    Of an RSA key only the public numbers are looked at; `keys.backend.load` checks the rest when it is opened to sign.
    Raises PassphraseNeeded, WrongPassphrase or KeyUnreadable, all of them ValueErrors.
    """
    block = private_block(data)
    key = open_key(block, passphrase, validate=False)
    if algorithm_of(key) == "other":
        raise KeyUnreadable("a private key of this kind is not supported")
    return KeyFacts(algorithm_of(key), public_digest(key), block.encrypted)  # type: ignore[arg-type]  # has public_key


def public_facts(data: bytes, *, encrypted: bool = False) -> KeyFacts:
    """What a public key (SubjectPublicKeyInfo, PEM or DER) is. Raises KeyUnreadable, which is a ValueError.

    `encrypted` says whether the private key beside which it lies is.
    """
    key = load_public(data)
    return KeyFacts(algorithm_of(key), public_digest(key), encrypted)


def verify_signature(child: bytes, issuer: bytes) -> bool:
    """Whether the DER certificate `child` names `issuer` as its issuer and is signed with its key.

    Raises ValueError when one of them cannot be read.
    """
    with reading("certificate"):
        below, above = x509.load_der_x509_certificate(child), x509.load_der_x509_certificate(issuer)
        above.public_key()
    try:
        with quietly():
            below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def crl_signed_by(crl: bytes, issuer: bytes) -> bool:
    """Whether the DER CRL is of this issuer and signed with its key. Raises ValueError when one cannot be read."""
    with reading("revocation list"):
        found, above = x509.load_der_x509_crl(crl), x509.load_der_x509_certificate(issuer)
        public_key = above.public_key()
        if found.issuer != above.subject:
            return False
    try:
        return bool(found.is_signature_valid(public_key))  # type: ignore[arg-type]  # a TypeError says so, below
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
