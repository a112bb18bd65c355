"""PEM (RFC 7468): base64 between lines, nothing more. Needs no cryptography."""

from __future__ import annotations

import binascii
import re

from pkibuild.core.values import Record

CERTIFICATE = "CERTIFICATE"
CRL = "X509 CRL"
PUBLIC_KEY = "PUBLIC KEY"
PRIVATE_KEY = "PRIVATE KEY"
ENCRYPTED_PRIVATE_KEY = "ENCRYPTED PRIVATE KEY"

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_HEADER = re.compile(rb"\A\s*(?:[A-Za-z0-9-]+:.*(?:\r?\n[ \t]+.*)*\r?\n)+\s*?\r?\n")


class Block(Record):
    """One block of a PEM file. Shown without its content, which may be a key."""

    label: str
    text: bytes
    """The whole block, its first and last line included."""
    body: bytes
    """What stands between them: headers of RFC 1421, if any, and base64."""

    UNPRINTED = frozenset({"text", "body"})

    @property
    def encrypted(self) -> bool:
        """Whether it is a private key under a passphrase (RFC 5958, or the traditional form of OpenSSL)."""
        return self.label == ENCRYPTED_PRIVATE_KEY or b"4,ENCRYPTED" in self.body

    @property
    def is_private_key(self) -> bool:
        return self.label.endswith(PRIVATE_KEY)

    def der(self) -> bytes:
        """The decoded bytes. Raises ValueError."""
        payload = _HEADER.sub(b"", self.body)
        try:
            return binascii.a2b_base64(b"".join(payload.split()), strict_mode=True)
        except binascii.Error:
            raise ValueError(f"the PEM block `{self.label}` is damaged: it is not base64") from None


def to_block(der: bytes, label: str) -> Block:
    """One block with lines of 64 characters (RFC 7468 2)."""
    text = binascii.b2a_base64(der, newline=False)
    body = b"\n".join([*(text[at : at + 64] for at in range(0, len(text), 64)), b""])
    name = label.encode("ascii")
    return Block(label, b"-----BEGIN %b-----\n%b-----END %b-----\n" % (name, body, name), body)


def to_pem(der: bytes, label: str) -> bytes:
    """The text of `to_block`."""
    return to_block(der, label).text


def blocks(data: bytes) -> list[Block]:
    """Every block of a file; text around them is passed over. Raises ValueError where one has no end."""
    found: list[Block] = []
    label = b""
    begin = body = position = 0
    for line in data.splitlines(keepends=True):
        text = line.strip()
        if text.startswith(_BEGIN) and text.endswith(_DASHES):
            if label:
                break
            label = text[len(_BEGIN) : -len(_DASHES)]
            begin, body = position, position + len(line)
        elif label and text.startswith(_END):
            if text != _END + label + _DASHES:
                break
            found.append(
                Block(label.decode("ascii", "replace"), data[begin : position + len(line)], data[body:position])
            )
            label = b""
        position += len(line)
    if label:
        raise ValueError("a PEM block begins and does not end as it should")
    return found


def from_pem(data: bytes) -> list[tuple[str, bytes]]:
    """`(label, DER)` of every block. Raises ValueError where one is damaged."""
    return [(block.label, block.der()) for block in blocks(data)]


def only_der(data: bytes, label: str) -> bytes:
    """The DER of the first block with this label; data that is no PEM at all is taken for DER. Raises ValueError."""
    if b"-----BEGIN " not in data:
        return data
    for block in blocks(data):
        if block.label == label:
            return block.der()
    raise ValueError(f"there is no PEM block `{label}` in it")
