"""Large documents as the last run read them (`store`): of ten thousand hosts only the edited one is parsed."""

from __future__ import annotations

from pkibuild.cache.store import load, save
from pkibuild.documents.yaml.reparse import ParsedDocument, ParsedDocuments
from pkibuild.world.tree import Tree

PATH = ".cache/documents"
FORMAT = 3


def read(tree: Tree) -> ParsedDocuments:
    """What is remembered; nothing when there is none, or it is of another version or folder, or damaged."""
    return ParsedDocuments(load(tree, PATH, FORMAT, dict[str, ParsedDocument]) or {})


def write(tree: Tree, documents: ParsedDocuments) -> None:
    """Keep what this run has read, if it is not what was remembered. Raises UserError."""
    if documents.has_changed:
        save(tree, PATH, FORMAT, documents.now)
