"""Large documents as the last run read them (`local`): of ten thousand hosts only the edited one is parsed."""

from __future__ import annotations

from pkibuild.cache.store import keep, recall
from pkibuild.documents.yaml.reparse import ParsedDocument, ParsedDocuments
from pkibuild.world.tree import Tree

PATH = ".cache/documents"
FORMAT = 2


def read(tree: Tree) -> ParsedDocuments:
    """What is remembered; nothing when there is none, or it is of another version or folder, or damaged."""
    documents = recall(tree, PATH, FORMAT)
    try:
        return ParsedDocuments({path: ParsedDocument(*known) for path, known in documents.items()})
    except (TypeError, AttributeError):
        return ParsedDocuments()


def write(tree: Tree, memory: ParsedDocuments) -> None:
    """Keep what this run has read, if it is not what was remembered. Raises UserError."""
    if memory.has_changed:
        documents = {path: (one.text, one.data, one.starts) for path, one in memory.now.items()}
        keep(tree, PATH, FORMAT, documents)
