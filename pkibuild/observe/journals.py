"""What journals lack: what plain OpenSSL did in an authority's folder, and an end that was lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from pkibuild.core.diagnostics import fail
from pkibuild.core.times import END_OF_TIME
from pkibuild.model.facts import CrlFacts
from pkibuild.model.plan import Action, Reason
from pkibuild.model.recipes import AcceptGap
from pkibuild.state.journal.entries import Draft, JournalEntry
from pkibuild.state.journal.histories import Histories, journal_of
from pkibuild.state.journal.journal import Journal, Writer, draft
from pkibuild.state.lock.lock import Lock
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


def accept_lost_history(
    histories: Histories, lock: Lock, authorities: Iterable[str], now: int
) -> tuple[Lock, tuple[Action, ...]]:
    """The actions that go on with journals that lost their ends, and the lock without its marks of them.

    `histories` are given the journals as they will be then. Raises UserError where a journal has lost nothing.
    """
    actions = []
    for name in authorities:
        path = journal_of(name)
        mark = lock.journals.get(path)
        journal = histories.at(path)
        if mark is None or journal.contains(mark.length, mark.head):
            raise fail(
                "no-lost-history",
                f"the journal of `{name}` lacks nothing that the lock knows",
                hint="`--accept-lost-history` is for an authority named by `error[journal-behind]`",
            )
        writer = Writer(journal)
        detail = {"length": mark.length, "head": mark.head}
        writer.add(draft("gap", now, f"authority/{name}/certificate", detail=detail))
        for entry in _lost_revocations(lock, name, journal, now):
            writer.add(entry)
        reason = Reason(
            "lost-history", f"its journal has lost entries after line {journal.length}, and goes on from there"
        )
        recipe = AcceptGap(path, journal.torn_at, writer.taken())
        actions.append(Action(f"authority/{name}/journal", "journal", "adopt", (reason,), recipe, ()))
        histories.put(path, writer.journal())
        lock = lock.with_journals({other: mark for other, mark in lock.journals.items() if other != path})
    return lock, tuple(actions)


def _lost_revocations(lock: Lock, authority: str, journal: Journal, now: int) -> Iterator[Draft]:
    """What the lock's CRLs revoke and the journal has lost: no loss makes a certificate valid again.

    Nothing else is known of such a certificate, so it stays in the CRLs for good.
    """
    recorded = {one.serial for one in journal.revocations()}
    crl = f"authority/{authority}/crl"
    for node in lock.ids():
        entry = lock.entry(node) if node == crl or node.startswith(f"{crl}@") else None
        if entry is None or not isinstance(entry.facts, CrlFacts):
            continue
        for one in entry.facts.revoked:
            if one.serial in recorded:
                continue
            recorded.add(one.serial)
            id = f"openssl/{authority}/{one.serial}"
            if not journal.has_serial(one.serial):
                detail = {"issuer_generation": entry.generation} if (entry.generation or 1) != 1 else None
                yield draft("issue", now, id, serial=one.serial, not_after=END_OF_TIME, detail=detail)
            yield draft("revoke", now, id, serial=one.serial, detail={"on": one.on, "reason": one.reason})
