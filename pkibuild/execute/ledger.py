"""Where what was issued is written down: a line in a journal is the commit point of a certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pkibuild.state.journal.histories import Histories
from pkibuild.state.journal.journal import Draft, Writer
from pkibuild.world.tree import Tree

Drafts = list[tuple[str, Draft]]
"""Output paths of journals, and what each is to say."""


class Ledger(Protocol):
    """Takes lines, and brings them to the disk."""

    def add(self, path: str, line: Draft) -> None: ...

    def commit(self) -> None:
        """The commit point: every line that was added is on the disk afterwards. Raises UserError."""
        ...


class Journals:
    """The journals themselves: one process alone binds their lines and writes them."""

    def __init__(self, tree: Tree, histories: Histories) -> None:
        self._tree = tree
        self._histories = histories
        self._writers: dict[str, Writer] = {}
        self._unsure: set[str] = set()
        """Journals of which it is not known how much of the last lines was written."""

    def writer(self, path: str) -> Writer:
        """What continues a journal; a torn line at its end is cut off first."""
        if path not in self._writers:
            journal = self._histories.at(path)
            if journal.torn_at is not None:
                self._tree.truncate(path, journal.torn_at)
            self._writers[path] = Writer(journal)
        return self._writers[path]

    def add(self, path: str, line: Draft) -> None:
        self.writer(path).add(line)

    def add_all(self, lines: Iterable[tuple[str, Draft]]) -> None:
        for path, line in lines:
            self.add(path, line)

    def commit(self) -> None:
        for path, writer in self._writers.items():
            data = writer.taken()
            if data:
                self._unsure.add(path)
                self._tree.append(path, data)
                self._unsure.discard(path)

    def histories(self) -> Histories:
        """The journals as they are now, those that were written here without reading them again.

        After a run that ended early: without the lines that it did not come to write.
        """
        found = Histories(self._tree)
        for path, writer in self._writers.items():
            if path not in self._unsure and not writer.pending:
                found.put(path, writer.journal())
        return found


class ForwardedDrafts:
    """Journal lines of a worker process, which the main process commits."""

    def __init__(self, ask: Callable[[Drafts], None]) -> None:
        self._ask = ask
        self._lines: Drafts = []

    def add(self, path: str, line: Draft) -> None:
        self._lines.append((path, line))

    def commit(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._ask(lines)
