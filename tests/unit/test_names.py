"""Names in normal form, or refused: what the table of bad inputs does not show."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.manifest.decode.names import (
    BadName,
    address_in,
    http_url,
    normal_dns,
    normal_email,
    normal_ip,
    normal_network,
    normal_uri,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("www.abc.com", "www.abc.com"),
        ("WWW.ABC.com.", "www.abc.com"),
        ("localhost", "localhost"),
        ("*.abc.com", "*.abc.com"),
        ("*.Bücher.example.", "*.xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("XN--FA-HIA.de", "xn--fa-hia.de"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("1.example", "1.example"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        (".".join(["a" * 49] * 5) + ".abc", ".".join(["a" * 49] * 5) + ".abc"),
    ],
)
def test_dns_names(text: str, normal: str) -> None:
    assert normal_dns(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "a..b", ".a", "a b", " a", "a\n", "a\tb", "a\u00a0b", "a\u200bb", "a_b.c", "-a.b", "a-.b",
        "ab--cd.e", "xn--a.b", "xn--zz--.b", "xn--.b", "*", "*.", "*.com", "*.localhost.", "a.*.b", "f*.b.c", "*.*.b.c",
        "**.b.c", "x" * 64, ".".join(["a" * 49] * 6), "10.0.0.300", "1.2.3", "0300.1.1.1", "a:443", "a/b", "a@b.c",
        "http://a.b", "☃.net", "😀.com", "www。abc.com", "a..", "a;b", "a$b.c", "a'b", "ü" * 64 + ".de",
    ],
)  # fmt: skip
def test_what_is_no_dns_name(text: str) -> None:
    with pytest.raises(BadName):
        normal_dns(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("192.0.2.1", "192.0.2.1"), ("2001:DB8:0::0:1", "2001:db8::1"), ("::", "::"),
     ("255.255.255.255", "255.255.255.255")],
)  # fmt: skip
def test_addresses(text: str, normal: str) -> None:
    assert normal_ip(text) == normal


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4.", "01.2.3.4", "256.1.1.1", "1.2.3.4/32", "fe80::1%eth0", "www", "::g", "1.2.3.4\n"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadName):
        normal_ip(text)


@given(st.ip_addresses())
def test_every_address_is_known(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert address_in(str(address)) == str(address)
    assert address_in(address.exploded) == str(address)


@given(st.from_regex(r"[0-9.]{1,16}", fullmatch=True))
def test_ipv4_is_judged_as_by_the_standard_library(text: str) -> None:
    try:
        expected: str | None = str(ipaddress.IPv4Address(text))
    except ValueError:
        expected = None
    assert address_in(text) == expected


@pytest.mark.parametrize(
    ("text", "normal"),
    [("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.0/255.255.255.0", "192.0.2.0/24"), ("192.0.2.7", "192.0.2.7/32"),
     ("2001:DB8::/32", "2001:db8::/32"), ("0.0.0.0/0", "0.0.0.0/0")],
)  # fmt: skip
def test_networks(text: str, normal: str) -> None:
    assert normal_network(text) == normal


def test_network_with_bits_beyond_its_prefix() -> None:
    with pytest.raises(BadName) as caught:
        normal_network("192.0.2.10/24")
    assert caught.value.hint == "did you mean `192.0.2.0/24`?"


@pytest.mark.parametrize("text", ["", "a", "192.0.2.0/33", "fe80::%1/64", "1.2.3.0/24/24"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(BadName):
        normal_network(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("alice@ABC.com", "alice@abc.com"), ("Al.Ice+x@abc.com", "Al.Ice+x@abc.com"),
     ("a@xn--bcher-kva.de", "a@xn--bcher-kva.de")],
)  # fmt: skip
def test_email(text: str, normal: str) -> None:
    assert normal_email(text) == normal


@pytest.mark.parametrize(
    "text",
    ["", "a", "@b.c", "a@", "a b@c.d", "a..b@c.d", ".a@b.c", "ä@b.c", "a@bücher.de", "a@*.b.c", '"a"@b.c',
     "a@[1.2.3.4]",
     "a" * 65 + "@b.c", "a@b.c\n", "a" * 10 + "@" + ".".join(["b" * 60] * 4) + ".com"],
)  # fmt: skip
def test_what_is_no_email(text: str) -> None:
    with pytest.raises(BadName):
        normal_email(text)


@pytest.mark.parametrize(
    "text", ["spiffe://abc.com/web", "urn:uuid:1", "https://[::1]:8/x?y#z", "tel:+1", "ldap://1.2.3.4/"]
)
def test_uris(text: str) -> None:
    assert normal_uri(text) == text


@pytest.mark.parametrize(
    "text", ["", "abc", "//abc.com", "http://a b", "http://a_b/", "http://ü/", "1:x", "x:", "http://x\n"]
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(BadName):
        normal_uri(text)


@pytest.mark.parametrize("text", ["http://pki.abc.com/a.crl", "http://[2001:db8::1]/a", "HTTP://a/"])
def test_http_urls(text: str) -> None:
    assert http_url(text) == "http" + text[4:]


@pytest.mark.parametrize(
    "text", ["https://a/", "ldap://a/", "http:a", "http:///a", "http://", "file:///a", "a", "http://a b/"]
)
def test_what_is_no_http_url(text: str) -> None:
    with pytest.raises(BadName):
        http_url(text)


LIKE_NAMES = st.text(alphabet="ab-.*_X1üßé例:/@% []xn", max_size=20)


@given(
    st.sampled_from([normal_dns, normal_ip, normal_network, normal_email, normal_uri, http_url]),
    LIKE_NAMES | st.text(max_size=20),
)
def test_normal_forms_are_stable(normal: Callable[[str], str], text: str) -> None:
    """Whatever is accepted is in normal form once it was brought there, and nothing ends in another exception."""
    try:
        once = normal(text)
    except BadName:
        return
    assert normal(once) == once
    assert once.isascii()
    assert once.isprintable()
    assert " " not in once


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda one: one[2:4] != "--")


@given(st.lists(LABELS, min_size=1, max_size=6), st.sampled_from(["", "."]), st.booleans())
def test_every_plain_name_is_accepted(labels: list[str], dot: str, upper: bool) -> None:
    name = ".".join([*labels, "com"])
    assert normal_dns((name.upper() if upper else name) + dot) == name


def test_long_text_is_judged_in_linear_time() -> None:
    for text in ("a" * 200_000, "a-" * 100_000, "a." * 100_000, "1." * 100_000, "*" * 200_000, "::" * 100_000):
        for normal in (normal_dns, normal_ip, normal_email, normal_uri, http_url):
            with pytest.raises(BadName):
                normal(text)
