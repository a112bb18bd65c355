"""What should exist, unit by unit. A unit is one authority, or one host or certificate with its services.

Paths are relative to the output folder; owners, groups and modes are those on the host (in the output folder
everything belongs to the person who runs `apply`, keys with mode 0400).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.core.values import STAYS, dataclass, field
from pkibuild.model.facts import Profile
from pkibuild.model.manifest import Authority, Declaration, KeySpec, Validity

KEY_MODE = 0o400
FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Rights:
    """Owner, group and mode that `install` and `bundle` set on the host."""

    owner: str = "root"
    group: str = "root"
    mode: int = FILE_MODE


def config_mode(mode: int) -> int:
    """A config's mode in the output folder, by that on the host: never wider."""
    return mode & 0o755 | 0o400


@dataclass(frozen=True, slots=True)
class KeyWant:
    id: str
    path: str
    spec: KeySpec
    place: Place
    rights: Rights
    public_path: str = ""
    """Where the public half lies beside a key with a passphrase; empty for a key in clear."""


@dataclass(frozen=True, slots=True)
class CertificateWant:
    id: str
    path: str
    profile: Profile
    issuer: str
    """An authority's name, or `self`."""
    validity: Validity
    renew_before: int
    issued_since: int | None
    place: Place
    rights: Rights
    clock_renews: bool = True
    """False for a root, which is renewed by an edit only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificate. `unit` is `host/myhost`, or `service/smtp@myhost/msp` for a pack's own."""

    unit: str
    key: KeyWant
    certificate: CertificateWant


@dataclass(frozen=True, slots=True)
class BundleWant:
    """A file put together from keys and certificates."""

    id: str
    kind: str
    path: str
    parts: tuple[str, ...]
    """In order: `key`, `leaf`, `chain` (intermediates), `root`, or a unit whose certificate is meant: `authority/NAME`,
    or that of another pair here."""
    pair: str
    """The unit of the pair whose key, leaf and chain are meant."""
    rights: Rights
    der: bool = False
    place: Place = ()

    @property
    def secret(self) -> bool:
        return "key" in self.parts

    @property
    def mode(self) -> int:
        """The mode in the output folder."""
        return KEY_MODE if self.secret else FILE_MODE


@dataclass(frozen=True, slots=True)
class ConfigWant:
    """A text of a service pack, or a link: then what it points to stands for its text."""

    id: str
    path: str
    file: Any
    """The pack's own description of it (`services.expansion.File`)."""
    rights: Rights
    place: Place
    secret: bool = False
    """An option that is secret stands in it."""
    context: Any = field(default=None, repr=False, metadata=STAYS)  # some of it may be secret
    """What its template sees. None where another process rendered it: it is more than all the rest of a unit."""

    @property
    def link(self) -> str:
        """Where it points to, if it is a symbolic link."""
        return str(self.file.target)

    @property
    def kind(self) -> str:
        return "link" if self.link else "config"

    @property
    def mode(self) -> int:
        """The mode in the output folder."""
        return config_mode(self.rights.mode)


@dataclass(frozen=True, slots=True)
class Unit:
    id: str
    declaration: Declaration
    folder: str
    pairs: tuple[Pair, ...]
    bundles: tuple[BundleWant, ...] = ()
    configs: tuple[ConfigWant, ...] = ()
    folders: tuple[tuple[str, Rights], ...] = ()
    """Private folders of the overlay, relative to the output folder."""
    expansions: tuple[Any, ...] = field(default=())
    """What each service asks for on this host (`services.expansion.Expansion`), for receipts and bundles."""

    @property
    def authority(self) -> Authority | None:
        return self.declaration if isinstance(self.declaration, Authority) else None

    @property
    def paths(self) -> Iterator[str]:
        """Every file that a plan looks at, staged keys and the receipt included."""
        yield self.receipt_path
        for pair in self.pairs:
            yield pair.key.path
            yield f"{pair.key.path}.next"
            if pair.key.public_path:
                yield pair.key.public_path
            yield pair.certificate.path
        for bundle in self.bundles:
            yield bundle.path
        for config in self.configs:
            yield config.path

    @property
    def receipt_path(self) -> str:
        return f"{self.folder}/.install.json"
