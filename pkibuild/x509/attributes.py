"""The attributes of a distinguished name: how the manifest spells them, and how a person reads them.

Names and types are those of RFC 4519, upper bounds those of RFC 5280 appendix A.1 (counted in characters), string
types those of RFC 5280 4.1.2.4 and appendix A.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from pkibuild.core.values import Record
from pkibuild.model.manifest import Attributes

StringType = Literal["utf8", "printable", "ia5"]


class Attribute(Record):
    """One attribute type of a distinguished name."""

    name: str
    """As in the manifest."""
    oid: str
    """Dotted object identifier."""
    short: str
    """What a person reads: `CN`."""
    max_length: int
    """Upper bound, in characters."""
    string: StringType = "utf8"
    multi: bool = False
    """Whether a name may hold several of it."""


_IN_DN_ORDER = (
    # Domain components stand at the root of a name (RFC 2247), `com` before `example`.
    Attribute("domain_component", "0.9.2342.19200300.100.1.25", "DC", 63, "ia5", multi=True),
    Attribute("country", "2.5.4.6", "C", 2, "printable"),
    Attribute("state", "2.5.4.8", "ST", 128),
    Attribute("locality", "2.5.4.7", "L", 128),
    Attribute("organization", "2.5.4.10", "O", 64),
    Attribute("unit", "2.5.4.11", "OU", 64, multi=True),
    Attribute("common_name", "2.5.4.3", "CN", 64),
    Attribute("street", "2.5.4.9", "STREET", 128),
    Attribute("postal_code", "2.5.4.17", "postalCode", 40),
    Attribute("business_category", "2.5.4.15", "businessCategory", 128),
    Attribute("organization_identifier", "2.5.4.97", "organizationIdentifier", 256),
    Attribute("title", "2.5.4.12", "title", 64),
    Attribute("given_name", "2.5.4.42", "GN", 32768),
    Attribute("surname", "2.5.4.4", "SN", 32768),
    Attribute("initials", "2.5.4.43", "initials", 32768),
    Attribute("generation_qualifier", "2.5.4.44", "generationQualifier", 32768),
    Attribute("pseudonym", "2.5.4.65", "pseudonym", 128),
    Attribute("user_id", "0.9.2342.19200300.100.1.1", "UID", 256),
    Attribute("serial_number", "2.5.4.5", "serialNumber", 64, "printable"),
    Attribute("dn_qualifier", "2.5.4.46", "dnQualifier", 64, "printable"),
    Attribute("email", "1.2.840.113549.1.9.1", "emailAddress", 255, "ia5", multi=True),
)

ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({one.name: one for one in _IN_DN_ORDER})
"""Every attribute that a manifest may write, by its name there, in the order in which a name is built."""

BY_OID: Mapping[str, Attribute] = MappingProxyType({one.oid: one for one in _IN_DN_ORDER})

_RANK = MappingProxyType({one.name: rank for rank, one in enumerate(_IN_DN_ORDER)})

_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
"""X.680 41.4."""


def in_dn_order(attributes: Iterable[tuple[str, str]]) -> Attributes:
    """The attributes as a name holds them: country first, common name after unit. Equal types keep their order."""
    return tuple(sorted(attributes, key=lambda pair: _RANK.get(pair[0], len(_RANK))))


def problem_of(name: str, value: str) -> str:
    """Why `value` cannot be written as this attribute, in plain words without the value; empty when it can."""
    attribute = ATTRIBUTES[name]
    if not value:
        return "it is empty"
    if len(value) > attribute.max_length:
        return f"it has {len(value)} characters, and at most {attribute.max_length} are allowed (RFC 5280 A.1)"
    if attribute.string == "ia5" and not value.isascii():
        return "only ASCII characters are allowed (RFC 5280 A.1)"
    if attribute.string == "printable" and not _PRINTABLE.issuperset(value):
        return "only letters, digits, spaces and '()+,-./:=? are allowed (PrintableString, RFC 5280 A.1)"
    if name == "country" and len(value) != 2:
        return "a country is a code of two letters (ISO 3166-1)"
    return ""


def format_subject(attributes: Attributes) -> str:
    """`CN=www.abc.com, O=ABC Company, C=TW`: most specific first, values escaped as RFC 4514 2.4 asks."""
    return ", ".join(f"{_short(name)}={escape_value(value)}" for name, value in reversed(attributes))


def _short(name: str) -> str:
    known = ATTRIBUTES.get(name)
    return known.short if known else name


_ESCAPED = re.compile(r"""["+,;<>\\]|\A[ #]| \Z""")
"""What RFC 4514 2.4 asks to be escaped in printable text."""


def escape_value(value: str) -> str:
    """An attribute value as RFC 4514 2.4 writes it; control characters too become backslash and hex digits."""
    if value.isprintable() and _ESCAPED.search(value) is None:  # nearly every one
        return value
    escaped = "".join(_escape(character) for character in value)
    if value[:1] in (" ", "#"):
        escaped = "\\" + escaped
    if len(value) > 1 and value[-1] == " ":
        escaped = escaped[:-1] + "\\ "
    return escaped


def _escape(character: str) -> str:
    if character in '"+,;<>\\':
        return "\\" + character
    if character.isprintable():
        return character
    # Not only NUL: a newline or a BIDI control in a foreign certificate must not reach a terminal.
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
