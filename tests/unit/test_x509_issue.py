"""Certificates and requests: written, and read again."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from samples import CA, ISSUER, KEY, NOW, SERVER, issued, sign

from pkibuild.core.times import DAY, END_OF_TIME, YEAR
from pkibuild.keys import backend
from pkibuild.model.facts import Profile
from pkibuild.model.manifest import ALGORITHMS, Constraints, Names, Subtrees
from pkibuild.x509 import inspect, issue
from pkibuild.x509.attributes import ATTRIBUTES, in_dn_order
from pkibuild.x509.contents import alternative_names, usages


def extension(der: bytes, oid: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType]:
    return x509.load_der_x509_certificate(der).extensions.get_extension_for_oid(oid)


# -- what is written is what was asked ----------------------------------------------


def assert_says(der: bytes, profile: Profile) -> None:
    facts = inspect.certificate_facts(der)
    assert facts.subject == profile.subject
    assert facts.names == alternative_names(profile)
    assert facts.usages == (() if profile.ca else usages(profile))
    assert (facts.ca, facts.path_length) == (profile.ca, profile.path_length)
    assert facts.constraints == profile.constraints
    for said, asked in (
        (facts.crl_urls, profile.crl_url),
        (facts.ca_issuers_urls, profile.ca_issuers_url),
        (facts.ocsp_urls, profile.ocsp_url),
    ):
        assert said == ((asked,) if asked else ())


_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_DNS = st.lists(_LABEL, min_size=1, max_size=4).map(".".join)
_IP = st.ip_addresses().map(str)
_NET = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}")
_EMAIL = st.tuples(_LABEL, _DNS).map("@".join)
_PRINTABLE = "ABCXYZabcxyz0189 '()+,-./:=?"


def _value(name: str) -> st.SearchStrategy[str]:
    if name == "country":
        return st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
    longest = min(ATTRIBUTES[name].max_length, 20)
    kind = ATTRIBUTES[name].string
    if kind == "utf8":
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=longest)
    return st.text(_PRINTABLE if kind == "printable" else _PRINTABLE + "@_*&", min_size=1, max_size=longest)


def _unique(one: st.SearchStrategy[str], most: int = 4) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(one, max_size=most, unique=True).map(tuple)


_ADDRESS = _EMAIL  # an e-mail address of the subject becomes an alternative name, so it is one
_SUBJECT = (
    st.sets(st.sampled_from(sorted(set(ATTRIBUTES) - {"email"})), max_size=6)
    .flatmap(lambda names: st.tuples(*[st.tuples(st.just(name), _value(name)) for name in sorted(names)]))
    .flatmap(lambda pairs: st.lists(_ADDRESS, max_size=2).map(lambda all_: (*pairs, *(("email", a) for a in all_))))
    .map(in_dn_order)
)
_NAMES = st.builds(
    Names, _unique(_DNS), _unique(_IP), _unique(_EMAIL), _unique(_DNS.map(lambda host: f"https://{host}/x"))
)
_SUBTREES = st.builds(Subtrees, _unique(_DNS), _unique(_NET.map(lambda text: str(_network(text)))), _unique(_DNS))


def _network(text: str) -> object:
    import ipaddress

    return ipaddress.ip_network(text, strict=False)


_LEAF = st.builds(
    Profile,
    subject=_SUBJECT,
    names=_NAMES,
    usages=_unique(st.sampled_from(["server", "client", "email", "code", "1.3.6.1.5.5.7.3.9", "1.2.3.4"])),
    crl_url=st.sampled_from(["", "http://pki.abc.com/a.crl"]),
    ca_issuers_url=st.sampled_from(["", "http://pki.abc.com/a.crt"]),
    ocsp_url=st.sampled_from(["", "http://ocsp.abc.com/"]),
)
_AUTHORITY = st.builds(
    Profile,
    subject=_SUBJECT,
    ca=st.just(True),
    path_length=st.none() | st.integers(0, 5),
    constraints=st.builds(Constraints, _SUBTREES, _SUBTREES),
)


@settings(max_examples=100, deadline=None)
@given(_LEAF | _AUTHORITY)
def test_facts_say_what_the_profile_said(profile: Profile) -> None:
    made = issued(profile)
    assert_says(made.der, profile)
    assert made.facts == inspect.certificate_facts(made.der)


@pytest.mark.parametrize("algorithm", [one for one in ALGORITHMS if one not in ("rsa-3072", "rsa-4096")])
def test_every_algorithm_signs_itself_and_its_lists(algorithm: str) -> None:
    key = backend.generate(algorithm)
    issuer = issue.Issuer.new(CA, key.public_key())
    made = issued(CA, key, issuer=issuer, signing_key=key)
    der, facts = made.der, inspect.certificate_facts(made.der)
    assert facts == made.facts
    assert facts.algorithm == algorithm
    assert facts.issuer_key_id == facts.key_id == issuer.key_id.hex()
    assert facts.public == backend.public_digest(key)
    assert inspect.verify_signature(der, der)
    crl = issue.sign_crl(issuer, key, number=1, this_update=NOW, next_update=NOW + DAY)
    assert inspect.crl_signed_by(crl, der)
    assert not inspect.crl_signed_by(crl, sign(CA))


def test_identity_of_a_certificate() -> None:
    der = sign(SERVER, backend.generate("rsa-2048"))
    facts = inspect.certificate_facts(der)
    assert facts.serial == "5f3a09"
    assert (facts.not_before, facts.not_after) == (NOW, NOW + YEAR)
    assert facts.fingerprint == hashlib.sha256(der).hexdigest()
    assert facts.issuer == CA.subject
    assert facts.issuer_digest == inspect.certificate_facts(sign(CA)).subject_digest
    assert facts.issuer_key_id == ISSUER.key_id.hex()
    assert facts.key_id != facts.issuer_key_id


@pytest.mark.parametrize("end", [NOW + YEAR, 2524607999, 2524608000, END_OF_TIME])
def test_ends_before_and_after_2050(end: int) -> None:
    assert inspect.certificate_facts(sign(SERVER, not_after=end)).not_after == end


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        sign(SERVER, not_after=NOW - 1)


@pytest.mark.parametrize("serial", [0, -1, 2**159])
def test_serials_that_cannot_be(serial: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        sign(SERVER, serial=serial)


# -- profile.md ----------------------------------------------------------------------


def key_usage(der: bytes) -> set[str]:
    usage = extension(der, ExtensionOID.KEY_USAGE).value
    assert isinstance(usage, x509.KeyUsage)
    named = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    )
    return {name for name in named.split() if getattr(usage, name)}


@pytest.mark.parametrize(
    ("usage", "of_rsa"),
    [
        (("server",), {"digital_signature", "key_encipherment"}),
        (("server", "client"), {"digital_signature", "key_encipherment"}),
        (("email",), {"digital_signature", "key_encipherment"}),
        (("client",), {"digital_signature"}),
        (("code",), {"digital_signature"}),
        (("1.3.6.1.5.5.7.3.9",), {"digital_signature"}),
    ],
)
def test_key_usage(usage: tuple[str, ...], of_rsa: set[str]) -> None:
    profile = replace(SERVER, usages=usage)
    assert key_usage(sign(profile, backend.generate("rsa-2048"))) == of_rsa
    assert key_usage(sign(profile, backend.generate("ecdsa-p256"))) == {"digital_signature"}
    assert key_usage(sign(CA, backend.generate("rsa-2048"))) == {"key_cert_sign", "crl_sign"}


def test_which_extensions_are_there_and_which_are_critical() -> None:
    leaf = {one.oid._name: one.critical for one in x509.load_der_x509_certificate(sign(SERVER)).extensions}
    assert leaf == {
        "basicConstraints": True,
        "keyUsage": True,
        "extendedKeyUsage": False,
        "subjectAltName": False,
        "subjectKeyIdentifier": False,
        "authorityKeyIdentifier": False,
        "cRLDistributionPoints": False,
        "authorityInfoAccess": False,
    }
    below = replace(CA, path_length=0, constraints=Constraints(Subtrees(("abc.com",))))
    authority = {one.oid._name: one.critical for one in x509.load_der_x509_certificate(sign(below)).extensions}
    assert authority == {
        "basicConstraints": True,
        "keyUsage": True,
        "nameConstraints": True,
        "subjectKeyIdentifier": False,
        "authorityKeyIdentifier": False,
    }


def test_names_are_critical_where_the_subject_is_empty() -> None:
    assert extension(sign(replace(SERVER, subject=())), ExtensionOID.SUBJECT_ALTERNATIVE_NAME).critical


def test_an_address_in_the_subject_is_a_name_too_and_only_once() -> None:
    profile = Profile((("common_name", "Alice"), ("email", "a@abc.com")), usages=("email",))
    for names in (Names(), Names(email=("a@abc.com",))):
        assert inspect.certificate_facts(sign(replace(profile, names=names))).names == Names(email=("a@abc.com",))


@pytest.mark.parametrize(
    ("algorithm", "hash_name"),
    [("rsa-2048", "sha256"), ("ecdsa-p256", "sha256"), ("ecdsa-p384", "sha384"), ("ecdsa-p521", "sha512")],
)
def test_signature_hash(algorithm: str, hash_name: str) -> None:
    key = backend.generate(algorithm)
    used = x509.load_der_x509_certificate(sign(SERVER, signing_key=key)).signature_hash_algorithm
    assert used is not None
    assert used.name == hash_name


# -- copies from the old certificate ---------------------------------------------------


def foreign_root() -> bytes:
    """A root of another maker: PrintableString and TeletexString where we write UTF8String, an odd key identifier."""
    kinds = x509.name._ASN1Type
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Old Company", kinds.T61String),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "Old CA", kinds.PrintableString),
        ]
    )
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 7)
    builder = builder.not_valid_before(issue._moment(NOW)).not_valid_after(issue._moment(NOW + YEAR))
    builder = builder.add_extension(x509.SubjectKeyIdentifier(b"odd"), critical=False)
    return builder.sign(KEY, backend.signature_hash(KEY)).public_bytes(backend._DER)


def test_the_issuer_is_copied_byte_for_byte() -> None:
    root = foreign_root()
    made = issued(SERVER, issuer=issue.Issuer.of(root))
    leaf = made.der
    above, below = inspect.certificate_facts(root), inspect.certificate_facts(leaf)
    assert below == made.facts
    assert below.issuer_digest == above.subject_digest
    assert below.issuer_key_id == above.key_id == b"odd".hex()
    assert inspect.verify_signature(leaf, root)


def test_a_renewal_keeps_subject_and_key_identifier() -> None:
    root = foreign_root()
    old = issue.Issuer.of(root)
    profile = Profile((("organization", "Old Company"), ("common_name", "Old CA")), ca=True)
    made = issued(profile, issuer=old, subject=old.subject, key_id=old.key_id)
    renewed = made.der
    before, after = inspect.certificate_facts(root), inspect.certificate_facts(renewed)
    assert after == made.facts
    assert (after.subject_digest, after.key_id) == (before.subject_digest, before.key_id)
    assert after.subject == profile.subject
    assert inspect.verify_signature(sign(SERVER, issuer=old), renewed)
    anew = inspect.certificate_facts(sign(profile, issuer=issue.Issuer.new(profile, KEY.public_key())))
    assert anew.subject_digest != before.subject_digest


def test_an_issuer_without_a_key_identifier() -> None:
    root = sign(CA, key_id=b"")
    assert inspect.certificate_facts(root).key_id == ""
    leaf = sign(SERVER, issuer=issue.Issuer.of(root))
    assert inspect.certificate_facts(leaf).issuer_key_id == ""


def test_an_issuer_that_is_no_certificate() -> None:
    with pytest.raises(ValueError, match="the issuer's certificate cannot be read: "):
        issue.Issuer.of(b"\x30\x03\x02\x01\x05")


# -- serials -----------------------------------------------------------------------------


def test_serials_are_random_positive_and_not_taken() -> None:
    asked: list[str] = []

    def taken(text: str) -> bool:
        asked.append(text)
        return len(asked) < 3

    serial = issue.new_serial(taken)
    assert len(set(asked)) == 3
    assert issue.serial_text(serial) == asked[-1]
    assert 0 < serial < 2**159


@pytest.mark.parametrize(("serial", "text"), [(5, "05"), (0x5F3A09, "5f3a09"), (0, "00"), (-300, "-012c")])
def test_serial_text(serial: int, text: str) -> None:
    assert issue.serial_text(serial) == text
    assert int(text, 16) == serial


# -- requests ----------------------------------------------------------------------------


def test_a_request_asks_for_what_the_profile_says() -> None:
    request = x509.load_der_x509_csr(issue.make_csr(SERVER, KEY))
    assert request.is_signature_valid
    assert backend.public_digest(request.public_key()) == backend.public_digest(KEY)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.abc.com", "*.abc.com"]
    assert not request.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_openssl_reads_the_request() -> None:
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-noout", "-verify", "-text"],
        input=issue.make_csr(SERVER, KEY), capture_output=True, check=True,
    )  # fmt: skip
    assert b"verify OK" in done.stderr
    assert b"DNS:www.abc.com" in done.stdout


def test_names_that_are_not_in_normal_form_are_told_as_they_are_written() -> None:
    profile = Profile((), Names(("WWW.ABC.com",), ("2001:DB8:0::1",)), ("server",))
    made = issued(profile)
    assert made.facts == inspect.certificate_facts(made.der)
    assert made.facts.names == Names(("www.abc.com",), ("2001:db8::1",))
