"""Making keys and certificates, one by one or by threads. Pure: bytes in, bytes out.

RSA key generation lets other threads run; keys of the other kinds are made faster by processes (`shares`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pkibuild.core.values import Record
from pkibuild.keys import backend
from pkibuild.model.facts import CertificateFacts, Profile
from pkibuild.x509.issue import Issuer, issue_certificate


class PairJob(Record):
    """One certificate to be made, and its key when there is none yet."""

    id: str
    algorithm: str
    """Of the key to be made; empty when there is one."""
    passphrase: bytes | None
    key: bytes
    """The public key in DER, when there is a key."""
    profile: Profile
    serial: int
    not_before: int
    not_after: int
    signer: str
    """Name of the signer; empty when it signs itself."""
    old: bytes
    """DER of the certificate whose subject is kept; empty when none is."""
    keep_key_id: bool


class Made(Record):
    id: str
    key: bytes
    """PEM of the private key; empty when there was one."""
    public: bytes
    """PEM of its public half, which lies beside a key with a passphrase; empty for another."""
    der: bytes
    facts: CertificateFacts


class OpenSigner(Record):
    issuer: Issuer
    key: backend.PrivateKey


def make(job: PairJob, signers: Mapping[str, OpenSigner], own: backend.PrivateKey | None = None) -> Made:
    """Make one. `own` is the key of a certificate that signs itself. Raises ValueError for what cannot be encoded."""
    key = own if own is not None else backend.generate(job.algorithm) if job.algorithm else None
    public = key.public_key() if key is not None else backend.load_public(job.key)
    old = Issuer.of(job.old) if job.old else None
    subject = old.subject if old else None
    key_id = old.key_id if old and job.keep_key_id and old.key_id else None
    if job.signer:
        signer = signers[job.signer]
    else:
        assert key is not None
        fresh = Issuer.new(job.profile, public)
        signer = OpenSigner(Issuer.named(subject or fresh.subject, key_id or fresh.key_id), key)
    issued = issue_certificate(
        job.profile,
        public_key=public,
        serial=job.serial,
        not_before=job.not_before,
        not_after=job.not_after,
        issuer=signer.issuer,
        signing_key=signer.key,
        subject=subject,
        key_id=key_id,
    )
    written = backend.private_pem(key, job.passphrase) if key is not None and job.algorithm else b""
    half = backend.public_pem(public) if job.passphrase is not None else b""
    return Made(job.id, written, half, issued.der, issued.facts)


@contextmanager
def workers(signers: Mapping[str, OpenSigner], jobs: Sequence[PairJob], processors: int) -> Iterator[Iterator[Made]]:
    """Make all jobs, in order, on as many processors as help."""
    rsa = any(job.algorithm.startswith("rsa") for job in jobs)
    if processors < 2 or len(jobs) < 2 or not rsa:
        yield (make(job, signers) for job in jobs)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(processors) as threads:
        yield threads.map(lambda job: make(job, signers), jobs)
