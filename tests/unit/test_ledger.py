"""The ledger: what the journals are known to hold when a run ends early."""

from __future__ import annotations

from pathlib import Path

import pytest

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.execute.ledger import Journals
from pkibuild.state.journal.histories import Histories, journal_of
from pkibuild.state.journal.journal import draft
from pkibuild.world.tree import Tree

PATHS = [journal_of("a"), journal_of("b")]


@pytest.mark.parametrize("fails", [0, 1])
def test_lines_that_were_not_written_are_in_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """Else the lock would know more than the journal, which the next run takes for one that was lost."""
    tree = Tree(str(tmp_path))
    journals = Journals(tree, Histories(tree))
    append = Tree.append

    def limited(tree: Tree, name: str, data: bytes, mode: int = 0o644) -> None:
        if name == PATHS[fails]:
            raise fail("write-failed", "the disk is full")
        append(tree, name, data, mode)

    for path in PATHS:
        journals.add(path, draft("gap", 100, "authority/x"))
    assert [journals.histories().at(path).length for path in PATHS] == [0, 0]
    monkeypatch.setattr(Tree, "append", limited)
    with pytest.raises(UserError):
        journals.commit()
    assert [journals.histories().at(path).length for path in PATHS] == [int(fails > 0), 0]
