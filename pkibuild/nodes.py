"""The plan as values: what `apply` would do to which artifact, and why. Shown by `views`, executed by `build`.

A recipe holds all that its execution needs; execution decides nothing.
"""

from __future__ import annotations

from typing import Literal

from pkibuild.diagnostics import Diagnostic, Place, Span
from pkibuild.facts import Profile
from pkibuild.model import Secret
from pkibuild.values import dataclass, field

Verb = Literal[
    "new", "reissue", "rekey", "render", "refresh", "restore", "adopt", "import", "request", "retire", "prune"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is done (or, as a risk, what a reviewer must not miss). `code` is stable and documented."""

    code: str
    message: str
    because: tuple[str, ...] = ()
    """Ids of the artifacts, or places of the manifest, from which it follows."""


NOT_BUILT = Reason("not-built", "not built yet")


@dataclass(frozen=True, slots=True)
class Change:
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


# -- recipes: what executing an action takes. Paths are relative to the output folder. ------------------------------


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
    der: bool = False
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


@dataclass(frozen=True, slots=True)
class Action:
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


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that waits for a key, a passphrase or a signature that is not here."""

    id: str
    code: str
    message: str
    place: Place = ()


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something built earlier that is no longer declared."""

    id: str
    kind: str
    paths: tuple[str, ...]
    message: str = "no longer declared; --prune removes it"
    risks: tuple[Reason, ...] = ()
    hint: str = ""
    names: tuple[str, ...] = ()
    """Of a certificate, as `DNS:www.abc.com`."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """That nothing is to be done, how long this holds, and what it hangs on: for the quick answer of the next run."""

    root: str
    """Absolute path of the output folder."""
    started: float
    """When the run began to look (seconds since the epoch, by the real clock)."""
    until: int
    """The first time at which something may have to be done or said."""
    watched: tuple[str, ...]
    """Absolute paths; those that are absent have to stay so."""


@dataclass(frozen=True, slots=True)
class Plan:
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
    notes: tuple[str, ...] = field(default=())
    """Said once above the plan (`planned from the lock alone: …`)."""
    base: str = ""
    """The manifest that this one is compared with, as it was named; empty for a plan of what is there."""
    lock_only: bool = False
    """It was made from the manifest and the lock alone."""
    lock: str = ""
    """Digest of the lock that it was made with; empty where there is none, and of a diff."""
    aged: tuple[str, ...] = ()
    """Ids of what a saved plan would make so late that it would be due at once."""
    quiet: Quiet | None = None
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


# -- what `status` tells -----------------------------------------------------------------------------------------

STATES = ("ok", "short", "due", "expired", "missing", "wrong", "not-built")
FINE = frozenset({"ok", "short"})
"""States that ask for nothing now: `short` is an authority that cuts short what it issues, and is only warned of."""


@dataclass(frozen=True, slots=True)
class StatusRow:
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


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One artifact in the dependency graph; `needs` are (id, facet) pairs."""

    id: str
    kind: str
    path: str
    needs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """A place of the manifest that asks for an artifact, or says how it is to be."""

    place: Place
    span: Span | None


@dataclass(frozen=True, slots=True)
class Need:
    """What an artifact is made from, directly or by way of what it needs."""

    node: GraphNode
    facets: tuple[str, ...]
    by: str
    """Id of what needs it."""
    depth: int
    """How many steps it is away, from 1."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class Consequence:
    """What is made again when an artifact changes in some way."""

    when: str
    """In words, as what follows `if`."""
    facets: tuple[str, ...]
    """What of it is another then."""
    nodes: tuple[GraphNode, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """Why an artifact is there, and what hangs on it."""

    node: GraphNode
    origins: tuple[Origin, ...]
    needs: tuple[Need, ...]
    """As a tree, each below what needs it; what is needed by several only once."""
    consequences: tuple[Consequence, ...]
