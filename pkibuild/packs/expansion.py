"""What a service wants on one host: plain values, made by `expand` from a pack, a service and a host.

Paths are overlay paths (relative to `hosts/NAME`). Rights are those on the host; an empty owner or group is that of
the user who installs (platform `user`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.core.values import Record, without
from pkibuild.model.desired import Rights
from pkibuild.model.manifest import Names
from pkibuild.packs.pack import FileKind
from pkibuild.packs.patterns import Path


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
