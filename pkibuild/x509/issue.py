"""Certificates, revocation lists and requests: what a profile says, signed (profile.md; RFC 5280, RFC 2986)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier

from pkibuild.facts import Profile, Revocation
from pkibuild.keys.backend import PrivateKey, PublicKey, quietly, signature_hash
from pkibuild.x509.names import build_name, general_names, subtree_names
from pkibuild.x509.said import PURPOSES, REASONS, alternative_names, usages

_DER = Encoding.DER
_PURPOSES = {name: ObjectIdentifier(oid) for name, oid in PURPOSES.items()}

LARGEST_CRL_NUMBER = 2**159 - 1
"""20 octets, with a sign bit (RFC 5280 5.2.3)."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, as its certificate says it: copied from there, never computed anew."""

    subject: x509.Name
    key_id: bytes
    """Its subjectKeyIdentifier; empty when the certificate has none."""

    @classmethod
    def of(cls, der: bytes) -> Issuer:
        """The issuer whose certificate this is. Raises ValueError when its name cannot be copied byte for byte."""
        try:
            with quietly():
                certificate = x509.load_der_x509_certificate(der)
                subject = certificate.subject
                if subject.public_bytes() not in certificate.tbs_certificate_bytes:
                    raise ValueError("the subject of the issuer's certificate is encoded in an unusual way")
                return cls(subject, _key_id_of(certificate))
        except (TypeError, x509.DuplicateExtension, x509.InvalidVersion) as error:
            raise ValueError(f"the issuer's certificate cannot be read: {error}") from None

    @classmethod
    def new(cls, profile: Profile, public_key: PublicKey) -> Issuer:
        """The issuer that a self-signed certificate will be. Raises ValueError."""
        return cls(build_name(profile.subject), key_identifier(public_key))


def _key_id_of(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""


def key_identifier(public_key: PublicKey) -> bytes:
    """SHA-1 of the subjectPublicKey (RFC 5280 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key).digest


def sign_certificate(
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
) -> bytes:
    """The DER certificate that says what the profile says.

    `subject` and `key_id` are those of the certificate that is renewed (`Issuer.of(old)` has both): some verifiers
    compare them by bytes. For a self-signed certificate `issuer` is `Issuer.new(profile, public_key)`, or
    `Issuer.of(old)`. Times are seconds since the epoch. Raises ValueError for what cannot be encoded.
    """
    identifier = key_identifier(public_key) if key_id is None else key_id
    certificate = x509.CertificateBuilder(
        issuer_name=issuer.subject,
        subject_name=build_name(profile.subject) if subject is None else subject,
        public_key=public_key,
        extensions=[
            *_asked_extensions(profile, public_key),
            *_identifiers(identifier, issuer.key_id),
            *_locations(profile),
        ],
    )
    certificate = certificate.serial_number(serial)
    certificate = certificate.not_valid_before(_moment(not_before)).not_valid_after(_moment(not_after))
    return certificate.sign(signing_key, signature_hash(signing_key)).public_bytes(_DER)


def make_csr(profile: Profile, key: PrivateKey) -> bytes:
    """A DER certificate request (RFC 2986) that asks for what the profile says. Raises ValueError."""
    request = x509.CertificateSigningRequestBuilder(
        subject_name=build_name(profile.subject), extensions=_asked_extensions(profile, key.public_key())
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
    extensions: list[x509.Extension[x509.ExtensionType]] = [_extension(x509.CRLNumber(number))]
    if issuer.key_id:
        extensions.insert(0, _extension(x509.AuthorityKeyIdentifier(issuer.key_id, None, None)))
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


# -- extensions -----------------------------------------------------------------


def _extension(value: x509.ExtensionType, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)


def _asked_extensions(profile: Profile, public_key: PublicKey) -> list[x509.Extension[x509.ExtensionType]]:
    """What a certificate says by itself, whoever issues it: the part that a request carries too."""
    extensions = _basics(profile, public_key)
    if profile.usages and not profile.ca:
        purposes = [_PURPOSES.get(usage) or ObjectIdentifier(usage) for usage in usages(profile)]
        extensions.append(_extension(x509.ExtendedKeyUsage(purposes)))
    names = alternative_names(profile)
    if names:
        # RFC 5280 4.2.1.6: critical where the subject is empty.
        extensions.append(_extension(x509.SubjectAlternativeName(general_names(names)), critical=not profile.subject))
    if profile.ca and profile.constraints:
        permitted, excluded = profile.constraints.permitted, profile.constraints.excluded
        constraints = x509.NameConstraints(subtree_names(permitted), subtree_names(excluded))
        extensions.append(_extension(constraints, critical=True))
    return extensions


def _key_usage(*, ca: bool, deciphers: bool = False) -> x509.Extension[x509.ExtensionType]:
    usage = x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=deciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    return _extension(usage, critical=True)


_NO_AUTHORITY = _extension(x509.BasicConstraints(False, None), critical=True)
_SIGNS_CERTIFICATES = _key_usage(ca=True)
_SIGNS = _key_usage(ca=False)
_SIGNS_AND_DECIPHERS = _key_usage(ca=False, deciphers=True)


def _basics(profile: Profile, public_key: PublicKey) -> list[x509.Extension[x509.ExtensionType]]:
    """basicConstraints and keyUsage."""
    if profile.ca:
        return [_extension(x509.BasicConstraints(True, profile.path_length), critical=True), _SIGNS_CERTIFICATES]
    # An RSA key of a server or of a mail user may also decipher keys; no other key does (RFC 8813 3).
    deciphers = isinstance(public_key, rsa.RSAPublicKey) and ("server" in profile.usages or "email" in profile.usages)
    return [_NO_AUTHORITY, _SIGNS_AND_DECIPHERS if deciphers else _SIGNS]


def _identifiers(own: bytes, of_issuer: bytes) -> list[x509.Extension[x509.ExtensionType]]:
    """subjectKeyIdentifier and, where the issuer has one, authorityKeyIdentifier by keyid alone."""
    extensions = []
    if own:
        extensions.append(_extension(x509.SubjectKeyIdentifier(own)))
    if of_issuer:
        extensions.append(_extension(x509.AuthorityKeyIdentifier(of_issuer, None, None)))
    return extensions


def _locations(profile: Profile) -> list[x509.Extension[x509.ExtensionType]]:
    """Where the issuer's CRL, certificate and OCSP responder are."""
    extensions: list[x509.Extension[x509.ExtensionType]] = []
    if profile.crl_url:
        point = x509.DistributionPoint([_uri(profile.crl_url)], None, None, None)
        extensions.append(_extension(x509.CRLDistributionPoints([point])))
    access = [
        x509.AccessDescription(method, _uri(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, profile.ocsp_url),
            (AuthorityInformationAccessOID.CA_ISSUERS, profile.ca_issuers_url),
        )
        if url
    ]
    if access:
        extensions.append(_extension(x509.AuthorityInformationAccess(access)))
    return extensions


def _uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


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
            raise ValueError(f"`{one.reason}` is no reason for a revocation in a full CRL")


def _entry(one: Revocation) -> x509.RevokedCertificate:
    entry = x509.RevokedCertificateBuilder(int(one.serial, 16), _moment(one.on))
    if one.reason != "unspecified":  # RFC 5280 5.3.1: left out, not written
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(REASONS[one.reason])), critical=False)
    return entry.build()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
