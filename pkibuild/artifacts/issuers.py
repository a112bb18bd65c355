"""Certificates and authorities as others see them: the facets that certificates, chains and lists need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import field

from pkibuild.core.values import Record
from pkibuild.model.desired import CertificateArtifact
from pkibuild.model.facts import Revocation
from pkibuild.model.manifest import SELF, Authority, Manifest
from pkibuild.state.journal.histories import journal_of


class Issuers(Protocol):
    """Which certificates stand above another one."""

    def chain(self, certificate: CertificateArtifact) -> tuple[str, ...]:
        """Ids of the intermediates that it is sent with, from below."""
        ...

    def root(self, certificate: CertificateArtifact) -> str:
        """Id of its root's certificate; its own where it is self-signed."""
        ...


class DeclaredIssuers:
    """As the manifest declares them."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def chain(self, certificate: CertificateArtifact) -> tuple[str, ...]:
        return tuple(f"{one.id}/certificate" for one in self._above(certificate) if not one.is_root)

    def root(self, certificate: CertificateArtifact) -> str:
        root = [one for one in self._above(certificate) if one.is_root]
        return f"{root[0].id}/certificate" if root else certificate.id

    def _above(self, certificate: CertificateArtifact) -> Iterator[Authority]:
        name = certificate.issuer
        while name != SELF:
            authority = self._manifest.authorities[name]
            yield authority
            name = authority.issuer


class CertificateView(Record):
    """What a key and its certificate will be once the plan is carried out. A facet that is None is a future."""

    certificate: CertificateArtifact
    public: str | None
    fingerprint: str | None
    subject: str | None
    key_id: str | None
    issuer_key_id: str | None
    not_before: int
    not_after: int
    generation: int
    exists: bool
    """False when there is no certificate, and none can be made now."""
    key_missing: bool = False


class ChainLink(Record):
    """A certificate of a chain. `fingerprint` is None while it is still to be issued."""

    id: str
    path: str
    fingerprint: str | None


class IssuerView(Record):
    """Facets of an authority once the plan is carried out. A facet that is None is a future."""

    authority: Authority
    own: CertificateView
    link: ChainLink
    above: tuple[ChainLink, ...]
    """Intermediates between this authority and its root, from below; the root is not among them."""
    root: ChainLink
    older: Mapping[str, ChainLink] = field(default_factory=dict)
    """Key identifier of an older generation → its certificate."""
    revoked: Mapping[str, Revocation] = field(default_factory=dict)
    """What it has revoked that has not expired, by serial, as far as it is known."""

    @classmethod
    def of(
        cls,
        authority: Authority,
        own: CertificateView,
        issuer: IssuerView | None,
        older: Mapping[str, ChainLink] | None = None,
        revoked: Iterable[Revocation] = (),
    ) -> IssuerView:
        """An authority by its own certificate and its issuer; `issuer` is None for a root."""
        link = ChainLink(own.certificate.id, own.certificate.path, own.fingerprint)
        return cls(
            authority=authority,
            own=own,
            link=link,
            above=issuer.chain(own.issuer_key_id) if issuer else (),
            root=issuer.root_of(own.issuer_key_id) if issuer else link,
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
        return self.own.certificate.key.id

    @property
    def journal(self) -> str:
        """Path of its journal."""
        return journal_of(self.authority.name)

    @property
    def links(self) -> tuple[ChainLink, ...]:
        """Its certificates: the present one, and those of older generations."""
        return (self.link, *self.older.values())

    def chain(self, issuer_key_id: str | None) -> tuple[ChainLink, ...]:
        """The intermediates that a leaf is sent with: those of the key that signed it, never simply the newest."""
        if self.authority.is_root:
            return ()
        own = self.older.get(issuer_key_id or "", self.link)
        return (own, *self.above)

    def root_of(self, issuer_key_id: str | None) -> ChainLink:
        return self.older.get(issuer_key_id or "", self.link) if self.authority.is_root else self.root
