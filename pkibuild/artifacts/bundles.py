"""Files put together from keys and certificates: chains, DER forms, key and chain in one.

A bundle is compared by what it holds, part by part: `cert:DIGEST` for a certificate, `key:DIGEST` (of the public
half) for a key. So it can be compared with the lock as well as with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from pkibuild import layout
from pkibuild.artifacts.wants import KEY_MODE, BundleWant, Rights
from pkibuild.model import Declaration
from pkibuild.x509 import pem

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


def certificate_part(fingerprint: str) -> str:
    return f"cert:{fingerprint}"


def key_part(public: str) -> str:
    return f"key:{public}"


def parts_in(data: bytes, der: bool, public_of: Callable[[bytes], str]) -> tuple[str, ...]:
    """What a file holds, part by part. `public_of` tells the public digest of a private key's PEM block.

    Raises ValueError where the file is damaged.
    """
    if der:
        return (certificate_part(hashlib.sha256(data).hexdigest()),)
    found: list[str] = []
    for block in pem.blocks(data):
        if block.is_private_key:
            found.append(key_part(public_of(block.text)))
        else:
            found.append(certificate_part(hashlib.sha256(block.der()).hexdigest()))
    if data and not found:
        raise ValueError("there is neither a key nor a certificate in it")
    return tuple(found)


def assemble(blocks: Sequence[pem.Block], der: bool) -> bytes:
    """The bytes of a bundle from its parts."""
    if der:
        return blocks[0].der()
    return b"".join(block.text.strip() + b"\n" for block in blocks)
