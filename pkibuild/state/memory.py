"""Large documents as the last run read them, so that one edit among ten thousand hosts is all that is parsed.

Local and uncommitted (`.cache/documents`), and believed only where it was written (`quick.seal`).
"""

from __future__ import annotations

from pkibuild.documents.known import Known, Memory
from pkibuild.quick import seal, sealed, unseal
from pkibuild.world.files import Tree

PATH = ".cache/documents"
FORMAT = 2


def read(tree: Tree) -> Memory:
    """What is remembered; nothing when there is none, or it is of another version or folder, or damaged."""
    data = tree.read(PATH)
    if data is None:
        return Memory()
    try:
        documents = unseal(data, seal(tree.root, PATH, FORMAT))
        return Memory({path: Known(*known) for path, known in documents.items()})
    except (ValueError, EOFError, TypeError, AttributeError):
        return Memory()


def write(tree: Tree, memory: Memory) -> None:
    """Keep what this run has read, if it is not what was remembered. Raises UserError."""
    first = seal(tree.root, PATH, FORMAT)
    if first is not None and memory.has_news:
        documents = {path: (one.text, one.data, one.starts) for path, one in memory.now.items()}
        tree.write(PATH, sealed(documents, first), 0o600)
