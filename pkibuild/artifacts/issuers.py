"""An authority as what it issues sees it: the facets that certificates, chains and lists need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pkibuild.core.values import dataclass, field
from pkibuild.model.facts import Revocation
from pkibuild.model.manifest import Authority
from pkibuild.state.journal.histories import journal_of

if TYPE_CHECKING:
    from pkibuild.artifacts.pairs import PairView


@dataclass(frozen=True, slots=True)
class Link:
    """A certificate of a chain. `fingerprint` is None while it is still to be issued."""

    id: str
    path: str
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class IssuerView:
    """Facets of an authority once the plan is carried out. A facet that is None is a future."""

    authority: Authority
    subject: str | None
    key_id: str | None
    not_before: int
    not_after: int
    generation: int
    link: Link
    above: tuple[Link, ...]
    """Intermediates between this authority and its root, from below; the root is not among them."""
    root: Link
    certificate: bool
    """It has a certificate, or will have one."""
    key_missing: bool = False
    older: Mapping[str, Link] = field(default_factory=dict)
    """Key identifier of an older generation → its certificate."""
    revoked: Mapping[str, Revocation] = field(default_factory=dict)
    """What it has revoked that has not expired, by serial, as far as it is known."""

    @classmethod
    def of(
        cls,
        authority: Authority,
        own: PairView,
        issuer: IssuerView | None,
        older: Mapping[str, Link] | None = None,
        revoked: Iterable[Revocation] = (),
    ) -> IssuerView:
        """An authority by its own pair and its issuer; `issuer` is None for a root."""
        certificate = own.pair.certificate
        link = Link(certificate.id, certificate.path, own.fingerprint)
        return cls(
            authority=authority,
            subject=own.subject,
            key_id=own.key_id,
            not_before=own.not_before,
            not_after=own.not_after,
            generation=own.generation,
            link=link,
            above=issuer.chain(own.issuer_key_id) if issuer else (),
            root=issuer.root_of(own.issuer_key_id) if issuer else link,
            certificate=own.certificate,
            key_missing=own.key_missing,
            older=older or {},
            revoked={one.serial: one for one in revoked},
        )

    @property
    def id(self) -> str:
        """That of its unit."""
        return self.authority.id

    @property
    def key(self) -> str:
        """Id of its key."""
        return f"{self.id}/key"

    @property
    def journal(self) -> str:
        """Path of its journal."""
        return journal_of(self.authority.name)

    def chain(self, issuer_key_id: str | None) -> tuple[Link, ...]:
        """The intermediates that a leaf is sent with: those of the key that signed it, never simply the newest."""
        if self.authority.is_root:
            return ()
        own = self.older.get(issuer_key_id or "", self.link)
        return (own, *self.above)

    def root_of(self, issuer_key_id: str | None) -> Link:
        return self.older.get(issuer_key_id or "", self.link) if self.authority.is_root else self.root
