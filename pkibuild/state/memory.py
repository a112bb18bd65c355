"""Large documents as the last run read them, so that one edit among ten thousand hosts is all that is parsed.

Local and uncommitted (`.cache/documents`). It is believed only where it was written: a folder's run lock is made when
something is first built there, and its inode and times cannot be foreseen. So what a repository brings along, written
by somebody else to say what a manifest does not, counts for nothing.
"""

from __future__ import annotations

import marshal

from pkibuild import __version__
from pkibuild.documents.known import Known, Memory
from pkibuild.quick import Signature, signature
from pkibuild.world.files import Tree

PATH = ".cache/documents"
FORMAT = 1
RUN_LOCK = ".cache/run.lock"


def read(tree: Tree) -> Memory:
    """What is remembered; nothing when there is none, or it is of another version or folder, or damaged."""
    data = tree.read(PATH)
    home = _home(tree)
    if data is None or home is None:
        return Memory()
    try:
        version, place, documents = marshal.loads(data)  # noqa: S302 - our own file, mode 0600, in a folder of ours
        if (version, place) != ((FORMAT, __version__), home):
            return Memory()
        return Memory({path: Known(*known) for path, known in documents.items()})
    except (ValueError, EOFError, TypeError, AttributeError):
        return Memory()


def write(tree: Tree, memory: Memory) -> None:
    """Keep what this run has read, if it is not what was remembered. Raises UserError."""
    home = _home(tree)
    if home is not None and memory.has_news:
        documents = {path: (one.text, one.data, one.starts) for path, one in memory.now.items()}
        tree.write(PATH, marshal.dumps(((FORMAT, __version__), home, documents)), 0o600)


def _home(tree: Tree) -> Signature | None:
    return signature(f"{tree.root}/{RUN_LOCK}")
