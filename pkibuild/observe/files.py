"""What is there, looked up in the output folder: artifacts, journals and receipts. Reads only.

The lock serves as a memo here and no more: what it remembers of a certificate is used only when the file's digest is
the one that it remembers, so that a run with a lock and one without see the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.times import format_time
from pkibuild.keys import pem
from pkibuild.model.desired import Artifact, CertificateArtifact, KeyArtifact, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts, FileFacts, KeyFacts, Recorded, Revocation, sha
from pkibuild.model.layout import STAGED, public_path
from pkibuild.model.manifest import Attributes, Authority
from pkibuild.model.plan import unit_of
from pkibuild.observe.journals import openssl_changes
from pkibuild.observe.key_files import KeyFiles
from pkibuild.observe.lock_only import remembered_authorities
from pkibuild.observe.memos import Cache
from pkibuild.observe.parts import certificate_part
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
from pkibuild.state import receipt as receipts
from pkibuild.state.journal.entries import JournalEntry
from pkibuild.state.journal.histories import Histories, journal_of
from pkibuild.state.journal.journal import Journal
from pkibuild.state.lock.lock import Lock
from pkibuild.state.openssl.index import Changes
from pkibuild.state.receipt import Receipt
from pkibuild.world.tree import Tree


class Files:
    """The output folder as a source of observations."""

    lock_only = False

    def __init__(self, tree: Tree, lock: Lock, now: int, memory: Cache, histories: Histories | None = None) -> None:
        self.tree = tree
        self.lock = lock
        self.histories = histories or Histories(tree)
        self._keys = KeyFiles(tree, memory.keys)
        self._written = memory.written
        self._now = now
        self._histories: dict[str, History] = {}
        self._learnt: dict[str, CertificateFacts] = {}
        self._receipt: tuple[str, Receipt] = ("", Receipt())
        self._all_issued: frozenset[str] | None = None

    # -- keys --------------------------------------------------------------------

    def key(self, key: KeyArtifact, certificate_id: str) -> ObservedKey:
        self._keys.next_unit()
        public = public_path(key.path)
        staging = self._lies(key.path + STAGED)
        half = not staging and self._lies(public + STAGED)  # the key comes to its place first
        state, facts, mode = self._keys.at(key.path, public + STAGED if half else public)
        staged = self._keys.at(key.path + STAGED, public + STAGED)[1] if staging else None
        known = key.id in self.lock or self.histories.newest(certificate_id) is not None
        replaced = self._generation_of(facts, certificate_id) if staged else None
        return ObservedKey(state, facts, mode, staged, staging, half and state == "present", known, replaced)

    def _generation_of(self, facts: KeyFacts | None, certificate_id: str) -> int | None:
        """The generation under which the journals know a key, by the last certificate that was made for it."""
        journals = (self.histories.at(path) for path in self.histories.paths())
        entries = [entry for journal in journals for entry in journal.issued(certificate_id)]
        return next((one.generation for one in reversed(entries) if facts and one.public == facts.public), None)

    def _lies(self, path: str) -> bool:
        found = self.tree.stat(path)
        return found is not None and found.kind != "hidden"

    # -- certificates --------------------------------------------------------------

    def certificate(self, certificate: CertificateArtifact) -> ObservedCertificate:
        entry = self.lock.entry(certificate.id)
        remembered = entry.facts if entry and isinstance(entry.facts, CertificateFacts) else None
        state, der = self._der_at(certificate.path)
        fingerprint = sha(der) if der else ""
        newest = self.histories.newest(certificate.id)
        recorded = self._recorded(newest, remembered) if newest else None
        facts: CertificateFacts | None = None
        if der:
            if recorded and recorded.facts.fingerprint == fingerprint:
                facts = recorded.facts
            else:
                facts = self._facts(der, fingerprint, remembered)
                if facts is None:
                    state = "damaged"
        earlier = bool(facts and newest and recorded and facts is not recorded.facts) and self._issued_earlier(
            certificate.id, fingerprint
        )
        known = newest is not None or (remembered is not None and remembered.fingerprint == fingerprint)
        former = self._former(certificate.id, der, facts) if facts is not None and not known else None
        return ObservedCertificate(state, facts, recorded, earlier, known, former)

    def _former(self, node: str, der: bytes, facts: CertificateFacts) -> Former | None:
        """As what of the same host the journals know a certificate."""
        for path in self.histories.paths():
            entry = self.histories.at(path).by_serial(facts.serial)
            if entry is not None and entry.der == der and unit_of(entry.id) == unit_of(node):
                return Former(entry.id, Recorded(facts, entry.generation, entry.asked_end, der))
        return None

    def _der_at(self, path: str) -> tuple[State, bytes]:
        data = self.tree.read(path)
        if data is None:
            return "absent", b""
        try:
            return "present", pem.only_der(data, pem.CERTIFICATE)
        except ValueError:
            return "damaged", b""

    def _recorded(self, entry: JournalEntry, remembered: CertificateFacts | None) -> Recorded:
        der = entry.der
        facts = self._facts(der, sha(der), remembered)
        if facts is None:  # a new certificate in its place would be a new root by accident
            raise fail(
                "journal-damaged",
                f"entry {entry.seq} of a journal, `{entry.id}`, has no certificate that can be read",
                hint="bring the journal back from a backup or from git",
            )
        return Recorded(facts, entry.generation, entry.asked_end, der)

    def issued_last(self, node: str) -> CertificateFacts | None:
        """The newest certificate of a node in the journals; None where it is none."""
        entry = self.lock.entry(node)
        newest = self.histories.newest(node)
        remembered = entry.facts if entry and isinstance(entry.facts, CertificateFacts) else None
        recorded = self._recorded(newest, remembered) if newest else None
        return recorded.facts if recorded else remembered

    def learn(self, facts: Iterable[CertificateFacts]) -> None:
        """What this run has just issued need not be read again."""
        self._learnt.update({one.fingerprint: one for one in facts})

    def _facts(self, der: bytes, fingerprint: str, remembered: CertificateFacts | None) -> CertificateFacts | None:
        if remembered is not None and remembered.fingerprint == fingerprint:
            return remembered
        if fingerprint in self._learnt:
            return self._learnt[fingerprint]
        from pkibuild.x509 import inspect

        try:
            return inspect.certificate_facts(der)
        except ValueError:
            return None

    def _issued_earlier(self, node: str, fingerprint: str) -> bool:
        journals = (self.histories.at(path) for path in self.histories.paths())
        return any(sha(entry.der) == fingerprint for journal in journals for entry in journal.issued(node))

    def moved_from(self, id: str, path: str) -> str:
        folder = "/".join(path.split("/", 2)[:2])
        noted = self._receipt_of(f"{folder}/{receipts.NAME}").files
        entry = self.lock.entry(id)
        if not noted and entry is None:
            return ""
        # The public half of a key is noted under its id as well.
        own = ((name, file) for name, file in noted.items() if file.node == id)
        places = [f"{folder}/{name}" for name, file in own if file.secret or not id.endswith("/key")]
        if entry is not None and entry.path.startswith(f"{folder}/"):
            places.append(entry.path)
        return next((one for one in places if one != path and self._is_file(one)), "")

    def _is_file(self, path: str) -> bool:
        found = self.tree.stat(path)
        return found is not None and found.kind in ("file", "link")

    def is_occupied(self, path: str, by: str = "") -> bool:
        there, coming = self.tree.stat(path), self.tree.stat(by) if by else None
        return there is not None and (coming is None or there.inode != coming.inode)

    def older_certificate(self, path: str) -> str:
        der = self._der_at(path)[1]
        return sha(der) if der else ""

    # -- bundles and configs ---------------------------------------------------------

    def receipt(self, unit: Unit) -> Receipt:
        return self._receipt_of(unit.receipt_path)

    def _receipt_of(self, path: str) -> Receipt:
        """That of the unit at hand is kept while it is looked at."""
        if self._receipt[0] != path:
            self._receipt = (path, self.receipt_at(path))
        return self._receipt[1]

    def receipt_at(self, path: str) -> Receipt:
        data = self.tree.read(path)
        if data is None:
            return Receipt()
        try:
            return receipts.parse(data, f"{self.tree.root}/{path}")
        except UserError as error:
            if error.diagnostics[0].code == "receipt-garbled":  # it is made again from what is there
                return Receipt()
            raise

    def file(self, artifact: Artifact, unit: Unit) -> ObservedFile:
        noted = self.receipt(unit).files.get(artifact.path.removeprefix(unit.folder + "/"))
        entry = self.lock.entry(artifact.id)
        remembered = entry.facts if entry and isinstance(entry.facts, FileFacts) else None
        seen = ObservedFile("absent", in_receipt=noted is not None, in_lock=entry is not None)
        if noted is not None:
            parts = tuple(noted.inputs.split())
            seen = replace(seen, written_digest=noted.digest, written_parts=parts, inputs=noted.inputs)
        elif remembered is not None:
            seen = replace(seen, written_parts=remembered.parts)
        found = self.tree.stat(artifact.path)
        if found is None:
            return seen
        # Of a file with a secret in it, the lock has no digest.
        held_secret = noted.secret if noted else remembered is not None and not remembered.digest
        seen = replace(seen, mode=None if found.kind == "link" else found.mode, held_secret=held_secret)
        if found.kind == "link":
            data = self.tree.read_link(artifact.path)
        elif artifact.secret and found.kind in ("file", "hidden"):
            try:
                data = self.tree.read(artifact.path) or b""
            except UserError:
                return replace(seen, state="closed")
        elif found.kind == "file":
            data = self.tree.read(artifact.path) or b""
        else:
            return replace(seen, state="damaged")
        is_link = found.kind == "link"
        return replace(
            seen, state="damaged" if is_link is not artifact.is_link else "present", data=data, digest=sha(data)
        )

    def public_of(self, key: bytes) -> str:
        return self._keys.public_of(key)

    def has_issued(self, parts: Iterable[str]) -> bool:
        """Whether one of these parts of a bundle is a certificate of the journals."""
        return not self._issued.isdisjoint(parts)

    @property
    def _issued(self) -> frozenset[str]:
        """Every certificate in the journals, as a part of a bundle."""
        if self._all_issued is None:
            journals = [self.histories.at(path) for path in self.histories.paths()]
            self._all_issued = frozenset(
                certificate_part(sha(journal.der(one.index))) for journal in journals for one in journal.all_issued
            )
        return self._all_issued

    # -- authorities -------------------------------------------------------------------

    def crl(self, id: str, path: str, der: bool, authority: Authority, generation: int) -> ObservedCrl:
        data = self.tree.read(path)
        newest, is_last = self._newest_list(authority, generation)
        if data is None:
            return ObservedCrl("absent", recorded=newest if is_last else b"")
        try:
            content = data if der else pem.only_der(data, pem.CRL)
            entry = self.lock.entry(id)
            if entry and isinstance(entry.facts, CrlFacts) and entry.facts.digest == sha(content):
                facts = entry.facts
            else:
                from pkibuild.x509 import inspect

                facts = inspect.crl_facts(content)
        except ValueError:
            return ObservedCrl("damaged", recorded=newest)
        same = newest == content or (bool(newest) and self._is_later(facts, content, newest, path))
        return ObservedCrl("present", facts, b"" if same else newest)

    def _newest_list(self, authority: Authority, generation: int) -> tuple[bytes, bool]:
        """The newest list that is in the journal, and whether no later one is known: plain OpenSSL's has its number."""
        lists = self.histories.at(journal_of(authority.name)).crls()
        found = [one for one in lists if (one.generation or 1) == generation]
        kept = [one for one in found if one.base64]
        return (kept[-1].der, kept[-1] is found[-1]) if kept else (b"", True)

    def _is_later(self, facts: CrlFacts, content: bytes, newest: bytes, path: str) -> bool:
        """Whether the list in the file was signed by the authority after the journal's: its number never goes back."""
        from pkibuild.x509 import inspect

        certificate = self._der_at(path.removesuffix(".der").removesuffix(".crl") + ".crt")[1]
        try:
            return facts.number > inspect.crl_facts(newest).number and inspect.crl_signed_by(content, certificate)
        except ValueError:
            return False

    def history(self, authority: Authority) -> History:
        if authority.name not in self._histories:
            self._histories[authority.name] = self._read_history(authority)
        return self._histories[authority.name]

    def _read_history(self, authority: Authority) -> History:
        folder = f"authorities/{authority.name}"
        path = journal_of(authority.name)
        journal = self.histories.at(path)
        mark = self.lock.journals.get(path)
        # The lines of key and certificate stand in two journals; a kill between them leaves the certificate's alone.
        newest = self.histories.newest(f"{authority.id}/certificate")
        told = (journal.generation(f"{authority.id}/key"), newest.generation if newest else None)
        generation = max((one for one in told if one is not None), default=None)
        present = generation or authority.key.generation
        older = tuple(self._older(authority, present))
        kept = [name for name in self.tree.list(folder) if name != "private/"]
        known = bool(kept) or bool(self.tree.list(f"{folder}/private"))
        imported = openssl_changes(self.tree, authority.name, journal, newest, self._written.get(authority.name))
        return History(
            generation=generation,
            known=known,
            remembered=f"{authority.id}/certificate" in self.lock or mark is not None,
            behind=mark is not None and not journal.contains(mark.length, mark.head),
            last_time=journal.last_time,
            older=older,
            revoked=self._living(journal, present, present, imported),
            revoked_by_older=tuple((one.number, self._living(journal, one.number, present, imported)) for one in older),
            crl_number=max(journal.crl_number(), imported.crl_number or 0),
            imported=imported,
        )

    def _older(self, authority: Authority, present: int) -> list[Generation]:
        """Every earlier generation of an authority, with its last certificate; `living` while one under it is."""
        if present == 1:  # its certificates need not be looked for among all that it issued
            return []
        last: dict[int, JournalEntry] = {}
        for path in self.histories.paths():
            for entry in self.histories.at(path).issued(f"{authority.id}/certificate"):
                number = entry.generation or 1
                if number < present and (number not in last or last[number].time <= entry.time):
                    last[number] = entry
        if not last:
            return []
        now = format_time(self._now)
        journal = self.histories.at(journal_of(authority.name))
        # ISO 8601 in UTC sorts as text.
        ends: dict[int, int] = {}
        for one in journal.all_issued:
            if one.not_after >= now:
                entry = journal.entry(one.index)
                ends[entry.issuer_generation] = max(ends.get(entry.issuer_generation, 0), entry.not_after or 0)
        return [
            Generation(number, self._recorded(entry, None), number in ends, ends.get(number))
            for number, entry in sorted(last.items())
        ]

    def authorities(self) -> Mapping[str, Attributes]:
        found = remembered_authorities(self.lock)
        for entry in self.tree.list("authorities"):
            name = entry[:-1]
            der = self._der_at(f"authorities/{name}/{name}.crt")[1] if entry.endswith("/") else b""
            facts = self._facts(der, sha(der), None) if der else None
            if facts is not None:
                found[name] = facts.subject
        return found

    def _living(self, journal: Journal, generation: int, present: int, imported: Changes) -> tuple[Revocation, ...]:
        """Revocations of certificates that have not expired, or did since the last list: what a list has to hold.

        Those that are still to be taken in count: of what is in the journal by the key that signed it, of what is not
        by the present one.
        """
        ends = {one.serial: one.not_after for one in imported.certificates}
        kept = list(journal.revocations(generation))
        for one in imported.revocations:
            entry = journal.by_serial(one.serial)
            if (entry.issuer_generation if entry else present) == generation:
                kept.append(one)
        living = journal.to_be_listed(kept, generation, self._now, ends)
        return tuple(sorted(living, key=lambda one: one.serial))
