"""What should exist, unit by unit. A unit is one authority, or one host or certificate with its services.

Paths are relative to the output folder; owners, groups and modes are those on the host (in the output folder
everything belongs to the user who runs `apply`, keys with mode 0400).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pkibuild.core.diagnostics import Place
from pkibuild.core.values import Record, without
from pkibuild.model.facts import Profile
from pkibuild.model.layout import RECEIPT, STAGED
from pkibuild.model.manifest import Authority, Declaration, KeySpec, Validity

KEY_MODE = 0o400
FILE_MODE = 0o644


class Rights(Record):
    """Owner, group and mode that `install` and `bundle` set on the host."""

    owner: str = "root"
    group: str = "root"
    mode: int = FILE_MODE


def config_mode(mode: int) -> int:
    """A config's mode in the output folder, by that on the host: never wider."""
    return mode & 0o755 | 0o400


class Artifact(Record):
    """One artifact that is to exist, in one file. Each kind has a class of its own (`pkibuild.artifacts`)."""

    id: str
    kind: str
    """As it is shown: `key`, `certificate`, `fullchain`, `config`, …"""
    path: str
    rights: Rights
    place: Place
    """Where the manifest asks for it."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every path on which its state depends."""
        return (self.path,)

    @property
    def delivered(self) -> tuple[tuple[str, Rights], ...]:
        """Its files on the host, with their rights there."""
        return ((self.path, self.rights),)

    @property
    def secret(self) -> bool:
        """Whether its file holds something that must not be shown, nor guessed from a digest."""
        return False

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return False


class KeyArtifact(Artifact):
    spec: KeySpec
    public_path: str = ""
    """Where the public half lies beside a key with a passphrase; empty for a key that is not encrypted."""
    public_rights: Rights = Rights()

    @property
    def files(self) -> tuple[str, ...]:
        own = (self.path, f"{self.path}{STAGED}")
        return (*own, self.public_path) if self.public_path else own

    @property
    def delivered(self) -> tuple[tuple[str, Rights], ...]:
        own = (self.path, self.rights)
        return (own, (self.public_path, self.public_rights)) if self.public_path else (own,)

    @property
    def secret(self) -> bool:
        return True


class CertificateArtifact(Artifact):
    key: KeyArtifact
    profile: Profile
    issuer: str
    """An authority's name, or `self`."""
    validity: Validity
    renew_before: int
    issued_since: int | None
    clock_renews: bool = True
    """False for a root, which is renewed by an edit only."""
    authority: Authority | None = None
    """Set for an authority's own certificate."""

    @property
    def unit(self) -> str:
        """`host/myhost`, or `service/smtp@myhost/msp` for a pack's own."""
        return self.id.rpartition("/")[0]


class CrlArtifact(Artifact):
    """A revocation list: as the authority signs it (PEM), or the same in DER."""

    authority: Authority

    @property
    def der(self) -> bool:
        return self.kind == "crl-der"

    @property
    def delivered(self) -> tuple[tuple[str, Rights], ...]:
        return ()


class BundleArtifact(Artifact):
    """A file put together from keys and certificates."""

    parts: tuple[str, ...]
    """In order: `key`, `leaf`, `chain` (intermediates), `root`, or a unit whose certificate is meant: `authority/NAME`,
    or that of another certificate of the same unit."""
    certificate: CertificateArtifact
    """The certificate whose key, leaf and chain are meant."""
    der: bool = False

    @property
    def secret(self) -> bool:
        return "key" in self.parts

    @property
    def mode(self) -> int:
        """The mode in the output folder."""
        return KEY_MODE if self.secret else FILE_MODE


class ConfigArtifact(Artifact):
    """A text of a service pack, or a symbolic link: then its target stands for its text."""

    file: Any
    """The pack's own description of it (`packs.pack.File`)."""
    service: Any
    """All that its service asks for on this host (`packs.pack.Expansion`)."""
    context: Any = None
    """What its template sees. None where another process rendered it: it is more than all the rest of a unit."""

    UNPRINTED = frozenset({"context"})

    def __reduce__(self) -> tuple[Any, ...]:
        return without(self, "context")

    @property
    def link(self) -> str:
        """Its target, if it is a symbolic link."""
        return str(self.file.target)

    @property
    def is_link(self) -> bool:
        return bool(self.file.target)

    @property
    def secret(self) -> bool:
        """Whether an option that is secret stands in it."""
        return bool(self.file.secret)

    @property
    def mode(self) -> int:
        """The mode in the output folder."""
        return config_mode(self.rights.mode)


AnyArtifact = TypeVar("AnyArtifact", bound=Artifact)


class Unit(Record):
    id: str
    declaration: Declaration
    folder: str
    artifacts: tuple[Artifact, ...]
    """In the order in which they are decided on: what is made from others comes after them."""
    folders: tuple[tuple[str, Rights], ...] = ()
    """Private folders of the overlay, relative to the output folder."""
    expansions: tuple[Any, ...] = ()
    """What each service asks for on this host (`packs.pack.Expansion`)."""

    @property
    def authority(self) -> Authority | None:
        return self.declaration if isinstance(self.declaration, Authority) else None

    def of(self, kind: type[AnyArtifact]) -> Iterator[AnyArtifact]:
        """Its artifacts of one class."""
        return (one for one in self.artifacts if isinstance(one, kind))

    @property
    def paths(self) -> Iterator[str]:
        """Every file that a plan looks at, staged keys and the receipt included."""
        yield self.receipt_path
        for artifact in self.artifacts:
            yield from artifact.files

    @property
    def receipt_path(self) -> str:
        return f"{self.folder}/{RECEIPT}"
