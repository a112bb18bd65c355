"""The subject of a DER certificate as OpenSSL writes it into its index: `/C=TW/O=ABC Company/CN=www.abc.com`.

`openssl ca -revoke` compares this text with what it makes of the certificate and refuses when a byte differs, hence
from the DER and with OpenSSL's own escaping (X509_NAME_oneline of OpenSSL 3). A few hundred bytes are walked by hand:
rendering an index of ten thousand rows must not import cryptography.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "0.9.2342.19200300.100.1.1": "UID",
        "0.9.2342.19200300.100.1.3": "mail",
        "0.9.2342.19200300.100.1.25": "DC",
        "1.2.840.113549.1.9.1": "emailAddress",
        "1.2.840.113549.1.9.2": "unstructuredName",
        "1.2.840.113549.1.9.8": "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
        "2.5.4.3": "CN",
        "2.5.4.4": "SN",
        "2.5.4.5": "serialNumber",
        "2.5.4.6": "C",
        "2.5.4.7": "L",
        "2.5.4.8": "ST",
        "2.5.4.9": "street",
        "2.5.4.10": "O",
        "2.5.4.11": "OU",
        "2.5.4.12": "title",
        "2.5.4.13": "description",
        "2.5.4.15": "businessCategory",
        "2.5.4.16": "postalAddress",
        "2.5.4.17": "postalCode",
        "2.5.4.18": "postOfficeBox",
        "2.5.4.19": "physicalDeliveryOfficeName",
        "2.5.4.20": "telephoneNumber",
        "2.5.4.23": "facsimileTelephoneNumber",
        "2.5.4.41": "name",
        "2.5.4.42": "GN",
        "2.5.4.43": "initials",
        "2.5.4.44": "generationQualifier",
        "2.5.4.45": "x500UniqueIdentifier",
        "2.5.4.46": "dnQualifier",
        "2.5.4.51": "houseIdentifier",
        "2.5.4.54": "dmdName",
        "2.5.4.65": "pseudonym",
        "2.5.4.72": "role",
        "2.5.4.97": "organizationIdentifier",
        "2.5.4.98": "c3",
    }
)
"""OpenSSL's short names (`openssl list -objects`) of what stands in names; anything else is written as dotted OID."""

_GENERAL_STRING = 27
_PLAIN = re.compile(rb"[ -*,-.0-~]*").fullmatch
"""Nothing that needs an escape."""


def subject(der: bytes) -> str:
    """OpenSSL's one-line form of a DER certificate's subject. Raises ValueError."""
    try:
        _, at, end = _read(der, 0)  # Certificate
        if end > len(der):
            raise IndexError
        _, at, _ = _read(der, at)  # TBSCertificate
        tag, _, end = _read(der, at)
        if tag == 0xA0:  # version
            at = end
        for _ in range(4):  # serialNumber, signature, issuer, validity
            _, _, at = _read(der, at)
        return _name(der, at)
    except IndexError:
        raise ValueError("the certificate ends too early") from None


def _read(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the value at `at`."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return tag, start, start + length


def _inside(der: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Of each value in the one at `at`: where it starts, where what is in it does, and where it ends."""
    _, start, end = _read(der, at)
    while start < end:
        _, inner, after = _read(der, start)
        yield start, inner, after
        start = after


def _name(der: bytes, at: int) -> str:
    return "".join([_relative(der[start:end]) for start, _, end in _inside(der, at)])


@lru_cache(maxsize=64)  # all but the common name are the same in very many subjects
def _relative(rdn: bytes) -> str:
    """A relative distinguished name, which is a set of attributes."""
    text = []
    for number, (_, start, end) in enumerate(_inside(rdn, 0)):
        _, first, last = _read(rdn, start)
        tag, value, _ = _read(rdn, last)
        text.append(f"{'+' if number else '/'}{_short(rdn[first:last])}={_escape(tag, rdn[value:end])}")
    return "".join(text)


@lru_cache(maxsize=64)  # likewise
def _short(oid: bytes) -> str:
    numbers: list[int] = []
    value = 0
    for byte in oid:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    top = min(numbers[0] // 40, 2)
    dotted = ".".join(map(str, [top, numbers[0] - 40 * top, *numbers[1:]]))
    return _SHORT.get(dotted, dotted)


def _escape(tag: int, value: bytes) -> str:
    if tag == _GENERAL_STRING and len(value) % 4 == 0 and not (any(value[0::4] + value[1::4] + value[2::4])):
        value = value[3::4]  # OpenSSL takes it for four bytes a character
    if _PLAIN(value):
        return value.decode("ascii")
    return "".join([_character(byte) for byte in value])


def _character(byte: int) -> str:
    if byte in b"/+":
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte <= 0x7E else f"\\x{byte:02X}"
