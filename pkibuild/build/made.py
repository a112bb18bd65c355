"""What a run has made, and the output folder as it is after it: what was just made need not be read again."""

from __future__ import annotations

from collections.abc import Container

from pkibuild.artifacts.wants import BundleWant, CertificateWant, ConfigWant, KeyWant, Unit
from pkibuild.facts import KeyFacts, sha
from pkibuild.plan.files import Files
from pkibuild.plan.observed import BundleSeen, CertificateSeen, ConfigSeen, KeySeen, Recorded
from pkibuild.state.cache import Cache, KeyMemo
from pkibuild.state.histories import Histories
from pkibuild.state.lock import Lock
from pkibuild.values import dataclass, field
from pkibuild.world.files import Tree


@dataclass(slots=True)
class Done:
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


@dataclass(frozen=True, slots=True)
class Built:
    """What a worker has built and recorded."""

    ids: list[str]
    units: set[str]
    lines: dict[str, bytes]
    """Of the lock, by node."""
    keys: KeyMemo
    """What its keys are, for the cache."""
    subjects: dict[str, str]
    """As in `Done`."""


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

    def key(self, want: KeyWant, certificate_id: str) -> KeySeen:
        facts = self._done.keys.get(want.path)
        mode = self._keys.learn(want.path, facts) if facts is not None else None
        return super().key(want, certificate_id) if mode is None else KeySeen("present", facts, mode)

    def certificate(self, want: CertificateWant) -> CertificateSeen:
        made = self._done.certificates.get(want.id)
        return super().certificate(want) if made is None else CertificateSeen("present", made.facts, made)

    def bundle(self, want: BundleWant, unit: Unit) -> BundleSeen:
        parts = self._done.bundles.get(want.path)
        return super().bundle(want, unit) if parts is None else BundleSeen("present", parts, want.mode, parts)

    def config(self, want: ConfigWant, unit: Unit) -> ConfigSeen:
        digest = self._done.digests.get(want.path)
        if digest is None:
            return super().config(want, unit)
        return ConfigSeen("present", digest, mode=want.mode, remembered=digest, ours=True)

    def lags(self, id: str) -> bool:
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
