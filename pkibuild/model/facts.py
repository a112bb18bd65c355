"""What an artifact says, read from its bytes or remembered in the lock: plain values that compare and serialise.

Digests are SHA-256 in lower-case hex. Times are seconds since the epoch.
"""

from __future__ import annotations

from hashlib import sha256

from pkibuild.core.values import Record
from pkibuild.model.manifest import Attributes, Constraints, Names


def sha(data: bytes) -> str:
    """The digest of something's bytes."""
    return sha256(data).hexdigest()


class KeyFacts(Record):
    algorithm: str
    """As in the manifest, or what else the key is (`rsa-1024`, `dsa`)."""
    public: str
    """Digest of the DER SubjectPublicKeyInfo."""
    encrypted: bool = False


class CertificateFacts(Record):
    serial: str
    """Lower-case hex, an even number of digits."""
    subject: Attributes
    subject_digest: str
    """Digest of the DER name."""
    issuer: Attributes
    issuer_digest: str
    public: str
    algorithm: str
    key_id: str
    """subjectKeyIdentifier in hex, empty when there is none."""
    issuer_key_id: str
    """authorityKeyIdentifier in hex, empty when there is none."""
    not_before: int
    not_after: int
    ca: bool
    path_length: int | None
    usages: tuple[str, ...]
    """`server`, `client`, `email`, `code` in this order, then other purposes as dotted OIDs."""
    names: Names
    constraints: Constraints
    crl_urls: tuple[str, ...]
    ca_issuers_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    fingerprint: str
    """Digest of the DER certificate."""


class Revocation(Record):
    serial: str
    on: int
    reason: str
    """As in the manifest: `unspecified`, `key_compromise`, …"""


class OpensslCertificate(Record):
    """A certificate that plain OpenSSL issued. Without its file only the row of the index is known of it."""

    serial: str
    not_after: int
    subject: str
    """OpenSSL's one-line form; goes into the entry's detail as `subject` when there is no DER."""
    der: bytes = b""
    facts: CertificateFacts | None = None


class CrlFacts(Record):
    issuer_digest: str
    issuer_key_id: str
    number: int
    this_update: int
    next_update: int
    revoked: tuple[Revocation, ...]
    """Sorted by serial."""
    digest: str
    """Digest of the DER list."""


NO_NAMES = Names()
UNCONSTRAINED = Constraints()


class Profile(Record):
    """What a certificate is to say, apart from its serial, times, issuer and key."""

    subject: Attributes
    names: Names = NO_NAMES
    usages: tuple[str, ...] = ()
    ca: bool = False
    path_length: int | None = None
    constraints: Constraints = UNCONSTRAINED
    crl_url: str = ""
    ca_issuers_url: str = ""
    ocsp_url: str = ""


class FileFacts(Record):
    """An assembled or rendered file, as the lock remembers it."""

    digest: str = ""
    """Digest of its bytes; empty for a file that holds a secret."""
    parts: tuple[str, ...] = ()
    """Fingerprints of the certificates and public digests of the keys in it, in order."""
    masked: str = ""
    """Digest of a text with every secret in it masked; empty where it holds none, or they cannot be masked."""


class Recorded(Record):
    """The newest entry of a certificate in the journals."""

    facts: CertificateFacts
    generation: int | None
    asked_end: int | None
    der: bytes = b""
