"""What is there, as the lock remembers it: for planning on a machine that has neither keys nor artifacts.

The lock says what was built, so this source answers as `Files` does on a tree that is as the lock says. Journals are
not in it: what is revoked, when something was last signed, and what plain OpenSSL did meanwhile is unknown here. So is
a config's old text, unless the built file is in the checkout and is the one that the lock remembers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pkibuild.core.diagnostics import UserError
from pkibuild.model.desired import Artifact, CertificateArtifact, KeyArtifact, Unit, config_mode
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts, Recorded, sha
from pkibuild.model.manifest import Attributes, Authority
from pkibuild.model.plan import unit_of
from pkibuild.observe.source import (
    Former,
    Generation,
    History,
    ObservedCertificate,
    ObservedCrl,
    ObservedFile,
    ObservedKey,
    State,
)
from pkibuild.state.journal.histories import journal_of
from pkibuild.state.lock.lock import Lock, LockEntry
from pkibuild.world.tree import Tree

_OLDER = re.compile(r"authorities/([^/]+)/\1\.g(\d+)\.crt")


class Remembered:
    """The lock as a source of observations. `tree` is looked at for the old texts of configs only."""

    lock_only = True

    def __init__(self, lock: Lock, tree: Tree, now: int) -> None:
        self.lock = lock
        self.tree = tree
        self._now = now
        self._by_path: dict[str, str] | None = None

    def _at(self, id: str, path: str) -> LockEntry | None:
        """What lies at a path: most often what lay there before, else what another node has left there."""
        entry = self.lock.entry(id)
        if entry is not None and entry.path == path:
            return entry
        if self._by_path is None:
            self._by_path = self.lock.by_path()
        node = self._by_path.get(path)
        return self.lock.entry(node) if node else None

    def key(self, key: KeyArtifact, certificate_id: str) -> ObservedKey:
        found = self._at(key.id, key.path)
        known = key.id in self.lock or certificate_id in self.lock
        if found is not None and isinstance(found.facts, KeyFacts):
            return ObservedKey("present", found.facts, known=known)
        return ObservedKey("absent" if found is None else "damaged", known=known)

    def certificate(self, certificate: CertificateArtifact) -> ObservedCertificate:
        recorded = self._recorded(self.lock.entry(certificate.id))
        found = self._at(certificate.id, certificate.path)
        if found is None or not isinstance(found.facts, CertificateFacts):
            return ObservedCertificate(
                "absent" if found is None else "damaged", None, recorded, known=recorded is not None
            )
        facts = recorded.facts if recorded and found.id == certificate.id else found.facts
        other = self._recorded(found) if recorded is None and unit_of(found.id) == unit_of(certificate.id) else None
        former = Former(found.id, other) if other is not None else None
        return ObservedCertificate("present", facts, recorded, known=recorded is not None, former=former)

    @staticmethod
    def _recorded(entry: LockEntry | None) -> Recorded | None:
        if entry is None or not isinstance(entry.facts, CertificateFacts):
            return None
        return Recorded(entry.facts, entry.generation, entry.asked_end)

    def moved_from(self, id: str, path: str) -> str:
        entry = self.lock.entry(id)
        return entry.path if entry is not None and entry.path != path else ""

    def is_occupied(self, path: str, by: str = "") -> bool:  # noqa: ARG002 - every source is asked the same
        """The lock does not know the names of retired keys, so a plan from it may name the next one otherwise."""
        return False

    def older_certificate(self, path: str) -> str:
        found = _OLDER.fullmatch(path)
        entry = self.lock.entry(f"authority/{found[1]}/certificate@g{found[2]}") if found else None
        recorded = self._recorded(entry)
        return recorded.facts.fingerprint if recorded else ""

    def file(self, artifact: Artifact, unit: Unit) -> ObservedFile:  # noqa: ARG002 - every source is asked the same
        own = self.lock.entry(artifact.id)
        remembered = own.facts.parts if own and isinstance(own.facts, FileFacts) else None
        entry = self._at(artifact.id, artifact.path)
        if entry is None or not isinstance(entry.facts, FileFacts):
            state: State = "absent" if entry is None else "damaged"
            return ObservedFile(state, written_parts=remembered, in_receipt=state == "damaged", in_lock=own is not None)
        facts = entry.facts
        mode = config_mode(entry.mode) if entry.mode is not None and entry.kind == "config" else None
        return ObservedFile(
            "present",
            data=self._text(artifact.path, facts.digest),
            digest=facts.digest,
            mode=mode,
            parts=facts.parts,
            written_digest=facts.digest,
            written_parts=facts.parts,
            masked=facts.masked,
            inputs=entry.inputs,
            in_receipt=True,
            in_lock=True,
        )

    def has_issued(self, parts: Iterable[str]) -> bool:  # noqa: ARG002 - all that the lock knows is ours
        return True

    def public_of(self, key: bytes) -> str:
        raise NotImplementedError  # no file is read here

    def _text(self, path: str, digest: str) -> bytes | None:
        """The built file, where it is in the checkout and the one that the lock remembers."""
        if not digest:
            return None
        try:
            data = self.tree.read(path)
        except UserError:
            return None
        return data if data is not None and sha(data) == digest else None

    def crl(
        self,
        id: str,
        path: str,  # noqa: ARG002 - every source is asked the same
        der: bool,  # noqa: ARG002 - the lock says the same of both forms
        authority: Authority,
        generation: int,
    ) -> ObservedCrl:
        entry = self.lock.entry(id)
        if entry is not None and isinstance(entry.facts, CrlFacts):
            return ObservedCrl("present", entry.facts)
        # The list of a generation that this plan retires is still the present one's.
        present = self.lock.entry(f"{authority.id}/crl")
        if present is not None and present.generation == generation and isinstance(present.facts, CrlFacts):
            return ObservedCrl("absent", recorded_facts=present.facts)
        return ObservedCrl("absent")

    def history(self, authority: Authority) -> History:
        entry = self.lock.entry(f"{authority.id}/certificate")
        mark = self.lock.journals.get(journal_of(authority.name))
        return History(
            generation=entry.generation if entry else None,
            known=entry is not None,
            remembered=entry is not None,
            older=tuple(self._older(authority, entry.generation or 1)) if entry else (),
            revoked=None,
            crl_number=mark.crl_number if mark else 0,
        )

    def _older(self, authority: Authority, present: int) -> list[Generation]:
        """The earlier generations of an authority that the lock knows."""
        found = []
        for number in range(1, present):
            entry = self.lock.entry(f"{authority.id}/certificate@g{number}")
            if entry is not None and isinstance(entry.facts, CertificateFacts):
                until = entry.until
                recorded = Recorded(entry.facts, number, entry.asked_end)
                found.append(Generation(number, recorded, until is not None and until >= self._now, until))
        return found

    def authorities(self) -> Mapping[str, Attributes]:
        return remembered_authorities(self.lock)


def remembered_authorities(lock: Lock) -> dict[str, Attributes]:
    """Every authority in the lock, by name, with its subject."""
    found: dict[str, Attributes] = {}
    for node in lock.ids():
        kind, _, rest = node.partition("/")
        name, _, last = rest.partition("/")
        if kind == "authority" and last == "certificate":
            entry = lock.entry(node)
            if entry is not None and isinstance(entry.facts, CertificateFacts):
                found[name] = entry.facts.subject
    return found
