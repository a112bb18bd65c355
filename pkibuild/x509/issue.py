"""Certificates, revocation lists and requests: what a profile says, signed (profile.md; RFC 5280, RFC 2986)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pkibuild.core.times import END_OF_TIME
from pkibuild.core.values import Record
from pkibuild.keys.backend import PrivateKey, PublicKey, algorithm_of, public_digest, signature_hash
from pkibuild.model.facts import CertificateFacts, Profile, Revocation
from pkibuild.model.manifest import Attributes, Constraints
from pkibuild.x509.contents import REASONS, alternative_names, usages
from pkibuild.x509.extensions import Extension, asked_extensions, extension, identifiers, locations
from pkibuild.x509.names import attributes_of, build_name, general_names, names_of, subtree_names, subtrees_of
from pkibuild.x509.reading import reading

_DER = Encoding.DER

LARGEST_CRL_NUMBER = 2**159 - 1
"""20 octets, with a sign bit (RFC 5280 5.2.3)."""


class Issuer(Record):
    """Who signs, as its certificate says it: copied from there, never computed anew."""

    subject: x509.Name
    key_id: bytes
    """Its subjectKeyIdentifier; empty when the certificate has none."""
    attributes: Attributes
    """The subject's attributes, for the facts of what it issues."""
    digest: str
    """Digest of the DER subject, likewise."""

    @classmethod
    def named(cls, subject: x509.Name, key_id: bytes) -> Issuer:
        return cls(subject, key_id, attributes_of(subject), _digest(subject.public_bytes()))

    @classmethod
    def of(cls, der: bytes) -> Issuer:
        """The issuer whose certificate this is. Raises ValueError when its name cannot be copied byte for byte."""
        with reading("issuer's certificate"):
            certificate = x509.load_der_x509_certificate(der)
            subject = certificate.subject
            if subject.public_bytes() not in certificate.tbs_certificate_bytes:
                raise ValueError("its subject is encoded in an unusual way, which cannot be copied")
            return cls.named(subject, _key_id_of(certificate))

    @classmethod
    def new(cls, profile: Profile, public_key: PublicKey) -> Issuer:
        """The issuer that a self-signed certificate will be. Raises ValueError."""
        return cls.named(build_name(profile.subject), key_identifier(public_key))


def _key_id_of(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def key_identifier(public_key: PublicKey) -> bytes:
    """SHA-1 of the subjectPublicKey (RFC 5280 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key).digest


class IssuedCertificate(Record):
    """A new certificate, and what `inspect.certificate_facts` would say of it (a test holds the two together)."""

    der: bytes
    facts: CertificateFacts


def issue_certificate(
    profile: Profile,
    *,
    public_key: PublicKey,
    serial: int,
    not_before: int,
    not_after: int,
    issuer: Issuer,
    signing_key: PrivateKey,
    subject: x509.Name | None = None,
    key_id: bytes | None = None,
) -> IssuedCertificate:
    """The certificate that says what the profile says.

    `subject` and `key_id` are those of the certificate that is renewed (`Issuer.of(old)` has both): some verifiers
    compare them by bytes. For a self-signed certificate `issuer` is `Issuer.new(profile, public_key)`, or
    `Issuer.of(old)`. Times are seconds since the epoch. Raises ValueError for what cannot be encoded.
    """
    _check_identity(serial, not_before, not_after)
    name = build_name(profile.subject) if subject is None else subject
    names = general_names(alternative_names(profile))
    identifier = key_identifier(public_key) if key_id is None else key_id
    builder = x509.CertificateBuilder(
        issuer.subject,
        name,
        public_key,
        serial,
        _moment(not_before),
        _moment(not_after),
        [
            *asked_extensions(profile, public_key, names),
            *identifiers(identifier, issuer.key_id),
            *locations(profile),
        ],
    )
    der = builder.sign(signing_key, signature_hash(signing_key)).public_bytes(_DER)
    facts = CertificateFacts(
        serial=serial_text(serial),
        subject=profile.subject if subject is None else attributes_of(subject),
        subject_digest=_digest(name.public_bytes()),
        issuer=issuer.attributes,
        issuer_digest=issuer.digest,
        public=public_digest(public_key),
        algorithm=algorithm_of(public_key),
        key_id=identifier.hex(),
        issuer_key_id=issuer.key_id.hex(),
        not_before=not_before,
        not_after=not_after,
        ca=profile.ca,
        path_length=profile.path_length if profile.ca else None,
        usages=() if profile.ca else usages(profile),
        names=names_of(names),
        constraints=_constraints(profile),
        crl_urls=_given(profile.crl_url),
        ca_issuers_urls=_given(profile.ca_issuers_url),
        ocsp_urls=_given(profile.ocsp_url),
        fingerprint=_digest(der),
    )
    return IssuedCertificate(der, facts)


def _check_identity(serial: int, not_before: int, not_after: int) -> None:
    """What the builder would check, were it given these one by one."""
    if not 0 < serial < 2**159:
        raise ValueError("a serial is positive and has at most 20 octets (RFC 5280 4.1.2.2)")
    if not 0 <= not_before <= not_after <= END_OF_TIME:
        raise ValueError("a certificate ends before it starts, or beyond the last time that it can say")


def _constraints(profile: Profile) -> Constraints:
    if not (profile.ca and profile.constraints):
        return Constraints()
    permitted, excluded = profile.constraints.permitted, profile.constraints.excluded
    return Constraints(subtrees_of(subtree_names(permitted)), subtrees_of(subtree_names(excluded)))


def _given(url: str) -> tuple[str, ...]:
    return (url,) if url else ()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_csr(profile: Profile, key: PrivateKey) -> bytes:
    """A DER certificate request (RFC 2986) that asks for what the profile says. Raises ValueError."""
    names = general_names(alternative_names(profile))
    request = x509.CertificateSigningRequestBuilder(
        build_name(profile.subject), asked_extensions(profile, key.public_key(), names)
    )
    return request.sign(key, signature_hash(key)).public_bytes(_DER)


def sign_crl(
    issuer: Issuer,
    signing_key: PrivateKey,
    *,
    number: int,
    this_update: int,
    next_update: int,
    revoked: Sequence[Revocation] = (),
) -> bytes:
    """A full DER CRL (RFC 5280 5), entries sorted by serial. Raises ValueError for what a CRL must not say."""
    _check_crl(number, this_update, next_update, revoked)
    entries = [_entry(one) for one in sorted(revoked, key=lambda one: int(one.serial, 16))]
    extensions: list[Extension] = [extension(x509.CRLNumber(number))]
    if issuer.key_id:
        extensions.insert(0, extension(x509.AuthorityKeyIdentifier(issuer.key_id, None, None)))
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.subject,
        last_update=_moment(this_update),
        next_update=_moment(next_update),
        extensions=extensions,
        revoked_certificates=entries,
    )
    return builder.sign(signing_key, signature_hash(signing_key)).public_bytes(_DER)


def new_serial(taken: Callable[[str], bool]) -> int:
    """A random serial of 159 bits (RFC 5280 4.1.2.2) that `taken` (asked with its `serial_text`) does not know."""
    while True:
        serial = x509.random_serial_number()
        if serial and not taken(serial_text(serial)):
            return serial


def serial_text(serial: int) -> str:
    """Lower-case hex with an even number of digits. Foreign serials may be negative: then with a `-` before it."""
    digits = f"{abs(serial):x}"
    return ("-" if serial < 0 else "") + "0" * (len(digits) % 2) + digits


# -- revocation lists -----------------------------------------------------------


def _check_crl(number: int, this_update: int, next_update: int, revoked: Sequence[Revocation]) -> None:
    if not 0 <= number <= LARGEST_CRL_NUMBER:
        raise ValueError("a CRL number has at most 20 octets and is not negative (RFC 5280 5.2.3)")
    if next_update <= this_update:
        raise ValueError("a CRL's next update is not after this one")
    if len({int(one.serial, 16) for one in revoked}) != len(revoked):
        raise ValueError("a serial stands in a CRL twice")
    for one in revoked:
        if one.on > this_update:
            raise ValueError(f"the revocation of `{one.serial}` lies in the future")
        if one.reason not in REASONS:
            raise ValueError(f"`{one.reason}` is not a valid revocation reason in a full CRL")


def _entry(one: Revocation) -> x509.RevokedCertificate:
    entry = x509.RevokedCertificateBuilder(int(one.serial, 16), _moment(one.on))
    if one.reason != "unspecified":  # RFC 5280 5.3.1: left out, not written
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(REASONS[one.reason])), critical=False)
    return entry.build()


_EPOCH = datetime(1970, 1, 1)
"""Without a zone: the builders take UTC so."""


@lru_cache(maxsize=64)  # what is signed together begins and ends together
def _moment(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
