"""PEM files as people have them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.keys import pem


@given(st.binary(max_size=300), st.sampled_from([pem.CERTIFICATE, pem.CRL, pem.PRIVATE_KEY]))
def test_there_and_back(der: bytes, label: str) -> None:
    text = pem.to_pem(der, label)
    assert pem.from_pem(text) == [(label, der)]
    assert pem.blocks(text) == [pem.to_block(der, label)]
    assert all(len(line) <= 64 for line in text.splitlines())
    assert text.endswith(b"-----\n")


def test_several_blocks_with_text_around_and_crlf() -> None:
    data = b"subject=CN = x\n" + pem.to_pem(b"one", "CERTIFICATE") + b"\n# two-\n" + pem.to_pem(b"two" * 50, "X509 CRL")
    expected = [("CERTIFICATE", b"one"), ("X509 CRL", b"two" * 50)]
    assert pem.from_pem(data) == expected
    assert pem.from_pem(data.replace(b"\n", b"\r\n")) == expected


def test_headers_of_a_traditional_key_are_no_base64() -> None:
    data = (
        b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,A819\n\nAQID\n"
        b"-----END RSA PRIVATE KEY-----\n"
    )
    (block,) = pem.blocks(data)
    assert (block.der(), block.encrypted, block.is_private_key) == (b"\1\2\3", True, True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"-----BEGIN CERTIFICATE-----\nAQID\n", "does not end"),
        (b"-----BEGIN CERTIFICATE-----\nAQID\n-----END X509 CRL-----\n", "does not end"),
        (
            b"-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
            "does not end",
        ),
        (b"-----BEGIN CERTIFICATE-----\nAQ*D\n-----END CERTIFICATE-----\n", "not base64"),
        (b"-----BEGIN CERTIFICATE-----\nAQI\n-----END CERTIFICATE-----\n", "not base64"),
    ],
)
def test_damaged_blocks(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pem.from_pem(data)


def test_only_der() -> None:
    both = pem.to_pem(b"key", pem.PRIVATE_KEY) + pem.to_pem(b"certificate", pem.CERTIFICATE)
    assert pem.only_der(both, pem.CERTIFICATE) == b"certificate"
    assert pem.only_der(b"\x30\x00", pem.CERTIFICATE) == b"\x30\x00"
    with pytest.raises(ValueError, match=re.escape("no PEM block `X509 CRL`")):
        pem.only_der(both, pem.CRL)
