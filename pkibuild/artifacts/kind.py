"""What the rest of the program asks about a kind of artifact, and what a kind may look at to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Generic

from msgspec import Struct, field

from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.issuers import CertificateView, ChainLink, Issuers, IssuerView
from pkibuild.artifacts.status import StatusTable
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.core.values import Record
from pkibuild.keys.pem import Block
from pkibuild.model.desired import AnyArtifact, Artifact, CertificateArtifact, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts
from pkibuild.model.manifest import SELF, Authority, Declaration, Manifest
from pkibuild.model.plan import Action, StatusRow
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.source import ObservedSource
from pkibuild.review.causes import Causes
from pkibuild.state.lock.lock import LockEntry
from pkibuild.state.receipt import ReceiptFile

Need = tuple[str, str]
"""The id of another artifact, and the facets of it that matter, separated by commas."""

Facts = KeyFacts | CertificateFacts | CrlFacts | FileFacts

Trigger = tuple[str, tuple[str, ...]]
"""A way in which an artifact changes, in words that follow `if`, and the facets that are other ones then."""

Form = Callable[[Sequence[Block]], bytes]
"""From the PEM blocks of a file's parts, in order, to its bytes."""

MADE_AGAIN: Trigger = ("it is made again", ("bytes",))


class Scope(Struct):
    """What a unit's artifacts are derived from."""

    manifest: Manifest
    declaration: Declaration
    expansions: tuple[Any, ...]
    """What each service asks for on this host (`packs.pack.Expansion`)."""
    artifacts: list[Artifact] = field(default_factory=list)
    """Those of the kinds that were asked before."""

    @property
    def issuer(self) -> Authority | None:
        """The authority that issues for it; None where it is self-signed."""
        name = self.declaration.issuer
        return None if name == SELF else self.manifest.authorities[name]

    def certificate(self, unit: str) -> CertificateArtifact:
        """The certificate of `host/H`, or of a service's own key (`service/S@H/role`)."""
        id = f"{unit}/certificate"
        return next(one for one in self.artifacts if isinstance(one, CertificateArtifact) and one.id == id)


class PlanningContext(Struct):
    """What a decision about an artifact may look at, and where it is noted (`draft`)."""

    source: ObservedSource
    draft: PlanDraft
    unit: Unit
    issuers: dict[str, IssuerView]
    """The authorities as they will be, by name."""
    texts: Texts
    old_texts: Texts
    """Those of the old manifest, in a diff."""
    now: int
    dated: int
    """The time by which what is signed is dated: an earlier one where a saved plan is carried out."""
    certificates: dict[str, CertificateView] = field(default_factory=dict)
    """The certificates of this unit that were decided on, by id."""

    def renews(self, node: str, shown: str, when: int) -> None:
        """What is to be signed (`node`, shown as `shown`) is due again at a time."""
        self.draft.due(shown, when)
        if self.dated < when <= self.now:
            self.draft.aged.append(node)

    def issuer_of(self, certificate: CertificateArtifact) -> IssuerView | None:
        """The authority that issues it; None where it is self-signed."""
        return None if certificate.issuer == SELF else self.issuers[certificate.issuer]

    # -- as `Issuers`: the chain follows the key that signed, which may be of an older generation --------------------

    def chain(self, certificate: CertificateArtifact) -> tuple[str, ...]:
        issuer = self.issuer_of(certificate)
        return tuple(one.id for one in issuer.chain(self.issuer_key_id(certificate))) if issuer else ()

    def root(self, certificate: CertificateArtifact) -> str:
        issuer = self.issuer_of(certificate)
        return issuer.root_of(self.issuer_key_id(certificate)).id if issuer else certificate.id

    def issuer_key_id(self, certificate: CertificateArtifact) -> str | None:
        return self.certificates[certificate.id].issuer_key_id

    def link(self, id: str) -> ChainLink:
        """A certificate of this unit or of an authority, by its id."""
        if id in self.certificates:
            view = self.certificates[id]
            return ChainLink(id, view.certificate.path, view.fingerprint)
        name = id.split("/", 2)[1]
        return next(one for one in self.issuers[name].links if one.id == id)


class RecordEntries(Record):
    """What lock and receipt say of an artifact after a run."""

    entries: tuple[LockEntry, ...] = ()
    files: Mapping[str, ReceiptFile] = field(default_factory=dict)
    """By their output paths."""


class Kind(Generic[AnyArtifact]):
    """One kind of artifact, or a few that are made alike. Registered in `artifacts.registry`."""

    names: tuple[str, ...] = ()
    """`Artifact.kind` of its artifacts. They are also the last parts of their ids, services' files apart."""
    holds_keys: frozenset[str] = frozenset()
    """Those of them whose files hold a private key: they are never deleted, but moved to `.attic/`."""

    has_status: bool = False
    """Whether `status` shows it."""

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        """The artifacts that a unit is to have, each after those of the unit that it is made from."""
        raise NotImplementedError

    def needs(self, artifact: AnyArtifact, issuers: Issuers) -> tuple[Need, ...]:
        """What it is made from. Order of work, `graph`, `--why`, `--only` and causes follow from this alone."""
        raise NotImplementedError

    def plan(self, context: PlanningContext, artifact: AnyArtifact) -> None:
        """Compare it with what is there; note in the draft what is to be done, or that it stays."""
        raise NotImplementedError

    def as_built(self, context: PlanningContext, artifact: AnyArtifact) -> Facts | None:
        """What it would be if it had just been built: the old side of a diff. None where its text is compared."""
        raise NotImplementedError

    def record(self, artifact: AnyArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        """What lock and receipt say of it after a run."""
        raise NotImplementedError

    def status(self, artifact: AnyArtifact, table: StatusTable, problem: Diagnostic | None) -> Iterator[StatusRow]:
        """Its rows in `status`, where it `has_status`. `problem` is the first error about its declaration."""
        return iter(())

    def forms(self) -> Mapping[str, Form]:
        """Ways to put a file together from others, by the name that a recipe gives (`Assemble.form`)."""
        return {}

    # -- for `graph --why` and causes --------------------------------------------------------------------------------

    def asked_by(self, artifact: AnyArtifact, scope: Scope) -> Iterator[Place]:
        """Fields of the manifest that say how it is to be, besides the declaration that asks for it."""
        return iter(())

    def triggers(self, artifact: AnyArtifact) -> tuple[Trigger, ...]:
        """The ways in which it can change that matter to others."""
        return (MADE_AGAIN,)

    def changed_facets(self, artifact: AnyArtifact, cause: str) -> frozenset[str]:
        """Its facets that are other ones when what it is made from, `cause` (an id), has changed."""
        return frozenset({"bytes"})

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        """What a reason (its code) follows from: ids of actions, or places of the manifest; empty for none."""
        return ()


def stand_in(what: str, id: str) -> str:
    """A digest for something that is not made: the same for the same thing, another one for every other."""
    return sha256(f"as built: {what} of {id}".encode()).hexdigest()
