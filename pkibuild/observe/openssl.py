"""What plain OpenSSL has done in an authority's folder since the journal was last brought up to date."""

from __future__ import annotations

from msgspec.structs import replace

from pkibuild.state.journal.entries import JournalEntry
from pkibuild.state.journal.journal import Journal
from pkibuild.state.openssl.index import Changes, Written, changes, unknown
from pkibuild.world.tree import Tree


def openssl_changes(
    tree: Tree,
    authority: str,
    journal: Journal,
    certificate: JournalEntry | None,
    written: Written | None = None,
) -> Changes:
    """`certificate` is the authority's own: what another one issued is not taken in.

    Files that are as they were `written` need not be compared with the journal row by row.
    """
    folder = f"authorities/{authority}"
    index = tree.read(f"{folder}/index.txt")
    if index is None:
        return Changes()
    crlnumber = tree.read(f"{folder}/crlnumber") or b""
    names = unknown(tree.list(f"{folder}/newcerts"), journal)
    if not names and written is not None and written.stands(index, crlnumber, journal):
        return Changes()
    files = {}
    for name in names:
        data = tree.read(f"{folder}/newcerts/{name}")
        if data is not None:
            files[name] = data
    found = changes(
        index,
        crlnumber,
        files,
        journal,
        issuer_digest=_subject(certificate.der) if files and certificate else "",
        name=f"{tree.root}/{folder}/index.txt",
    )
    entries = [(one.serial, journal.by_serial(one.serial)) for one in found.revocations]
    ids = tuple(entry.id if entry else f"openssl/{authority}/{serial}" for serial, entry in entries)
    return replace(found, revoked_ids=ids)


def _subject(der: bytes) -> str:
    from pkibuild.x509 import inspect

    return inspect.certificate_facts(der).subject_digest
