"""What a manifest would have built, as if it lay in an output folder: the old side of a diff.

Nothing is made. A key, a certificate or a list that only the running of a plan would bring about gets a stable stand-in
for its digests, derived from its id: so a key that is kept stays itself, and one that is made anew is another one. All
is as if it had been built just now; so what the clock alone changes never shows.

This source answers as `Files` does in a tree that `apply` has just made, by path for what lies there, by id for what
journal and lock remember. A host or certificate is built when something of it is first asked for, and forgotten once
the new one is decided on: so each process builds, and holds, what it compares.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.certificate.generations import asked_end
from pkibuild.artifacts.draft import PlanDraft
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.artifacts.kind import Facts, PlanningContext
from pkibuild.artifacts.texts import Texts
from pkibuild.core.times import MINUTE
from pkibuild.core.values import Record
from pkibuild.model import layout
from pkibuild.model.desired import KEY_MODE, Artifact, CertificateArtifact, ConfigArtifact, KeyArtifact, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts, Recorded
from pkibuild.model.layout import public_path
from pkibuild.model.manifest import Attributes, Authority, Manifest
from pkibuild.model.plan import unit_of
from pkibuild.observe.parts import certificate_part
from pkibuild.observe.source import Former, History, ObservedCertificate, ObservedCrl, ObservedFile, ObservedKey
from pkibuild.resolve.units import Units
from pkibuild.state.lock.lock import Lock


class BuiltFile(Record):
    """A file of the old manifest that would lie in a host's or certificate's folder, or an authority's own."""

    id: str
    path: str
    facts: CertificateFacts | None = None
    """Of a certificate."""


class SimulatedUnit(Struct):
    """All that would lie in the folder of one unit, or be remembered of it."""

    files: list[BuiltFile] = field(default_factory=list)
    by_path: dict[str, tuple[Artifact, Facts | None]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """By id."""
    issued: dict[str, tuple[Recorded, CertificateArtifact]] = field(default_factory=dict)

    def add(self, artifact: Artifact, facts: Facts | None) -> None:
        self.paths[artifact.id] = artifact.path
        self.by_path[artifact.path] = artifact, facts
        certificate = facts if isinstance(facts, CertificateFacts) else None
        self.files.append(BuiltFile(artifact.id, artifact.path, certificate))
        if isinstance(artifact, KeyArtifact) and artifact.spec.passphrase is not None:
            self.files.append(BuiltFile(artifact.id, public_path(artifact.path)))

    def parts(self, id: str) -> tuple[str, ...] | None:
        """What a file that is put together would hold; None where there is none."""
        facts = self.by_path[self.paths[id]][1] if id in self.paths else None
        return facts.parts if isinstance(facts, FileFacts) else None


class AsBuilt:
    """The old manifest as a source of observations."""

    lock_only = False

    def __init__(self, manifest: Manifest, now: int) -> None:
        self.now = now
        self.units = Units(manifest, kept=False)
        self.removed_files: list[BuiltFile] = []
        """What was built where nothing is to be any more, of the units that were decided on."""
        self._declared = {one.id: one for one in manifest.declarations()}
        self._simulated: dict[str, SimulatedUnit] = {}
        self._authorities: dict[str, Authority] = dict(manifest.authorities)
        self._issuers: dict[str, IssuerView] = {}
        for authority in manifest.authorities.values():
            self._of(authority.id)

    # -- building ----------------------------------------------------------------

    def _of(self, id: str) -> SimulatedUnit:
        """All of the unit that an artifact belongs to."""
        unit = unit_of(id)
        simulated = self._simulated.get(unit)
        if simulated is None:
            simulated = self._simulated[unit] = SimulatedUnit()
            if unit in self._declared:
                self._build(self.units.of(self._declared[unit]), simulated)
        return simulated

    def _build(self, unit: Unit, simulated: SimulatedUnit) -> None:
        texts = Texts()  # no text is rendered before it is compared
        context = PlanningContext(self, PlanDraft(Lock("", "")), unit, self._issuers, texts, texts, self.now, self.now)
        for artifact in unit.artifacts:
            facts = registry.of(artifact).as_built(context, artifact)
            simulated.add(artifact, facts)
            if isinstance(artifact, CertificateArtifact) and isinstance(facts, CertificateFacts):
                recorded = Recorded(facts, artifact.key.spec.generation, asked_end(context, artifact))
                simulated.issued[artifact.id] = recorded, artifact

    # -- a source of observations -----------------------------------------------------

    def key(self, key: KeyArtifact, certificate_id: str) -> ObservedKey:
        simulated = self._of(key.id)
        facts = self._facts(simulated, key.path)
        known = key.id in simulated.paths or certificate_id in simulated.issued
        if isinstance(facts, KeyFacts):
            return ObservedKey("present", facts, KEY_MODE, known=known)
        return ObservedKey("damaged" if key.path in simulated.by_path else "absent", known=known)

    @staticmethod
    def _facts(simulated: SimulatedUnit, path: str) -> Facts | None:
        return simulated.by_path[path][1] if path in simulated.by_path else None

    def certificate(self, certificate: CertificateArtifact) -> ObservedCertificate:
        simulated = self._of(certificate.id)
        facts = self._facts(simulated, certificate.path)
        recorded = self._recorded(certificate)
        known = recorded is not None
        if not isinstance(facts, CertificateFacts):
            absent = certificate.path not in simulated.by_path
            return ObservedCertificate("absent" if absent else "damaged", None, recorded, known=known)
        if recorded is not None and facts.fingerprint == recorded.facts.fingerprint:
            facts = recorded.facts
        former = self._former(certificate) if recorded is None else None
        return ObservedCertificate("present", facts, recorded, known=known, former=former)

    def _former(self, certificate: CertificateArtifact) -> Former | None:
        """As what of the same host it was built."""
        for id, (recorded, old) in self._of(certificate.id).issued.items():
            if old.path == certificate.path:
                return Former(id, recorded)
        return None

    def moved_from(self, id: str, path: str) -> str:
        old = self._of(id).paths.get(id, path)
        return "" if old == path else old

    def _recorded(self, certificate: CertificateArtifact) -> Recorded | None:
        """What the journal would say; made before a date since when it is now to be issued.

        Whoever adds `issued_since` means what is there: it was made earlier than now, nobody can tell here when.
        """
        recorded, old = self._of(certificate.id).issued.get(certificate.id, (None, certificate))
        since = certificate.issued_since
        if recorded is None or since is None or since == old.issued_since or since > self.now:
            return recorded
        facts = recorded.facts
        start = min(facts.not_before, since - 5 * MINUTE - 1)
        asked = recorded.asked_end
        if asked is not None and old.validity.seconds is not None:
            asked -= facts.not_before - start
        return replace(recorded, facts=replace(facts, not_before=start), asked_end=asked)

    def is_occupied(self, path: str, by: str = "") -> bool:  # noqa: ARG002 - every source is asked the same
        return any(path in one.by_path for one in self._simulated.values())  # it is beside what is decided on just now

    def older_certificate(self, path: str) -> str:  # noqa: ARG002 - nothing is older than what was built just now
        return ""

    def file(self, artifact: Artifact, unit: Unit) -> ObservedFile:  # noqa: ARG002 - every source is asked the same
        simulated = self._of(artifact.id)
        if artifact.path not in simulated.by_path:
            return ObservedFile("absent", written_parts=simulated.parts(artifact.id))
        old, facts = simulated.by_path[artifact.path]
        if isinstance(facts, FileFacts) and not isinstance(artifact, ConfigArtifact):
            mode = getattr(old, "mode", None)
            return ObservedFile("present", parts=facts.parts, mode=mode, written_parts=facts.parts, in_receipt=True)
        if isinstance(facts, CertificateFacts) and not isinstance(artifact, ConfigArtifact):
            return ObservedFile("present", parts=(certificate_part(facts.fingerprint),), in_receipt=True)
        if isinstance(old, ConfigArtifact) and isinstance(artifact, ConfigArtifact):
            return ObservedFile("present", mode=old.mode, in_receipt=True, built=old)
        return ObservedFile("damaged", written_parts=simulated.parts(artifact.id), in_receipt=True)

    def public_of(self, key: bytes) -> str:
        raise NotImplementedError  # no file is read here

    def has_issued(self, parts: Iterable[str]) -> bool:  # noqa: ARG002 - all that lies here is ours
        return True

    def crl(self, id: str, path: str, der: bool, authority: Authority, generation: int) -> ObservedCrl:  # noqa: ARG002 - every source is asked the same
        simulated = self._of(id)
        facts = self._facts(simulated, path)
        if isinstance(facts, CrlFacts):
            return ObservedCrl("present", facts)
        old = self._authorities.get(authority.name)
        present = old is not None and old.key.generation == generation
        before = self._facts(simulated, layout.output_path(old, "crl")) if old is not None and present else None
        return ObservedCrl("absent", recorded_facts=before if isinstance(before, CrlFacts) else None)

    def history(self, authority: Authority) -> History:
        old = self._authorities.get(authority.name)
        return History(
            generation=old.key.generation if old else None, known=old is not None, remembered=old is not None
        )

    def authorities(self) -> Mapping[str, Attributes]:
        return {name: one.subject for name, one in self._authorities.items()}

    # -- what is removed ------------------------------------------------------------

    def decided(self, unit: Unit) -> None:
        """One of the new manifest's units is decided on: note what nobody wants any more of the old one."""
        simulated = self._of(unit.id)
        del self._simulated[unit.id]
        wanted = set(unit.paths)
        self.removed_files += (one for one in simulated.files if one.path not in wanted)

    def removed(self, declared: Container[str]) -> Iterator[BuiltFile]:
        """What nobody wants any more, when all is decided on; `declared` are the ids of the new declarations."""
        yield from self.removed_files
        for id, declaration in self._declared.items():
            if id not in declared:
                for one in self._of(id).files:
                    if not isinstance(declaration, Authority) or one.id == f"{id}/certificate":
                        yield one
