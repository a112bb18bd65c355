"""A service pack as loaded, and what a service of it wants on one host: frozen values.

A `Pack` is its descriptor (`service.yaml`), its options' schema and its folder. Where a descriptor may name a value per
platform, `ByPlatform` holds it for each platform that has one. An `Expansion` is made by `expand` from a pack, a
service and a host; its paths are overlay paths (relative to `hosts/NAME`). Rights are those on the host: an empty name
means root, or on the platform `user` the user who installs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import field

from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.core.values import Record, without
from pkibuild.model.desired import Rights
from pkibuild.model.manifest import Names
from pkibuild.packs.patterns import ALWAYS, Condition, Path, Text

ByPlatform = Mapping[str, Text]

COMMON = ("type", "host", "hosts")
"""The fields of a service that are no options."""

FileKind = Literal["file", "directory", "link", "build"]


class Requirement(Record):
    """One thing that a host must have for the service to work; which of the fields is set says what."""

    kind: Literal["platform", "issuer", "usage", "key", "names", "option"]
    values: tuple[str, ...]
    """Platforms, `root`, usages, algorithms; or options: those whose names must be covered, or that must be given."""
    message: str = ""
    hint: str = ""
    when: Condition = ALWAYS
    each: Path = ()


class RequestRule(Record):
    """A certificate of the pack's own."""

    role: str
    usages: tuple[str, ...]
    common_name: Text
    names: Literal["host", "fqdn", "none"]
    """All names of the host, its full name alone, or none."""
    key: ByPlatform
    key_rights: Rights
    certificate: ByPlatform
    certificate_rights: Rights
    when: Condition


class MaterialRule(Record):
    """A file put together from keys and certificates, laid out as the service wants it."""

    name: str
    path: ByPlatform
    parts: tuple[str, ...]
    of: tuple[str, ...]
    """Whose: `host`, or a role of the requests; several only where the parts are chain and root."""
    authorities: Path
    """The option that names the authorities whose certificates the file holds; empty for `parts`."""
    rights: Rights
    when: Condition


class FileRule(Record):
    kind: FileKind
    name: str
    path: ByPlatform
    template: Text
    from_manifest: bool
    """The template is the user's own, relative to the manifest, not the pack's."""
    language: Text
    rights: Rights
    mode: Text
    """The mode where an option says it; empty otherwise."""
    owner: Text
    group: Text
    target: Text
    source: ByPlatform
    command: tuple[Text, ...]
    when: Condition
    each: Path


class FolderRule(Record):
    path: ByPlatform
    rights: Rights
    when: Condition


class CommandRule(Record):
    argv: tuple[Text, ...]
    option: Path
    """The option that holds the command; empty when `argv` says it."""
    when: Condition
    each: Path


class EndpointRule(Record):
    protocol: str
    tls: Literal["implicit", "starttls", "none"]
    port: Text
    addresses: Path
    names: Path
    sharable: bool
    when: Condition
    each: Path


class Pack(Record):
    """A service type."""

    type: str
    version: int
    root: str
    """Absolute path of its folder."""
    summary: str
    options_schema: Mapping[str, Any]
    """JSON Schema of the options: an object schema whose `properties` stand beside `type` and `hosts` of a service."""
    files_read: tuple[str, ...] = ()
    """Absolute paths of the descriptor, the schema and the templates."""
    requires: tuple[Requirement, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By platform: options that count where none is declared."""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By platform: constants for templates (`values.user`)."""
    formats: tuple[tuple[str, Condition], ...] = ()
    formats_option: Path = ()
    requests: tuple[RequestRule, ...] = ()
    materials: tuple[MaterialRule, ...] = ()
    files: tuple[FileRule, ...] = ()
    folders: tuple[FolderRule, ...] = ()
    commands: Mapping[str, tuple[CommandRule, ...]] = field(default_factory=dict)
    endpoints: tuple[EndpointRule, ...] = ()
    reads: tuple[str, ...] = ()
    """Facets beyond paths that templates see (`fingerprint`)."""
    secrets: tuple[Path, ...] = ()
    """Options that are `writeOnly`: masked wherever they are shown. `*` stands for every element of a list."""
    paths: tuple[Path, ...] = ()
    """Options that are paths relative to the file that writes them (`format: manifest-path`)."""


class Request(Record):
    """A key and certificate of the service's own: issuer, algorithm, validity and subject are those of the host."""

    role: str
    usages: tuple[str, ...]
    common_name: str
    """In place of the host's."""
    names: Names
    key_path: str
    key: Rights
    certificate_path: str
    certificate: Rights
    place: Place


class Copy(Record):
    """A file put together from keys and certificates."""

    name: str
    """FILE of its id."""
    path: str
    parts: tuple[str, ...]
    """In order: `key`, `leaf`, `chain` (intermediates), `root`, or a unit whose certificate it is: `authority/NAME`."""
    of: str
    """`host`, or the role of a `Request`: whose key, leaf, chain and root are meant."""
    rights: Rights
    place: Place


class File(Record):
    """A config (`file`), a link, or what a command makes on the host (`build`, at install)."""

    name: str
    """FILE of its id."""
    path: str
    kind: FileKind
    rights: Rights
    place: Place
    template: str = ""
    """Absolute path of the template."""
    language: str = ""
    target: str = ""
    """Of a link: relative to where it lies."""
    source: str = ""
    """Overlay path of what a build step reads."""
    command: tuple[str, ...] = ()
    """Of a build step: its standard output becomes the file."""
    secret: bool = False
    """The context holds options that are never shown."""
    secrets: tuple[Path, ...] = ()
    """Where in the context; `*` stands for every element of a list or mapping."""


class OwnedFolder(Record):
    """A folder that the pack declares as its own: it is made with these rights, and stands in the bundle."""

    path: str
    rights: Rights


class Port(Record):
    """A port that the service takes."""

    number: int
    addresses: tuple[str, ...]
    """Empty for all."""
    sharable: bool
    """Other services of the same type may listen on it too."""
    description: str
    type: str
    place: Place

    def clashes(self, other: Port) -> bool:
        """Whether two services of one host cannot both have their port."""
        if self.number != other.number or (self.sharable and other.sharable and self.type == other.type):
            return False
        apart = self.addresses and other.addresses and not set(self.addresses) & set(other.addresses)
        return not apart


class Expansion(Record):
    """All that one service wants on one host."""

    service: str
    host: str
    formats: tuple[str, ...] = ()
    """Files of the host's own certificate that are wanted: `fullchain`, `chain`, `combined`, `der`."""
    requests: tuple[Request, ...] = ()
    copies: tuple[Copy, ...] = ()
    files: tuple[File, ...] = ()
    folders: tuple[OwnedFolder, ...] = ()
    enable: tuple[tuple[str, ...], ...] = ()
    """Commands to run once before the check (`a2ensite`)."""
    check: tuple[tuple[str, ...], ...] = ()
    reload: tuple[tuple[str, ...], ...] = ()
    start: tuple[tuple[str, ...], ...] = ()
    ports: tuple[Port, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    contexts: tuple[Mapping[str, Any] | None, ...] = ()
    """What the template of each file sees, if it has one; strings are `LocatedText`, and some may be secret.

    None where another process rendered.
    """

    UNPRINTED = frozenset({"contexts"})

    def __reduce__(self) -> tuple[Any, ...]:
        return without(self, "contexts")

    @property
    def id(self) -> str:
        return f"service/{self.service}@{self.host}"

    @property
    def builds(self) -> tuple[File, ...]:
        """The build steps, in order."""
        return tuple(one for one in self.files if one.kind == "build")
