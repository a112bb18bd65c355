"""All journals of an output folder together: the newest entry of a certificate, whoever issued it."""

from __future__ import annotations

from pkibuild.state.journal.entries import JournalEntry
from pkibuild.state.journal.journal import Journal, parse
from pkibuild.world.tree import Tree

TOP = "journal.jsonl"
"""The journal of self-signed and external certificates."""


def journal_of(authority: str) -> str:
    """The output path of an authority's journal."""
    return f"authorities/{authority}/journal.jsonl"


class Histories:
    """Journals by their output path, read when first asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._read: dict[str, Journal] = {}
        self._paths: list[str] | None = None

    def at(self, path: str) -> Journal:
        """The journal at a path; an empty one when there is none. Raises UserError when it is damaged."""
        if path not in self._read:
            self._read[path] = parse(self._tree.read(path) or b"", f"{self._tree.root}/{path}")
        return self._read[path]

    def put(self, path: str, journal: Journal) -> None:
        """What a journal holds by now, known without reading it."""
        self._read[path] = journal

    def paths(self) -> list[str]:
        """Every journal of the folder, those of authorities no longer declared too."""
        if self._paths is None:
            names = [name[:-1] for name in self._tree.list("authorities") if name.endswith("/")]
            found = [journal_of(name) for name in names] + [TOP]
            self._paths = [path for path in found if self._tree.stat(path) is not None]
        return self._paths

    def newest(self, certificate: str) -> JournalEntry | None:
        """The newest entry of a certificate's node in any journal."""
        best: JournalEntry | None = None
        for path in self.paths():
            found = self.at(path).newest(certificate)
            if found is not None and (
                best is None or (found.time, found.not_before or 0) >= (best.time, best.not_before or 0)
            ):
                best = found
        return best
