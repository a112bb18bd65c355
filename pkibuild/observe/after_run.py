"""The output folder after a run: what was just made need not be read again."""

from __future__ import annotations

from collections.abc import Container

from pkibuild.model.desired import CertificateArtifact, KeyArtifact
from pkibuild.model.facts import CertificateFacts, KeyFacts, Recorded, sha
from pkibuild.model.plan import Done
from pkibuild.observe.files import Files
from pkibuild.observe.memos import Cache
from pkibuild.state.journal.histories import Histories
from pkibuild.state.lock.lock import Lock
from pkibuild.world.tree import Tree


class AfterRun(Files):
    """The output folder after a run."""

    def __init__(
        self,
        tree: Tree,
        lock: Lock,
        now: int,
        memory: Cache,
        done: Done,
        histories: Histories,
        planned: Container[str],
    ) -> None:
        super().__init__(tree, lock, now, memory)
        self.histories = histories
        self._done = done
        self._planned = planned
        self._finished = frozenset(done.ids)
        self.learn(one.facts for one in done.certificates.values())

    def key_facts(self, key: KeyArtifact, certificate_id: str) -> KeyFacts | None:
        """What a key is, as far as that can be known."""
        made = self._done.keys.get(key.path)
        if made is not None and self._keys.learn(key.path, made):
            return made
        return self.key(key, certificate_id).facts

    def issued(self, certificate: CertificateArtifact) -> tuple[CertificateFacts | None, Recorded | None]:
        """What the certificate in its place says, and the newest one in the journals."""
        made = self._done.certificates.get(certificate.id)
        if made is not None:
            return made.facts, made
        seen = self.certificate(certificate)
        return seen.facts, seen.recorded

    def made_parts(self, path: str) -> tuple[str, ...] | None:
        """What a file was put together from in this run; None where it was not."""
        return self._done.bundles.get(path)

    def made_digest(self, path: str) -> str | None:
        """SHA-256 of what this run has written; None where it has written nothing, or a key."""
        return self._done.digests.get(path)

    def is_unfinished(self, id: str) -> bool:
        """Whether something is to be done with it that this run has not done: it is what it was before."""
        return id in self._planned and id not in self._finished

    def digest(self, path: str) -> str | None:
        """SHA-256 of a file; None when there is none."""
        if path in self._done.digests:
            return self._done.digests[path]
        data = self.tree.content(path)
        return None if data is None else sha(data)

    def is_there(self, path: str) -> bool:
        return path in self._done.keys or path in self._done.bundles or self.tree.stat(path) is not None
