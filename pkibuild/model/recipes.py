"""Recipes: all that carrying out an action takes. Paths are relative to the output folder."""

from __future__ import annotations

from typing import Literal

from pkibuild.core.values import Record
from pkibuild.model.facts import OpensslCertificate, Profile, Revocation
from pkibuild.model.manifest import Secret


class MakeKey(Record):
    """Make a key (or take the staged one), to be put in place together with the certificate that follows it."""

    path: str
    algorithm: str
    passphrase: Secret | None
    generation: int
    public_path: str = ""
    """Where the public half of an encrypted key lies; empty for a key in clear."""
    retire_to: str = ""
    """Where the key that stands at `path` goes; empty when there is none."""
    retire_public_to: str = ""
    staged: bool = False
    """A killed run has left the key at `path` + `.next`: use it."""


class FinishKey(Record):
    """Put a staged key in place whose certificate is in the journal already."""

    path: str
    public_path: str = ""
    retire_to: str = ""
    retire_public_to: str = ""
    half: bool = False
    """The key itself is in place, only its public half is not."""


class Signer(Record):
    """A key that signs, in a file, and the certificate under which it does."""

    unit: str
    """Id of the unit whose key it is: `authority/myrootca`, or of a self-signed certificate its own."""
    key_path: str
    certificate_path: str
    generation: int
    """That of the key."""


class Sign(Record):
    """Issue a certificate and write it."""

    path: str
    profile: Profile
    unit: str
    """Id of the unit whose key it certifies: `host/myhost`, `service/smtp@myhost/msp`."""
    key_path: str
    public_path: str
    """Where the public half lies when the key is encrypted."""
    signer: Signer
    journal: str
    """The journal that it is written to."""
    not_before: int
    not_after: int
    asked_end: int
    generation: int
    keep_subject: bool = False
    """The subject's DER is copied from the newest certificate of this node (some verifiers compare bytes)."""
    keep_key_id: bool = False
    """So is the key identifier: the key is the same."""


class SignCrl(Record):
    """Sign a revocation list and write it in PEM."""

    path: str
    authority: str
    signer: Signer
    journal: str
    number: int
    """Its CRL number (RFC 5280 5.2.3)."""
    this_update: int
    next_update: int
    revoked: tuple[Revocation, ...]
    """Its entries, sorted by serial."""


class Part(Record):
    """One PEM block of an assembled file, taken from another artifact's file."""

    role: Literal["key", "certificate", "crl"]
    path: str


class Assemble(Record):
    """Write a file put together from others: a chain, a key with its chain, a DER form."""

    path: str
    parts: tuple[Part, ...]
    form: str = "pem"
    """How they are put together: `pem`, `der`, or another one of a kind (`artifacts.kind.Kind.forms`)."""
    mode: int = 0o644
    keep_copy: bool = False
    """As of `Write`."""


class Write(Record):
    """Write these bytes: a rendered config, or a certificate brought back from the journal."""

    path: str
    data: bytes
    mode: int = 0o644
    keep_copy: bool = False
    """What stands there was changed by hand: a copy is kept in `.cache/edited/`."""
    inputs: str = ""
    """Of a config: digest of all that it is rendered from, secrets apart."""

    UNPRINTED = frozenset({"data"})


class Link(Record):
    """Make a symbolic link."""

    path: str
    target: str
    keep_copy: bool = False
    """As of `Write`."""


class SetMode(Record):
    path: str
    mode: int


class Stay(Record):
    """The file is right as it is, and only comes to another place (`Action.moves`)."""

    path: str


class Adopt(Record):
    """Note in the journal that a certificate that was issued as another artifact is this one from now on."""

    journal: str
    serial: str


class Import(Record):
    """Take into the journal what plain OpenSSL issued or revoked in the authority's folder."""

    authority: str
    journal: str
    generation: int
    """That of the authority's key."""
    certificates: tuple[OpensslCertificate, ...]
    revocations: tuple[tuple[str, Revocation], ...]
    """Each with the id of the revoked certificate."""
    crl_number: int | None
    """The number of the last list that OpenSSL made, where it is higher than the journal's."""


class AcceptGap(Record):
    """Go on with a journal that has lost its end, as its administrator says."""

    journal: str
    torn_at: int | None
    """Where an unfinished line begins, which is cut off first."""
    lines: bytes
    """What is appended: the gap, and the revocations that the lock remembers."""

    UNPRINTED = frozenset({"lines"})


class Remove(Record):
    path: str
    attic: str = ""
    """Where it is moved to instead (keys); empty when it is deleted."""


Recipe = (
    MakeKey
    | FinishKey
    | Sign
    | SignCrl
    | Assemble
    | Write
    | Link
    | SetMode
    | Stay
    | Adopt
    | Import
    | AcceptGap
    | Remove
)
