"""A service pack as loaded: its descriptor (`service.yaml`) as frozen values, its options' schema, its folder.

Where a descriptor may name a value per platform, `ByPlatform` holds it for each platform that has one. In
`Rights` an empty name means root, or on the platform `user` the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import field

from pkibuild.core.values import Record
from pkibuild.model.desired import Rights
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
