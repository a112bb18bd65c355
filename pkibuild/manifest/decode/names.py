"""Subject alternative names in normal form, or why a text is none (RFC 5280 4.2.1.6, RFC 1034 3.5, RFC 5891)."""

from __future__ import annotations

import re

MAX_NAME = 253
"""Octets of a DNS name (RFC 1035 2.3.4, less the length octets of first label and root)."""

_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NORMAL = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
"""A DNS name that is in normal form already and has no A-label: nearly every one."""
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST_OF_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::[0-9]*)?(?:[/?#]|\Z)")


class BadName(ValueError):
    """Why a text is no such name, in words for a message; `hint` says what to write."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


def normal_dns(text: str, *, wildcard: bool = True) -> str:
    """A DNS name in lower-case A-labels, without a trailing dot. Raises BadName."""
    if len(text) <= MAX_NAME and _NORMAL.fullmatch(text):
        return text
    _refuse_what_is_no_name(text)
    name = text.lower()
    if name.endswith("."):
        name = name[:-1]
    star = name == "*" or name.startswith("*.")
    base = name[2:] if star else name
    if star:
        _check_wildcard(base, wildcard)
    elif "*" in base:
        raise BadName("a wildcard stands alone and in the left-most label only (RFC 9525 6.3)")
    if not base.isascii() or "xn--" in base:
        base = _to_a_labels(base)
    _check_labels(base)
    name = f"*.{base}" if star else base
    if len(name) > MAX_NAME:
        raise BadName(f"the name has {len(name)} octets, and at most {MAX_NAME} are allowed (RFC 1035 2.3.4)")
    return name


def _refuse_what_is_no_name(text: str) -> None:
    if not text:
        raise BadName("it is empty")
    if "://" in text:
        raise BadName("it is a URL", "write the name alone, such as `www.abc.com`")
    for character in text:
        if character.isspace() or not character.isprintable():
            raise BadName("it has a blank or a control character in it")
    if "/" in text:
        raise BadName("it has a `/` in it", "write a name, without a path and without a network's prefix length")
    if ":" in text:
        raise BadName("it has a `:` in it", "write the name without a port")
    if "@" in text:
        raise BadName("it is an e-mail address", "write it under `names.email` of a certificate")


def _check_wildcard(base: str, allowed: bool) -> None:
    if not allowed:
        raise BadName("a wildcard cannot stand here", "put it into `aliases`")
    if "*" in base:
        raise BadName("a wildcard stands in the left-most label only (RFC 9525 6.3)")
    if "." not in base.strip("."):
        raise BadName("a wildcard over a single label matches too much (RFC 9525 6.3)", "name a domain, as `*.abc.com`")


def _check_labels(base: str) -> None:
    labels = base.split(".")
    for label in labels:
        if not label:
            raise BadName("it has an empty label (a dot too many)")
        if len(label) > 63:
            raise BadName(f"the label `{label[:16]}…` has {len(label)} octets, and at most 63 are allowed")
        if "_" in label:
            raise BadName("an underscore cannot stand in a host's name (RFC 1034 3.5)")
        if label[0] == "-" or label[-1] == "-":
            raise BadName(f"the label `{label}` begins or ends with a hyphen (RFC 1034 3.5)")
        if label[2:4] == "--" and not label.startswith("xn--"):
            raise BadName(f"the label `{label}` has `--` where an A-label has it (RFC 5890 2.3.1)")
        if not re.fullmatch(r"[a-z0-9-]+", label):
            raise BadName(f"the label `{label}` has a character in it that no host name may have (RFC 1034 3.5)")
    if labels[-1].isdigit():
        raise BadName("its last label is a number, and yet it is not an IP address")


def _to_a_labels(base: str) -> str:
    import unicodedata

    import idna

    labels = []
    for label in unicodedata.normalize("NFC", base).split("."):
        try:
            if label.startswith("xn--"):
                if idna.alabel(idna.ulabel(label)).decode("ascii") != label:
                    raise BadName(f"the label `{label[:40]}` is not the A-label of any name (RFC 5891)")
                labels.append(label)
            else:
                labels.append(label if label.isascii() else idna.alabel(label).decode("ascii"))
        except (idna.IDNAError, UnicodeError) as error:
            raise BadName(
                f"the label `{label[:40]}` is not a valid internationalised name: {_short(error)} (RFC 5891)"
            ) from None
    return ".".join(labels)


def _short(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return text[:1].lower() + text[1:80].rstrip(".")


def address_in(text: str) -> str | None:
    """The address in normal form (RFC 5952), where the text is one; None when it is none."""
    if _IPV4.fullmatch(text):
        return text
    if ":" not in text or "/" in text or "%" in text:
        return None
    import ipaddress

    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def normal_ip(text: str) -> str:
    """An IP address in normal form. Raises BadName."""
    found = address_in(text)
    if found is not None:
        return found
    if "/" in text:
        raise BadName("it is a network, not an address", "write one address, without a prefix length")
    if "%" in text:
        raise BadName("an address in a certificate has no scope (RFC 4007)", "take `%…` off")
    if re.fullmatch(r"[0-9.]+", text):
        raise BadName("IPv4 is four numbers from 0 to 255, without leading zeros")
    if ":" in text:
        raise BadName("it is not written as IPv6 is (RFC 4291 2.2)")
    raise BadName("it has no numbers of an address", "a name belongs into `aliases`, or `names.dns` of a certificate")


def normal_network(text: str) -> str:
    """A network in CIDR notation; a single address stands for itself alone. Raises BadName."""
    import ipaddress

    if "%" in text:
        raise BadName("a network has no scope (RFC 4007)", "take `%…` off")
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        if "host bits" in str(error):
            meant = ipaddress.ip_network(text, strict=False)
            raise BadName("it has bits set beyond its prefix length", f"did you mean `{meant}`?") from None
        raise BadName("it is not a valid network", "write it as `192.0.2.0/24` or `2001:db8::/32`") from None


def normal_email(text: str) -> str:
    """A mailbox with its domain in lower case. Raises BadName."""
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise BadName("it is not a valid e-mail address", "write it as `alice@abc.com`")
    if not text.isascii():
        raise BadName("an e-mail address in a certificate is ASCII (RFC 5280 A.1)", "write the domain as A-labels")
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        raise BadName("what stands before the `@` is not a valid local part (RFC 5321 4.1.2)")
    normal = f"{local}@{normal_dns(domain, wildcard=False)}"
    if len(normal) > 254:
        raise BadName("it has more than 254 octets (RFC 5321 4.5.3.1.3)")
    return normal


def normal_uri(text: str) -> str:
    """An absolute URI, its scheme in lower case. Raises BadName."""
    if not text.isascii() or not _URI.fullmatch(text):
        raise BadName("it is not an absolute URI (RFC 3986)", "write scheme and all, such as `spiffe://abc.com/web`")
    host = host_of(text)
    if host is not None:
        _check_host(host)
    scheme, _, rest = text.partition(":")
    return f"{scheme.lower()}:{rest}"


def host_of(uri: str) -> str | None:
    """The host that a URI names, None when it has no authority part."""
    found = _HOST_OF_URI.match(uri)
    return found[1] if found else None


def _check_host(host: str) -> None:
    if host.startswith("["):
        normal_ip(host[1:-1])
    elif address_in(host) is None:
        normal_dns(host, wildcard=False)


def http_url(text: str) -> str:
    """An http URL that a certificate may point to. Raises BadName."""
    scheme = text.partition(":")[0].lower()
    if scheme in ("https", "ldap", "ldaps", "ftp") and "://" in text:
        raise BadName(
            f"clients fetch it over http, not {scheme} (RFC 5280 4.2.1.13)",
            "write `http://…`: what is fetched is signed, and TLS here would need itself",
        )
    if scheme != "http" or "://" not in text:
        raise BadName("it is not an http URL", "write it as `http://pki.abc.com/myrootca.crl`")
    host = host_of(text)
    if not host:
        raise BadName("it names no host", "write it as `http://pki.abc.com/myrootca.crl`")
    return normal_uri(text)
