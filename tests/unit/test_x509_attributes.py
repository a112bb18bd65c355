"""The table of attributes, and names as people read them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type

from pkibuild.x509 import names
from pkibuild.x509.attributes import ATTRIBUTES, format_subject, in_dn_order, problem_of


def test_most_specific_first() -> None:
    subject = (("country", "TW"), ("organization", "ABC Company"), ("common_name", "www.abc.com"))
    assert format_subject(subject) == "CN=www.abc.com, O=ABC Company, C=TW"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a,b+c", "a\\,b\\+c"),
        ('<"x">;', '\\<\\"x\\"\\>\\;'),
        (" a ", "\\ a\\ "),
        (" ", "\\ "),
        ("#1", "\\#1"),
        ("a\\b", "a\\\\b"),
        ("a\nb\0", "a\\0Ab\\00"),
        ("\u202eabc", "\\E2\\80\\AEabc"),
        ("王小明", "王小明"),
        ("", ""),
    ],
)
def test_escapes(value: str, written: str) -> None:
    assert format_subject((("common_name", value),)) == f"CN={written}"


def test_unknown_attributes_show_their_oid() -> None:
    assert format_subject((("1.2.3.4", "#0500"),)) == "1.2.3.4=\\#0500"


def test_order_of_a_name() -> None:
    declared = [
        ("email", "a@abc.com"),
        ("common_name", "A"),
        ("unit", "second"),
        ("unit", "first"),
        ("organization", "O"),
        ("locality", "L"),
        ("state", "S"),
        ("country", "TW"),
        ("domain_component", "com"),
        ("domain_component", "abc"),
    ]
    assert [name for name, _ in in_dn_order(declared)] == [
        "domain_component", "domain_component", "country", "state", "locality", "organization", "unit", "unit",
        "common_name", "email",
    ]  # fmt: skip
    assert [value for name, value in in_dn_order(declared) if name == "unit"] == ["second", "first"]
    assert [value for name, value in in_dn_order(declared) if name == "domain_component"] == ["com", "abc"]


@pytest.mark.parametrize("name", list(ATTRIBUTES))
def test_the_library_encodes_the_types_of_the_table(name: str) -> None:
    """The string type is read back from the DER, so that neither table nor library is taken at its word."""
    tags = {"utf8": _ASN1Type.UTF8String, "printable": _ASN1Type.PrintableString, "ia5": _ASN1Type.IA5String}
    der = names.build_name(((name, "AB"),)).public_bytes()
    value = der[-4:]  # tag, length, two characters
    assert value == bytes([tags[ATTRIBUTES[name].string].value, 2]) + b"AB"
    assert x509.ObjectIdentifier(ATTRIBUTES[name].oid) == next(iter(names.build_name(((name, "AB"),)))).oid


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("common_name", "", "empty"),
        ("common_name", "x" * 65, "at most 64"),
        ("organization", "司" * 65, "at most 64"),
        ("country", "TWN", "at most 2"),
        ("country", "T", "two letters"),
        ("email", "王@abc.com", "ASCII"),
        ("serial_number", "a_b", "PrintableString"),
        ("domain_component", "x" * 64, "at most 63"),
    ],
)
def test_what_cannot_be_written(name: str, value: str, part: str) -> None:
    assert part in problem_of(name, value)
    with pytest.raises(ValueError, match=part):
        names.build_name(((name, value),))


def test_common_names_count_characters_not_bytes() -> None:
    chinese = "管" * 64
    assert problem_of("common_name", chinese) == ""
    assert names.attributes_of(names.build_name((("common_name", chinese),))) == (("common_name", chinese),)


def test_planning_imports_no_cryptography() -> None:
    light = "attributes, contents"
    code = f"""
import sys
from pkibuild.x509 import {light}
from pkibuild.keys import errors, passphrase, pem
print([one for one in ("cryptography", "jinja2", "yaml", "jsonschema", "subprocess", "getpass") if one in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
