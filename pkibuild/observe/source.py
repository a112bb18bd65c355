"""What is there, as the planner sees it, wherever it was looked up: in the files, or in the lock.

`absent`: there is nothing. `present`: it was read. `damaged`: something is there that is not what it should be.
`closed`: a key is there that cannot be read here (no permission, or encrypted without its public half beside it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from pkibuild.core.values import Record
from pkibuild.model.desired import Artifact, CertificateArtifact, KeyArtifact, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts, KeyFacts, Recorded, Revocation
from pkibuild.model.manifest import Attributes, Authority
from pkibuild.state.openssl.index import Changes

State = Literal["absent", "present", "damaged", "closed"]


class ObservedKey(Record):
    state: State
    facts: KeyFacts | None = None
    mode: int | None = None
    """None where it is not known (planning from the lock)."""
    staged: KeyFacts | None = None
    """The key that a killed run left beside it, not yet in place."""
    staging: bool = False
    """Something lies there, be it readable or not."""
    half: bool = False
    """The key is in place, and a killed run has left its public half beside the place."""
    known: bool = False
    """Whether the lock or the journal has heard of it."""
    replaced: int | None = None
    """The generation of the key in place, where a killed run has left its successor beside it."""


class Former(Record):
    """As what a certificate was issued: its service had another name then."""

    id: str
    recorded: Recorded


class ObservedCertificate(Record):
    state: State
    facts: CertificateFacts | None = None
    recorded: Recorded | None = None
    earlier: bool = False
    """The file holds a certificate that the journal knows, but not its newest."""
    known: bool = False
    former: Former | None = None
    """Set where the file was issued as another artifact of the same host, and nothing was issued as this one."""


class ObservedFile(Record):
    """A file that is put together or rendered: what is there, and what was written there last."""

    state: State
    data: bytes | None = None
    """Its bytes, for a link its target; None where they are not at hand."""
    digest: str = ""
    """Of its bytes; empty where it is not known."""
    mode: int | None = None
    """None for a link, and where it is not known."""
    parts: tuple[str, ...] | None = None
    """What it holds, part by part, where that is known without reading it."""
    written_digest: str = ""
    """Of what was written there last; empty where it is not known."""
    written_parts: tuple[str, ...] | None = None
    """The parts of what was written there last; None where nothing is remembered."""
    masked: str = ""
    """Digest of the text with its secrets masked, where only this is remembered."""
    inputs: str = ""
    """Digest of what it was rendered from."""
    in_receipt: bool = False
    """Whether the receipt lists it; where the lock alone is asked, whether that does."""
    in_lock: bool = False
    held_secret: bool = False
    """What was written there last holds a secret: it is not shown."""
    built: Artifact | None = None
    """The artifact of the old manifest that would lie there, in a diff."""


class ObservedCrl(Record):
    state: State
    facts: CrlFacts | None = None
    recorded: bytes = b""
    """The newest list in the journal, DER; empty when there is none, or when it is the one in the file."""
    recorded_facts: CrlFacts | None = None
    """What that list says, where only this is remembered."""


class Generation(Record):
    """An older generation of an authority: its key was replaced, and some of what it signed is still valid."""

    number: int
    certificate: Recorded
    living: bool
    until: int | None = None
    """When the last certificate under it ends; None where none is left, or it is not known."""


NOTHING = Changes()


class History(Record):
    """What an authority's own journal and folder tell."""

    generation: int | None
    """That of its present key, None where nothing is recorded."""
    known: bool
    """Whether anything of it is in the output folder."""
    remembered: bool
    """Whether the lock has heard of it."""
    behind: bool = False
    """The lock knows more of its journal than the journal does."""
    last_time: int | None = None
    older: tuple[Generation, ...] = ()
    revoked: tuple[Revocation, ...] | None = ()
    """By the present generation, with what is to be taken in; None where it cannot be known."""
    revoked_by_older: tuple[tuple[int, tuple[Revocation, ...]], ...] = ()
    crl_number: int = 0
    """The highest of its lists so far, in whichever generation."""
    imported: Changes = NOTHING
    """What plain OpenSSL has issued and revoked since."""


class ObservedSource(Protocol):
    """Where the planner looks things up."""

    @property
    def lock_only(self) -> bool: ...

    def key(self, key: KeyArtifact, certificate_id: str) -> ObservedKey: ...

    def certificate(self, certificate: CertificateArtifact) -> ObservedCertificate: ...

    def moved_from(self, id: str, path: str) -> str:
        """Where the file of an artifact lies whose path was another one; empty when it is nowhere else."""
        ...

    def is_occupied(self, path: str, by: str = "") -> bool:
        """Whether there is something at a path, other than the very file that is to come there."""
        ...

    def older_certificate(self, path: str) -> str:
        """The fingerprint of the certificate at a path, empty when there is none."""
        ...

    def file(self, artifact: Artifact, unit: Unit) -> ObservedFile:
        """What is there of an artifact that is put together or rendered."""
        ...

    def has_issued(self, parts: Iterable[str]) -> bool:
        """Whether one of these parts of a bundle is a certificate that was issued here."""
        ...

    def public_of(self, key: bytes) -> str:
        """Digest of the public half of a private key's PEM block, as in a bundle."""
        ...

    def crl(self, id: str, path: str, der: bool, authority: Authority, generation: int) -> ObservedCrl: ...

    def history(self, authority: Authority) -> History: ...

    def authorities(self) -> Mapping[str, Attributes]:
        """Every authority that was ever made here, declared or not, by name, with its subject."""
        ...
