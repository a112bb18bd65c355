"""The kinds of artifacts. To add one: a module with a `Kind`, and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pkibuild.artifacts import bundle, config
from pkibuild.artifacts.certificate import kind as certificate
from pkibuild.artifacts.crl import kind as crl
from pkibuild.artifacts.issuers import DeclaredIssuers
from pkibuild.artifacts.key import kind as key
from pkibuild.artifacts.kind import Kind, Scope
from pkibuild.keys.pem import Block
from pkibuild.model.desired import Artifact, Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import GraphNode

KINDS: list[Kind[Any]] = [key.KIND, certificate.KIND, crl.KIND, bundle.KIND, config.KIND]
"""In the order in which a unit's artifacts are decided on: what is made from others comes after them."""


def of(artifact: Artifact) -> Kind[Any]:
    """The kind of an artifact. Raises KeyError."""
    kind = find(artifact.kind)
    if kind is None:
        raise KeyError(artifact.kind)
    return kind


def find(name: str) -> Kind[Any] | None:
    """The kind of the artifacts that are shown under a name; None for what is no artifact (`import`)."""
    return next((one for one in KINDS if name in one.names), None)


def kind_of_id(id: str) -> str:
    """The kind of an artifact, by its id alone; services' own files are taken for configs."""
    last = id.rpartition("/")[2].partition("@")[0]
    return last if find(last) else "config"


def holds_key(kind: str) -> bool:
    """Whether the file of such an artifact holds a private key."""
    return any(kind in one.holds_keys for one in KINDS)


def desired(scope: Scope) -> tuple[Artifact, ...]:
    """All artifacts of a unit."""
    for kind in KINDS:
        scope.artifacts += kind.desired(scope)
    return tuple(scope.artifacts)


def with_status(unit: Unit) -> Iterator[Artifact]:
    """The artifacts of a unit that `status` shows."""
    return (one for one in unit.artifacts if of(one).has_status)


def assemble(form: str, blocks: Sequence[Block]) -> bytes:
    """The bytes of a file that is put together from others."""
    return next(kind.forms()[form] for kind in KINDS if form in kind.forms())(blocks)


def nodes(manifest: Manifest, units: Iterable[Unit]) -> list[GraphNode]:
    """Every artifact with what it is made from."""
    issuers = DeclaredIssuers(manifest)
    return [
        GraphNode(one.id, one.kind, one.path, of(one).needs(one, issuers)) for unit in units for one in unit.artifacts
    ]
