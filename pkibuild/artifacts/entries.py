"""What the lock says of an artifact, the same whether it was just built or found as it should be."""

from __future__ import annotations

from pkibuild.model import layout
from pkibuild.model.desired import BundleWant, CertificateWant, ConfigWant, KeyWant, Rights
from pkibuild.model.facts import CertificateFacts, FileFacts, KeyFacts
from pkibuild.model.manifest import Authority
from pkibuild.observe.source import Generation
from pkibuild.state.lock.lock import Facts, LockEntry


def key_entry(want: KeyWant, facts: KeyFacts, generation: int | None) -> LockEntry:
    return _entry(want.id, "key", want.path, facts, want.rights, generation)


def certificate_entry(
    want: CertificateWant, facts: CertificateFacts, generation: int | None, asked_end: int | None
) -> LockEntry:
    return _entry(want.id, "certificate", want.path, facts, want.rights, generation, asked_end)


def older_entry(authority: Authority, one: Generation) -> LockEntry:
    """An authority's certificate of a generation that is kept while something under it is valid."""
    recorded = one.certificate
    return LockEntry(
        f"{authority.id}/certificate@g{one.number}",
        "certificate",
        layout.output_path(authority, "certificate", one.number),
        recorded.facts,
        generation=one.number,
        asked_end=recorded.asked_end,
        until=one.until,
    )


def bundle_entry(want: BundleWant, parts: tuple[str, ...]) -> LockEntry:
    return _entry(want.id, want.kind, want.path, FileFacts("", parts), want.rights)


def config_entry(want: ConfigWant, digest: str, masked: str, inputs: str) -> LockEntry:
    """Of a config with a secret in it no digest is remembered but that of the masked text."""
    facts = FileFacts(masked=masked) if want.secret else FileFacts(digest)
    return _entry(want.id, want.kind, want.path, facts, want.rights, inputs=inputs)


def _entry(
    id: str,
    kind: str,
    path: str,
    facts: Facts,
    rights: Rights,
    generation: int | None = None,
    asked_end: int | None = None,
    inputs: str = "",
) -> LockEntry:
    return LockEntry(id, kind, path, facts, inputs, generation, asked_end, rights.owner, rights.group, rights.mode)
