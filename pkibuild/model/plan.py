"""Plans: what `apply` would do to which artifact, and why; what a run has done of it; and what is reported besides."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from pkibuild.core.diagnostics import Diagnostic, Place, Span
from pkibuild.core.values import Record
from pkibuild.model.facts import KeyFacts, Recorded
from pkibuild.model.recipes import Recipe

Verb = Literal[
    "new", "reissue", "rekey", "render", "refresh", "restore", "adopt", "import", "request", "retire", "prune"
]  # fmt: skip


class Reason(Record):
    """Why something is done (or, as a risk, what a reviewer must not miss). `code` is stable and documented."""

    code: str
    message: str
    because: tuple[str, ...] = ()
    """Ids of the artifacts, or places of the manifest, from which it follows."""


NOT_BUILT = Reason("not-built", "not built yet")

BY_TIME = frozenset(
    {"due", "expired", "rotated", "crl-due", "interrupted"}
    | {"openssl-issued", "openssl-revoked", "openssl-crl", "revocations-changed"}
)
"""Reasons that come by the clock, finish what a killed run began, or take in what plain OpenSSL did; never an edit of
the manifest: what `--due` does."""


class Change(Record):
    """One field of an artifact, before and after; for a config `field` is `text`, the values lines of a diff."""

    field: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    """Of a text: the hunk of a unified diff, its `@@` line first."""

    @property
    def gone(self) -> tuple[str, ...]:
        """The values that are no longer there."""
        return tuple(value for value in self.before if value not in self.after)

    @property
    def come(self) -> tuple[str, ...]:
        """The values that were not there before."""
        return tuple(value for value in self.after if value not in self.before)


class Action(Record):
    id: str
    kind: str
    """`key`, `certificate`, `crl`, `crl-der`, `chain`, `fullchain`, `der`, `combined`, `material`, `config`, …"""
    verb: Verb
    reasons: tuple[Reason, ...]
    recipe: Recipe
    paths: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    detail: str = ""
    """For a new artifact: what it will be (`RSA 4096, encrypted`; `CN=…, until 2046-11-24`)."""
    needs: tuple[str, ...] = ()
    """Ids of the actions of this plan that come first."""
    place: Place = ()
    risks: tuple[Reason, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    """Files that are renamed first, from where they lie to where they belong now."""

    @property
    def unit(self) -> str:
        """`host/myhost`, `authority/myrootca`, `service/web@myhost`."""
        return "/".join(self.id.split("/", 2)[:2])


class Pending(Record):
    """Something that waits for a key, a passphrase or a signature that is not here."""

    id: str
    code: str
    message: str
    place: Place = ()


class Orphan(Record):
    """Something built earlier that is no longer declared."""

    id: str
    kind: str
    paths: tuple[str, ...]
    message: str = "no longer declared; --prune removes it"
    risks: tuple[Reason, ...] = ()
    hint: str = ""
    names: tuple[str, ...] = ()
    """Of a certificate, as `DNS:www.abc.com`."""


class UnchangedTree(Record):
    """That nothing is to be done, how long this holds, and what it hangs on: for the quick answer of the next run."""

    root: str
    """Absolute path of the output folder."""
    started: float
    """When the run began to look (seconds since the epoch, by the real clock)."""
    until: int
    """The first time at which something may have to be done or said."""
    watched: tuple[str, ...]
    """Absolute paths; those that are absent have to stay so."""


class Plan(Record):
    manifest: str
    output: str
    """As the manifest says it."""
    now: int
    actions: tuple[Action, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    pending: tuple[Pending, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    """With their spans filled in."""
    unchanged: int = 0
    next_due: tuple[str, int] | None = None
    """The unit that is renewed next, and when."""
    notes: tuple[str, ...] = ()
    """Said once above the plan (`planned from the lock alone: …`)."""
    base: str = ""
    """The manifest that this one is compared with, as it was named; empty for a plan of what is there."""
    lock_only: bool = False
    """It was made from the manifest and the lock alone."""
    lock: str = ""
    """Digest of the lock that it was made with; empty where there is none, and of a diff."""
    aged: tuple[str, ...] = ()
    """Ids of what a saved plan would make so late that it would be due at once."""
    watch: UnchangedTree | None = None
    """Set where nothing at all is to be done or told apart."""

    @property
    def is_empty(self) -> bool:
        return not self.actions

    @property
    def summary(self) -> dict[str, int]:
        new = sum(1 for action in self.actions if action.verb == "new")
        return {
            "new": new,
            "changed": len(self.actions) - new,
            "orphan": len(self.orphans),
            "pending": len(self.pending),
            "unchanged": self.unchanged,
        }


def unit_of(id: str) -> str:
    """The unit of an artifact: `host/myhost` for `host/myhost/key` and for `service/web@myhost/web.conf`."""
    kind, name = id.split("/", 2)[:2]
    return f"host/{name.rpartition('@')[2]}" if kind == "service" else f"{kind}/{name}"


def partner_of(id: str) -> str:
    """The certificate with which alone a new key comes to its place; empty for what is no key."""
    return f"{id.removesuffix('/key')}/certificate" if id.endswith("/key") else ""


class Done(Struct):
    """What was carried out, for the records."""

    ids: list[str] = field(default_factory=list)
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    """By path: keys in clear that were made."""
    certificates: dict[str, Recorded] = field(default_factory=dict)
    """By id: certificates that were issued, and reached their place."""
    bundles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By path: what was put together, part by part."""
    subjects: dict[str, str] = field(default_factory=dict)
    """By serial: what OpenSSL's index calls certificates that were issued."""
    digests: dict[str, str] = field(default_factory=dict)
    """By path: SHA-256 of what was written, keys apart. What has a secret in it is recorded without."""


class Built(Struct):
    """What was built and recorded: by a worker, or by several."""

    ids: list[str] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    lines: dict[str, bytes] = field(default_factory=dict)
    """Of the lock, by node."""
    keys: dict[str, tuple[int, int, int, int, str, str]] = field(default_factory=dict)
    """What its keys are, for the cache."""
    subjects: dict[str, str] = field(default_factory=dict)
    """As in `Done`."""

    def join(self, other: Built) -> None:
        """Add what another has built."""
        self.ids.extend(other.ids)
        self.units.update(other.units)
        self.lines.update(other.lines)
        self.keys.update(other.keys)
        self.subjects.update(other.subjects)


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
