"""Recipes: all that carrying out an action takes. Paths are relative to the output folder."""

from __future__ import annotations

from typing import Literal

from pkibuild.core.values import dataclass, field
from pkibuild.model.facts import Profile
from pkibuild.model.manifest import Secret


@dataclass(frozen=True, slots=True)
class MakeKey:
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


@dataclass(frozen=True, slots=True)
class FinishKey:
    """Put a staged key in place whose certificate is in the journal already."""

    path: str
    public_path: str = ""
    retire_to: str = ""
    retire_public_to: str = ""
    half: bool = False
    """The key itself is in place, only its public half is not."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Issue a certificate and write it."""

    path: str
    profile: Profile
    unit: str
    """Id of the unit whose key it certifies: `host/myhost`, `service/smtp@myhost/msp`."""
    key_path: str
    public_path: str
    """Where the public half lies when the key is encrypted."""
    issuer: str
    """`authority/NAME`, or the unit itself when self-signed."""
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


@dataclass(frozen=True, slots=True)
class SignCrl:
    path: str
    authority: str
    generation: int
    journal: str
    this_update: int
    next_update: int
    key_path: str
    public_path: str
    certificate_path: str


@dataclass(frozen=True, slots=True)
class Part:
    """One PEM block of an assembled file, taken from another artifact's file."""

    role: Literal["key", "certificate", "crl"]
    path: str


@dataclass(frozen=True, slots=True)
class Assemble:
    """Write a file put together from others: a chain, a key with its chain, a DER form."""

    path: str
    parts: tuple[Part, ...]
    form: str = "pem"
    """How they are put together: `pem`, `der`, or another one of a kind (`artifacts.kind.Kind.forms`)."""
    mode: int = 0o644
    keep_copy: bool = False
    """As of `Write`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write these bytes: a rendered config, or a certificate brought back from the journal."""

    path: str
    data: bytes = field(repr=False)  # it may hold secrets
    mode: int = 0o644
    keep_copy: bool = False
    """What stands there was changed by hand: a copy is kept in `.cache/edited/`."""
    inputs: str = ""
    """Of a config: digest of all that it is rendered from, secrets apart."""


@dataclass(frozen=True, slots=True)
class Link:
    """Make a symbolic link."""

    path: str
    target: str
    keep_copy: bool = False
    """As of `Write`."""


@dataclass(frozen=True, slots=True)
class SetMode:
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Stay:
    """The file is right as it is, and only comes to another place (`Action.moves`)."""

    path: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Note in the journal that a certificate that was issued as another artifact is this one from now on."""

    journal: str
    serial: str


@dataclass(frozen=True, slots=True)
class Import:
    """Take into the journal what plain OpenSSL issued or revoked in the authority's folder."""

    authority: str
    journal: str


@dataclass(frozen=True, slots=True)
class Remove:
    path: str
    attic: str = ""
    """Where it is moved to instead (keys); empty when it is deleted."""


Recipe = MakeKey | FinishKey | Sign | SignCrl | Assemble | Write | Link | SetMode | Stay | Adopt | Import | Remove
