"""What plain OpenSSL has done in an authority's folder since the journal was last brought up to date."""

from __future__ import annotations

from pkibuild.state.entries import JournalEntry
from pkibuild.state.journal import Journal
from pkibuild.state.openssl import Changes, changes, unknown
from pkibuild.world.files import Tree


def openssl_changes(tree: Tree, authority: str, journal: Journal, certificate: JournalEntry | None) -> Changes:
    """`certificate` is the authority's own: what another one issued is not taken in."""
    folder = f"authorities/{authority}"
    index = tree.read(f"{folder}/index.txt")
    if index is None:
        return Changes()
    files = {}
    for name in unknown(tree.list(f"{folder}/newcerts"), journal):
        data = tree.read(f"{folder}/newcerts/{name}")
        if data is not None:
            files[name] = data
    return changes(
        index,
        tree.read(f"{folder}/crlnumber") or b"",
        files,
        journal,
        issuer_digest=_subject(certificate.der) if files and certificate else "",
        name=f"{tree.root}/{folder}/index.txt",
    )


def _subject(der: bytes) -> str:
    from pkibuild.x509 import inspect

    return inspect.certificate_facts(der).subject_digest
