"""Files put together from keys and certificates: chains, DER forms, key and chain in one.

A bundle is compared by what it holds, part by part: `cert:DIGEST` for a certificate, `key:DIGEST` (of the public
half) for a key. So it can be compared with the lock as well as with the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from pkibuild.keys import pem
from pkibuild.model import layout
from pkibuild.model.desired import KEY_MODE, BundleWant, Rights
from pkibuild.model.manifest import Declaration

PARTS: dict[str, tuple[str, ...]] = {
    "fullchain": ("leaf", "chain"),
    "chain": ("chain",),
    "der": ("leaf",),
    "combined": ("key", "leaf", "chain"),
}


def bundle_of(declaration: Declaration, kind: str, rights: Rights) -> BundleWant:
    """The bundle of one of the formats that a declaration can ask for; `rights` are those of its certificate."""
    parts = PARTS[kind]
    return BundleWant(
        id=f"{declaration.id}/{kind}",
        kind=kind,
        path=layout.output_path(declaration, kind),
        parts=parts,
        pair=declaration.id,
        rights=Rights(rights.owner, rights.group, KEY_MODE) if "key" in parts else rights,
        der=kind == "der",
        place=declaration.place,
    )


def assemble(blocks: Sequence[pem.Block], der: bool) -> bytes:
    """The bytes of a bundle from its parts."""
    if der:
        return blocks[0].der()
    return b"".join(block.text.strip() + b"\n" for block in blocks)
