"""What `status` and `graph` report."""

from __future__ import annotations

from pkibuild.core.diagnostics import Place, Span
from pkibuild.core.values import Record

STATES = ("ok", "short", "due", "expired", "missing", "wrong", "not-built")

FINE = frozenset({"ok", "short"})
"""States that ask for nothing now: `short` is an authority that cuts short what it issues, and is only warned of."""


class StatusRow(Record):
    id: str
    kind: str
    """`certificate` or `crl`."""
    state: str
    """One of `STATES`."""
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    not_before: int | None = None
    not_after: int | None = None
    renew_at: int | None = None
    """When the clock asks for a new one; None where it never does, or where a new one would end no later."""
    message: str = ""

    @property
    def is_fine(self) -> bool:
        return self.state in FINE


class GraphNode(Record):
    """One artifact in the dependency graph; `needs` are (id, facet) pairs."""

    id: str
    kind: str
    path: str
    needs: tuple[tuple[str, str], ...] = ()


class Origin(Record):
    """A place of the manifest that asks for an artifact, or says how it is to be."""

    place: Place
    span: Span | None


class Need(Record):
    """What an artifact is made from, directly or by way of what it needs."""

    node: GraphNode
    facets: tuple[str, ...]
    by: str
    """Id of what needs it."""
    depth: int
    """How many steps it is away, from 1."""
    origin: Origin


class Consequence(Record):
    """What is made again when an artifact changes in some way."""

    when: str
    """In words, as what follows `if`."""
    facets: tuple[str, ...]
    """What of it is another then."""
    nodes: tuple[GraphNode, ...]


class Why(Record):
    """Why an artifact is there, and what hangs on it."""

    node: GraphNode
    origins: tuple[Origin, ...]
    needs: tuple[Need, ...]
    """As a tree, each below what needs it; what is needed by several only once."""
    consequences: tuple[Consequence, ...]
