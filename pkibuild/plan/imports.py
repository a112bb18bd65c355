"""What plain OpenSSL has done in an authority's folder since the journal was last brought up to date."""

from __future__ import annotations

from pkibuild.state.journal import Journal
from pkibuild.state.openssl import Changes, changes, unknown
from pkibuild.world.files import Tree


def openssl_changes(tree: Tree, authority: str, journal: Journal) -> Changes:
    folder = f"authorities/{authority}"
    index = tree.read(f"{folder}/index.txt")
    if index is None:
        return Changes()
    files = {}
    for name in unknown(tree.list(f"{folder}/newcerts"), journal):
        data = tree.read(f"{folder}/newcerts/{name}")
        if data is not None:
            files[name] = data
    return changes(
        index,
        tree.read(f"{folder}/crlnumber") or b"",
        files,
        journal,
        name=f"{tree.root}/{folder}/index.txt",
    )
