"""What a manifest would have built, as if it lay in an output folder: the old side of a diff.

Nothing is made. A key, a certificate or a list that only the running of a plan would bring about gets a stable stand-in
for its digests, derived from its id: so a key that is kept stays itself, and one that is made anew is another one. All
is as if it had been built just now; so what the clock alone changes never shows.

This source answers as `Files` does in a tree that `apply` has just made, by path for what lies there, by id for what
journal and lock remember. A host or certificate is built when something of it is first asked for, and forgotten once
the new one is decided on: so each process builds, and holds, what it compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping

from pkibuild.artifacts.configs import Texts
from pkibuild.artifacts.derived import sources_of
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.artifacts.pairs import PairView
from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.core.times import MINUTE
from pkibuild.core.values import dataclass, field, replace
from pkibuild.documents.schema.masks import Paths
from pkibuild.model import layout
from pkibuild.model.desired import KEY_MODE, BundleWant, CertificateWant, ConfigWant, KeyWant, Pair, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts, KeyFacts, Recorded, sha
from pkibuild.model.layout import public_path
from pkibuild.model.manifest import SELF, Attributes, Authority, Manifest
from pkibuild.model.plan import unit_of
from pkibuild.observe.parts import certificate_part
from pkibuild.observe.source import BundleSeen, CertificateSeen, ConfigSeen, CrlSeen, Former, History, KeySeen
from pkibuild.rendering.placed import place_of
from pkibuild.resolve.units import Units
from pkibuild.review.causes import differing, pointer
from pkibuild.x509 import said
from pkibuild.x509.validity import window


def stand_in(what: str, id: str) -> str:
    """A digest for something that is not made: the same for the same thing, another one for every other."""
    return hashlib.sha256(f"as built: {what} of {id}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Bundle:
    want: BundleWant
    parts: tuple[str, ...]


_Lying = KeyFacts | CertificateFacts | CrlFacts | _Bundle | ConfigWant


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact of the old manifest that would lie in a host's or certificate's folder, or an authority's own."""

    id: str
    path: str
    facts: CertificateFacts | None = None
    """Of a certificate."""


@dataclass(slots=True)
class _Lain:
    """All that would lie in the folder of one unit, or be remembered of it."""

    built: list[Built] = field(default_factory=list)
    files: dict[str, _Lying] = field(default_factory=dict)
    """By path."""
    places: dict[str, str] = field(default_factory=dict)
    """Id → path."""
    issued: dict[str, tuple[Recorded, CertificateWant]] = field(default_factory=dict)
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def put(self, id: str, path: str, what: _Lying) -> None:
        self.places[id] = path
        self.files[path] = what
        self.built.append(Built(id, path, what if isinstance(what, CertificateFacts) else None))


class AsBuilt:
    """The old manifest as a source of observations.

    `texts` render its configs; `coming` those of the new one, to tell at once that nothing changes. `located` gives a
    diagnostic its place in the old manifest.
    """

    lock_only = False

    def __init__(
        self,
        manifest: Manifest,
        texts: Texts,
        coming: Texts,
        now: int,
        located: Callable[[Diagnostic], Diagnostic],
    ) -> None:
        self.texts = texts
        self.coming = coming
        self.now = now
        self.units = Units(manifest, kept=False)
        self.left: list[Built] = []
        """What was built where nothing is to be any more, of the units that were decided on."""
        self._located = located
        self._declared = {one.id: one for one in manifest.declarations()}
        self._lain: dict[str, _Lain] = {}
        self._authorities: dict[str, Authority] = {}
        self._views: dict[str, IssuerView] = {}
        for authority in manifest.authorities.values():
            self._of(authority.id)

    # -- building ----------------------------------------------------------------

    def _of(self, id: str) -> _Lain:
        """What lies of the unit that an artifact belongs to."""
        unit = unit_of(id)
        lain = self._lain.get(unit)
        if lain is None:
            lain = self._lain[unit] = _Lain()
            if unit in self._declared:
                self._build(self.units.of(self._declared[unit]), lain)
        return lain

    def _build(self, unit: Unit, lain: _Lain) -> None:
        views = {pair.unit: self._pair(pair, lain) for pair in unit.pairs}
        if unit.authority is not None:
            self._authority(unit.authority, views[unit.id], lain)
        for bundle in unit.bundles:
            found = sources_of(bundle, views, self._views) or ()
            parts = tuple(part or "" for _, _, part in found)
            lain.parts[bundle.id] = parts
            lain.put(bundle.id, bundle.path, _Bundle(bundle, parts))
        for config in unit.configs:
            lain.put(config.id, config.path, config)

    def _pair(self, pair: Pair, lain: _Lain) -> PairView:
        key, certificate = pair.key, pair.certificate
        public = stand_in("public key", key.id)
        encrypted = key.spec.passphrase is not None
        lain.put(key.id, key.path, KeyFacts(key.spec.algorithm, public, encrypted))
        if encrypted:
            lain.built.append(Built(key.id, public_path(key.path)))
        issuer = None if certificate.issuer == SELF else self._views[certificate.issuer]
        facts, asked_end = self._certificate(pair, issuer)
        lain.issued[certificate.id] = (Recorded(facts, key.spec.generation, asked_end), certificate)
        lain.put(certificate.id, certificate.path, facts)
        return PairView(
            pair=pair,
            public=public,
            fingerprint=facts.fingerprint,
            subject=facts.subject_digest,
            key_id=facts.key_id,
            issuer_key_id=facts.issuer_key_id,
            not_before=facts.not_before,
            not_after=facts.not_after,
            generation=key.spec.generation,
            certificate=True,
        )

    def _certificate(self, pair: Pair, issuer: IssuerView | None) -> tuple[CertificateFacts, int]:
        """What the certificate says, and the end that was declared for it."""
        want, profile = pair.certificate, pair.certificate.profile
        start, end, asked_end = window(
            self.now, want.validity, issuer.not_before if issuer else None, issuer.not_after if issuer else None
        )
        subject_digest = _name_digest(profile.subject)
        key_id = f"that of {pair.unit}"  # it is shown, where an issuer changes
        return CertificateFacts(
            serial=stand_in("serial", want.id)[:40],
            subject=profile.subject,
            subject_digest=subject_digest,
            issuer=issuer.authority.subject if issuer else profile.subject,
            issuer_digest=(issuer.subject or "") if issuer else subject_digest,
            public=stand_in("public key", pair.key.id),
            algorithm=pair.key.spec.algorithm,
            key_id=key_id,
            issuer_key_id=(issuer.key_id or "") if issuer else key_id,
            not_before=start,
            not_after=end,
            ca=profile.ca,
            path_length=profile.path_length,
            usages=said.usages(profile),
            names=said.alternative_names(profile),
            constraints=profile.constraints,
            crl_urls=(profile.crl_url,) if profile.crl_url else (),
            ca_issuers_urls=(profile.ca_issuers_url,) if profile.ca_issuers_url else (),
            ocsp_urls=(profile.ocsp_url,) if profile.ocsp_url else (),
            fingerprint=stand_in("certificate", want.id),
        ), asked_end

    def _authority(self, authority: Authority, view: PairView, lain: _Lain) -> None:
        issuer = None if authority.is_root else self._views[authority.issuer]
        self._authorities[authority.name] = authority
        self._views[authority.name] = IssuerView.of(authority, view, issuer)
        if authority.crl is not None:
            facts = CrlFacts(
                issuer_digest=view.subject or "",
                issuer_key_id=view.key_id or "",
                number=1,
                this_update=self.now,
                next_update=self.now + authority.crl.validity,
                revoked=(),
                digest=stand_in("list", authority.id),
            )
            for kind in ("crl", "crl-der"):
                lain.put(f"{authority.id}/{kind}", layout.output_path(authority, kind), facts)

    # -- a source of observations -----------------------------------------------------

    def key(self, want: KeyWant, certificate_id: str) -> KeySeen:
        lain = self._of(want.id)
        found = lain.files.get(want.path)
        known = want.id in lain.places or certificate_id in lain.issued
        if isinstance(found, KeyFacts):
            return KeySeen("present", found, KEY_MODE, known=known)
        return KeySeen("absent" if found is None else "damaged", known=known)

    def certificate(self, want: CertificateWant) -> CertificateSeen:
        found = self._of(want.id).files.get(want.path)
        recorded = self._recorded(want)
        if not isinstance(found, CertificateFacts):
            return CertificateSeen("absent" if found is None else "damaged", None, recorded, known=recorded is not None)
        if recorded is not None and found.fingerprint == recorded.facts.fingerprint:
            found = recorded.facts
        former = self._former(want) if recorded is None else None
        return CertificateSeen("present", found, recorded, known=recorded is not None, former=former)

    def _former(self, want: CertificateWant) -> Former | None:
        """As what of the same host it was built."""
        for id, (recorded, old) in self._of(want.id).issued.items():
            if old.path == want.path:
                return Former(id, recorded)
        return None

    def moved_from(self, id: str, path: str) -> str:
        old = self._of(id).places.get(id, path)
        return "" if old == path else old

    def _recorded(self, want: CertificateWant) -> Recorded | None:
        """What the journal would say; made before a date since when it is now to be issued.

        Whoever adds `issued_since` means what is there: it was made earlier than now, nobody can tell here when.
        """
        recorded, old = self._of(want.id).issued.get(want.id, (None, want))
        since = want.issued_since
        if recorded is None or since is None or since == old.issued_since or since > self.now:
            return recorded
        facts = recorded.facts
        start = min(facts.not_before, since - 5 * MINUTE - 1)
        asked = recorded.asked_end
        if asked is not None and old.validity.seconds is not None:
            asked -= facts.not_before - start
        return replace(recorded, facts=replace(facts, not_before=start), asked_end=asked)

    def taken(self, path: str, by: str = "") -> bool:  # noqa: ARG002 - every source is asked the same
        return any(path in lain.files for lain in self._lain.values())  # it is one beside what is decided on just now

    def older_certificate(self, path: str) -> str:  # noqa: ARG002 - nothing is older than what was built just now
        return ""

    def bundle(self, want: BundleWant, unit: Unit) -> BundleSeen:  # noqa: ARG002 - every source is asked the same
        lain = self._of(want.id)
        found = lain.files.get(want.path)
        if isinstance(found, _Bundle):
            return BundleSeen("present", found.parts, found.want.mode, found.parts)
        if isinstance(found, CertificateFacts):
            return BundleSeen("present", (certificate_part(found.fingerprint),), None, None)
        return BundleSeen("absent" if found is None else "damaged", remembered=lain.parts.get(want.id))

    def config(self, want: ConfigWant, unit: Unit) -> ConfigSeen:  # noqa: ARG002 - every source is asked the same
        found = self._of(want.id).files.get(want.path)
        if not isinstance(found, ConfigWant):
            return ConfigSeen("absent" if found is None else "damaged")
        coming = self.coming.inputs(want)  # what is wrong there has its place in the new manifest
        try:
            inputs = self.texts.inputs(found)
            if found.mode == want.mode and inputs == coming:
                return ConfigSeen("present", mode=found.mode, inputs=inputs, ours=True)
            data = self.texts.render(found)
        except UserError as error:
            raise UserError(*map(self._located, error.diagnostics)) from None
        shown = self._shown(found, want.file.secrets) if found.secret or want.secret else None
        digest, because = sha(data), _because(found, want)
        return ConfigSeen("present", digest, data, found.mode, digest, inputs, ours=True, shown=shown,
                          secrets=found.file.secrets, because=because)  # fmt: skip

    def _shown(self, want: ConfigWant, also: Paths) -> bytes | None:
        try:
            return self.texts.shown(want, also)
        except UserError:  # the template does more with a secret than to put it out
            return None

    def crl(self, id: str, path: str, der: bool, authority: Authority, generation: int) -> CrlSeen:  # noqa: ARG002 - every source is asked the same
        files = self._of(id).files
        found = files.get(path)
        if isinstance(found, CrlFacts):
            return CrlSeen("present", found)
        old = self._authorities.get(authority.name)
        before = files.get(layout.output_path(old, "crl")) if old and old.key.generation == generation else None
        return CrlSeen("absent", recorded_facts=before if isinstance(before, CrlFacts) else None)

    def history(self, authority: Authority) -> History:
        old = self._authorities.get(authority.name)
        return History(
            generation=old.key.generation if old else None, known=old is not None, remembered=old is not None
        )

    def authorities(self) -> Mapping[str, Attributes]:
        return {name: one.subject for name, one in self._authorities.items()}

    # -- what is left --------------------------------------------------------------

    def leave(self, unit: Unit) -> None:
        """One of the new manifest's is decided on: what nobody wants any more of the old one is left."""
        lain = self._of(unit.id)
        del self._lain[unit.id]
        wanted = set(unit.paths)
        self.left += (one for one in lain.built if one.path not in wanted)

    def removed(self, declared: Container[str]) -> Iterator[Built]:
        """What nobody wants any more, when all is decided on; `declared` are the ids of the new declarations."""
        yield from self.left
        for id, declaration in self._declared.items():
            if id not in declared:
                for one in self._of(id).built:
                    if not isinstance(declaration, Authority) or one.id == f"{id}/certificate":
                        yield one


_MOST = 5
"""So many places are told as the reason for a config."""


def _because(old: ConfigWant, new: ConfigWant) -> tuple[str, ...]:
    """Where in the manifest a config's values have changed."""
    before, after = old.context or {}, new.context or {}
    service = place_of(after.get("service", {}).get("name")) or new.place
    host = place_of(after.get("host", {}).get("name")) or new.place
    bases = {"options": service, "paths": service, "values": service, "host": host}
    found: dict[str, None] = {}
    for part in (*after, *(name for name in before if name not in after)):
        for place in differing(before.get(part), after.get(part), bases.get(part, new.place)):
            found[pointer(place)] = None
    return tuple(found)[:_MOST]


def _name_digest(subject: Attributes) -> str:
    return stand_in("name", repr(sorted(subject)))
