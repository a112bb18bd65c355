"""The manifest as frozen values: what was declared, with every inherited and built-in value filled in.

Times are whole seconds since the epoch (UTC), durations whole seconds. Nothing here reads or decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import field

from pkibuild.core.diagnostics import Diagnostic, Place, Span
from pkibuild.core.values import Record

Attributes = tuple[tuple[str, str], ...]
"""A distinguished name as (RFC 4519 attribute in the manifest's spelling, value) pairs, in the order of the DN."""

Platform = Literal["debian", "redhat", "freebsd", "user"]
Usage = Literal["server", "client", "email", "code"]

SELF = "self"
EXTERNAL = "external"

ALGORITHMS = (
    "rsa-2048", "rsa-3072", "rsa-4096",
    "ecdsa-p256", "ecdsa-p384", "ecdsa-p521",
    "ed25519",
    "ml-dsa-44", "ml-dsa-65", "ml-dsa-87",
)  # fmt: skip


class Secret(Record):
    """Where a passphrase comes from; never the passphrase itself."""

    source: Literal["env", "file", "command", "prompt"]
    value: str | tuple[str, ...]
    """The variable's name, the file's path (absolute), the argument list, or the empty string for a prompt."""
    place: Place = ()


class KeySpec(Record):
    algorithm: str
    passphrase: Secret | None = None
    rotate: Literal["never", "on-renewal"] = "never"
    generation: int = 1
    generation_declared: bool = False


class Validity(Record):
    """Either a span in seconds or a fixed end; exactly one is set."""

    seconds: int | None = None
    not_after: int | None = None


class Names(Record):
    """Subject alternative names in normal form: A-labels in lower case, addresses compressed."""

    dns: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.dns or self.ip or self.email or self.uri)


class Subtrees(Record):
    dns: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    email: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.dns or self.ip or self.email)


class Constraints(Record):
    permitted: Subtrees = Subtrees()
    excluded: Subtrees = Subtrees()

    def __bool__(self) -> bool:
        return bool(self.permitted or self.excluded)


class Crl(Record):
    url: str
    validity: int
    refresh_before: int


class Declaration(Record):
    """What authorities, hosts and certificates share. `issuer` is an authority's name, `self` or `external`."""

    name: str
    place: Place
    subject: Attributes
    issuer: str
    key: KeySpec
    validity: Validity
    renew_before: int
    issued_since: int | None
    formats: tuple[str, ...]
    usages: tuple[Usage, ...]
    """Empty for an authority."""
    names: Names

    kind = "declaration"

    @property
    def id(self) -> str:
        """`host/myhost` and the like: the id of its unit."""
        return f"{self.kind}/{self.name}"


class Authority(Declaration):
    path_length: int | None = None
    constraints: Constraints = Constraints()
    crl: Crl | None = None
    ocsp_url: str = ""
    ca_issuers_url: str = ""
    protect: bool = True

    kind = "authority"

    @property
    def is_root(self) -> bool:
        return self.issuer == SELF


class Host(Declaration):
    fqdn: str = ""
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    platform: Platform = "debian"
    home: str = ""
    tags: tuple[str, ...] = ()

    kind = "host"


class Certificate(Declaration):
    kind = "certificate"


class Service(Record):
    """A service as declared; `options` has the pack's defaults filled in."""

    name: str
    place: Place
    type: str
    hosts: tuple[str, ...]
    options: Mapping[str, Any]

    UNPRINTED = frozenset({"options"})


class Manifest(Record):
    """Everything declared in one manifest and the files that it includes."""

    path: str
    """The manifest's path as the user gave it."""
    folder: str
    """Absolute path of the folder it lies in."""
    output: str
    """The output folder, relative to `folder` (or absolute, where `--output` gave it so)."""
    authorities: Mapping[str, Authority]
    """Issuers come before what they issue."""
    hosts: Mapping[str, Host]
    certificates: Mapping[str, Certificate]
    services: Mapping[str, Service]
    packs: Mapping[str, Any]
    """Service packs by type (`services.pack.Pack`)."""
    locate: Any
    """A callable `(place, at_key=False) -> Span | None`: positions are looked up only when they are shown."""
    warnings: tuple[Diagnostic, ...] = ()
    is_written: Any = None
    """A callable `(place) -> bool`: whether something is written there, rather than inherited or built in."""
    said: Any = None
    """A callable `(place) -> str`: all that a declaration's fields hang on besides `defaults`, for comparison only."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """As written, as far as they are valid."""
    watched: tuple[str, ...] = ()
    """Absolute paths of every file read and every folder listed to make this manifest, for the quick answer."""

    def span(self, place: Place | None, at_key: bool = False) -> Span | None:
        if place is None:
            return None
        found: Span | None = self.locate(place, at_key)
        return found

    def located(self, one: Diagnostic) -> Diagnostic:
        """The diagnostic with file, line and column."""
        return one.located(self.locate)

    def declaration(self, unit: str) -> Declaration | None:
        """What declares a unit, by its id; None for a service's own, or what is not declared."""
        kind, _, name = unit.partition("/")
        sections: Mapping[str, Mapping[str, Declaration]]
        sections = {"authority": self.authorities, "host": self.hosts, "certificate": self.certificates}
        return sections[kind].get(name) if kind in sections else None

    def declarations(self) -> list[Declaration]:
        """Every authority, host and certificate, authorities first."""
        return [*self.authorities.values(), *self.leaves()]

    def leaves(self) -> list[Declaration]:
        """Every host and certificate."""
        return [*self.hosts.values(), *self.certificates.values()]
