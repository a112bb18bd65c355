"""What a bundle holds, part by part: `cert:DIGEST` for a certificate, `key:DIGEST` (of its public half) for a key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pkibuild.keys import pem


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
