"""The extensions of a certificate: the table of profile.md (RFC 5280 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier

from pkibuild.keys.backend import PublicKey
from pkibuild.model.facts import Profile
from pkibuild.x509.contents import PURPOSES, usages
from pkibuild.x509.names import subtree_names

Extension = x509.Extension[x509.ExtensionType]

_PURPOSES = {name: ObjectIdentifier(oid) for name, oid in PURPOSES.items()}


def extension(value: x509.ExtensionType, critical: bool = False) -> Extension:
    """The value with its type and whether a verifier that does not know it must refuse the certificate."""
    return x509.Extension(value.oid, critical, value)


def _encoded(value: x509.ExtensionType, critical: bool = False) -> Extension:
    """The same in its encoding, which the builders copy: for what thousands of certificates have in common."""
    return x509.Extension(value.oid, critical, x509.UnrecognizedExtension(value.oid, value.public_bytes()))


def asked_extensions(profile: Profile, public_key: PublicKey, names: Sequence[x509.GeneralName]) -> list[Extension]:
    """What a certificate says by itself, whoever issues it: the part that a request carries too.

    `names` are the general names of `contents.alternative_names`.
    """
    extensions = _basics(profile, public_key)
    if profile.usages and not profile.ca:
        extensions.append(_purposes(usages(profile)))
    if names:
        # RFC 5280 4.2.1.6: critical where the subject is empty.
        extensions.append(extension(x509.SubjectAlternativeName(names), critical=not profile.subject))
    if profile.ca and profile.constraints:
        permitted, excluded = profile.constraints.permitted, profile.constraints.excluded
        constraints = x509.NameConstraints(subtree_names(permitted), subtree_names(excluded))
        extensions.append(extension(constraints, critical=True))
    return extensions


@lru_cache(maxsize=64)
def _purposes(of: tuple[str, ...]) -> Extension:
    return _encoded(x509.ExtendedKeyUsage([_PURPOSES.get(usage) or ObjectIdentifier(usage) for usage in of]))


def _key_usage(*, ca: bool, deciphers: bool = False) -> Extension:
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
    return _encoded(usage, critical=True)


_NO_AUTHORITY = _encoded(x509.BasicConstraints(False, None), critical=True)
_SIGNS_CERTIFICATES = _key_usage(ca=True)
_SIGNS = _key_usage(ca=False)
_SIGNS_AND_DECIPHERS = _key_usage(ca=False, deciphers=True)


def _basics(profile: Profile, public_key: PublicKey) -> list[Extension]:
    """basicConstraints and keyUsage."""
    if profile.ca:
        return [extension(x509.BasicConstraints(True, profile.path_length), critical=True), _SIGNS_CERTIFICATES]
    # An RSA key of a server or of a mail user may also decipher keys; no other key does (RFC 8813 3).
    deciphers = isinstance(public_key, rsa.RSAPublicKey) and ("server" in profile.usages or "email" in profile.usages)
    return [_NO_AUTHORITY, _SIGNS_AND_DECIPHERS if deciphers else _SIGNS]


def identifiers(own: bytes, of_issuer: bytes) -> list[Extension]:
    """subjectKeyIdentifier and, where the issuer has one, authorityKeyIdentifier by keyid alone."""
    extensions = []
    if own:
        extensions.append(extension(x509.SubjectKeyIdentifier(own)))
    if of_issuer:
        extensions.append(_issuer_key(of_issuer))
    return extensions


@lru_cache(maxsize=64)
def _issuer_key(identifier: bytes) -> Extension:
    return _encoded(x509.AuthorityKeyIdentifier(identifier, None, None))


def locations(profile: Profile) -> tuple[Extension, ...]:
    """Where the issuer's CRL, certificate and OCSP responder are."""
    return _locations(profile.crl_url, profile.ocsp_url, profile.ca_issuers_url)


@lru_cache(maxsize=64)
def _locations(crl: str, ocsp: str, ca_issuers: str) -> tuple[Extension, ...]:
    extensions = []
    if crl:
        extensions.append(_encoded(x509.CRLDistributionPoints([x509.DistributionPoint([_uri(crl)], None, None, None)])))
    methods = ((AuthorityInformationAccessOID.OCSP, ocsp), (AuthorityInformationAccessOID.CA_ISSUERS, ca_issuers))
    access = [x509.AccessDescription(method, _uri(url)) for method, url in methods if url]
    if access:
        extensions.append(_encoded(x509.AuthorityInformationAccess(access)))
    return tuple(extensions)


def _uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)
