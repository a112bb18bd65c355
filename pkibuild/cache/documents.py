"""Large documents as the last run read them (`local`): of ten thousand hosts only the edited one is parsed."""

from __future__ import annotations

from pkibuild.cache.store import keep, recall
from pkibuild.documents.yaml.known import Known, Memory
from pkibuild.world.tree import Tree

PATH = ".cache/documents"
FORMAT = 2


def read(tree: Tree) -> Memory:
    """What is remembered; nothing when there is none, or it is of another version or folder, or damaged."""
    documents = recall(tree, PATH, FORMAT)
    try:
        return Memory({path: Known(*known) for path, known in documents.items()})
    except (TypeError, AttributeError):
        return Memory()


def write(tree: Tree, memory: Memory) -> None:
    """Keep what this run has read, if it is not what was remembered. Raises UserError."""
    if memory.has_news:
        documents = {path: (one.text, one.data, one.starts) for path, one in memory.now.items()}
        keep(tree, PATH, FORMAT, documents)
