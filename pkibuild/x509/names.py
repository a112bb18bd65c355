"""Distinguished names and general names: the manifest's words into `cryptography`'s objects, and back."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from cryptography import x509

from pkibuild.keys.backend import quietly
from pkibuild.model.manifest import Attributes, Names, Subtrees
from pkibuild.x509.attributes import ATTRIBUTES, BY_OID, problem_of

_OIDS = {name: x509.ObjectIdentifier(one.oid) for name, one in ATTRIBUTES.items()}


def build_name(attributes: Attributes) -> x509.Name:
    """The distinguished name, one attribute in each RDN, in the order given.

    String types are the library's defaults, which are those of `attributes` (a test holds them together). Raises
    ValueError for what cannot be encoded.
    """
    return x509.Name([_rdn(name, value) for name, value in attributes])


@lru_cache(maxsize=256)  # a pure function: the names of a fleet share all but their last part, and that costs
def _rdn(name: str, value: str) -> x509.RelativeDistinguishedName:
    problem = problem_of(name, value)
    if problem:
        raise ValueError(f"`{name}` of a subject cannot be written: {problem}")
    return x509.RelativeDistinguishedName([_attribute(name, value)])


def _attribute(name: str, value: str) -> x509.NameAttribute[str]:
    try:
        return x509.NameAttribute(_OIDS[name], value)
    except ValueError:
        # RFC 5280 A.1 bounds a common name in characters, the library in bytes of UTF-8: 22 Chinese characters are
        # too many for it. `problem_of` has checked the bound; unchecked, the library only warns.
        with quietly():
            return x509.NameAttribute(_OIDS[name], value, _validate=False)


def attributes_of(name: x509.Name) -> Attributes:
    """Every attribute in order; an unknown type by its dotted OID, a value that is no text as `#` and hex."""
    return tuple((_name_of(one.oid.dotted_string), _text(one.value)) for one in name)


def _name_of(oid: str) -> str:
    known = BY_OID.get(oid)
    return known.name if known else oid


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else "#" + value.hex()


def general_names(names: Names) -> list[x509.GeneralName]:
    """DNS names, addresses, e-mail addresses and URIs, in this order. Raises ValueError."""
    found: list[x509.GeneralName] = [x509.DNSName(one) for one in names.dns]
    if names.ip:
        found += [x509.IPAddress(ipaddress.ip_address(one)) for one in names.ip]
    if names.email:
        found += [x509.RFC822Name(one) for one in names.email]
    if names.uri:
        found += [x509.UniformResourceIdentifier(one) for one in names.uri]
    return found


def names_of(general: Iterable[x509.GeneralName]) -> Names:
    """What a certificate's alternative names say, host names in lower case; other kinds of names are left out."""
    dns, ip, email, uri = [], [], [], []
    for one in general:
        if isinstance(one, x509.DNSName):
            dns.append(one.value.lower())
        elif isinstance(one, x509.IPAddress):
            ip.append(str(one.value))
        elif isinstance(one, x509.RFC822Name):
            email.append(one.value)
        elif isinstance(one, x509.UniformResourceIdentifier):
            uri.append(one.value)
    return Names(tuple(dns), tuple(ip), tuple(email), tuple(uri))


def subtree_names(subtrees: Subtrees) -> list[x509.GeneralName] | None:
    """The names of a constraint (RFC 5280 4.2.1.10), None where there is none. Raises ValueError."""
    found: list[x509.GeneralName] = [x509.DNSName(one) for one in subtrees.dns]
    found += [x509.IPAddress(ipaddress.ip_network(one)) for one in subtrees.ip]
    found += [x509.RFC822Name(one) for one in subtrees.email]
    return found or None


def subtrees_of(general: Iterable[x509.GeneralName] | None) -> Subtrees:
    names = names_of(general or ())
    return Subtrees(names.dns, names.ip, names.email)
