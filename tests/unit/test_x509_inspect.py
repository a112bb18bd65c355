"""What is read from revocation lists, and from foreign and damaged input."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from samples import CA, ISSUER, KEY, NOW, SERVER, crl, sign

from pkibuild.core.times import DAY, YEAR
from pkibuild.keys import backend, pem
from pkibuild.model.facts import Revocation
from pkibuild.model.manifest import Constraints, Names, Subtrees
from pkibuild.x509 import inspect, issue

# -- revocation lists ----------------------------------------------------------------------


def test_a_list_says_what_was_revoked() -> None:
    revoked = (Revocation("ff", NOW - DAY, "key_compromise"), Revocation("05", NOW, "unspecified"))
    facts = inspect.crl_facts(crl(*revoked))
    assert facts.revoked == tuple(sorted(revoked, key=lambda one: one.serial))
    assert (facts.number, facts.this_update, facts.next_update) == (NOW, NOW, NOW + 30 * DAY)
    assert facts.issuer_key_id == ISSUER.key_id.hex()
    assert facts.issuer_digest == inspect.certificate_facts(sign(CA)).subject_digest


@pytest.mark.parametrize("reason", list(issue.REASONS))
def test_every_reason(reason: str) -> None:
    assert inspect.crl_facts(crl(Revocation("05", NOW, reason))).revoked == (Revocation("05", NOW, reason),)


def test_an_empty_list_has_no_field_and_unspecified_no_extension() -> None:
    empty = x509.load_der_x509_crl(crl())
    assert len(empty) == 0
    assert sorted(one.oid._name for one in empty.extensions) == ["authorityKeyIdentifier", "cRLNumber"]
    (entry,) = x509.load_der_x509_crl(crl(Revocation("05", NOW, "unspecified")))
    assert list(entry.extensions) == []


@pytest.mark.parametrize(
    ("revoked", "more", "problem"),
    [
        ((Revocation("05", NOW + 1, "superseded"),), {}, "future"),
        ((Revocation("05", NOW, "remove_from_crl"),), {}, "not a valid revocation reason"),
        ((Revocation("05", NOW, "superseded"), Revocation("0005", NOW, "superseded")), {}, "twice"),
        ((), {"number": 2**159}, "20 octets"),
        ((), {"number": -1}, "20 octets"),
        ((), {"next_update": NOW}, "not after"),
    ],
)
def test_what_a_list_must_not_say(revoked: tuple[Revocation, ...], more: dict[str, int], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        crl(*revoked, **more)


def test_the_largest_number_has_twenty_octets() -> None:
    der = crl(number=issue.LARGEST_CRL_NUMBER)
    assert inspect.crl_facts(der).number == issue.LARGEST_CRL_NUMBER
    assert b"\x55\x1d\x14\x04\x16\x02\x14\x7f" in der  # cRLNumber, an INTEGER of 20 octets


# -- foreign and damaged input ---------------------------------------------------------------


def test_signatures_that_do_not_fit() -> None:
    other = backend.generate("ecdsa-p256")
    root, impostor = sign(CA), sign(CA, other, issuer=issue.Issuer.new(CA, other.public_key()), signing_key=other)
    leaf = sign(SERVER)
    assert inspect.verify_signature(leaf, root)
    assert not inspect.verify_signature(leaf, impostor)
    assert not inspect.verify_signature(leaf, leaf)
    with pytest.raises(ValueError, match="the certificate cannot be read"):
        inspect.verify_signature(leaf, b"")


DAMAGED = (
    (inspect.certificate_facts, sign(SERVER)),
    (inspect.certificate_facts, sign(replace(CA, path_length=1, constraints=Constraints(Subtrees(("a.b",)))))),
    (issue.Issuer.of, sign(CA)),
    (inspect.crl_facts, crl(Revocation("05", NOW, "key_compromise"))),
    (inspect.public_facts, backend.public_der(KEY)),
    (lambda der: inspect.key_facts(pem.to_pem(der, pem.PRIVATE_KEY)), pem.from_pem(backend.private_pem(KEY))[0][1]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DAMAGED),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damage_is_a_value_error_or_no_matter(
    target: tuple[Callable[[bytes], object], bytes], changes: list[tuple[float, int]]
) -> None:
    read, der = target
    damaged = bytearray(der)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    with contextlib.suppress(ValueError):  # nothing else may come
        read(bytes(damaged))


def test_unusual_certificates_are_read() -> None:
    """Version 1, a private extension, names of unusual kinds, any purpose, an unknown attribute."""
    subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("1.2.3.4"), "odd")])
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 1)
    builder = builder.not_valid_before(issue._moment(NOW)).not_valid_after(issue._moment(NOW + YEAR))
    names: list[x509.GeneralName] = [
        x509.DNSName("WWW.ABC.com"),
        x509.DirectoryName(subject),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
    ]
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.5"), b"anything")
    for value in (
        x509.SubjectAlternativeName(names),
        odd,
        x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.5.29.37.0"), x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.CRLDistributionPoints([x509.DistributionPoint([x509.DirectoryName(subject)], None, None, None)]),
    ):
        builder = builder.add_extension(value, critical=False)
    facts = inspect.certificate_facts(builder.sign(KEY, backend.signature_hash(KEY)).public_bytes(backend._DER))
    assert facts.subject == (("1.2.3.4", "odd"),)
    assert facts.names == Names(dns=("www.abc.com",))
    assert facts.usages == ("server", "2.5.29.37.0")
    assert facts.crl_urls == ()


class Token(ec.EllipticCurvePrivateKey):
    """What a token's adapter will be: the library's abstract class around something that signs."""

    def __init__(self, inside: ec.EllipticCurvePrivateKey) -> None:
        self.inside = inside
        self.signatures = 0

    curve = property(lambda self: self.inside.curve)
    key_size = property(lambda self: self.inside.key_size)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self.inside.public_key()

    def sign(self, data: object, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        self.signatures += 1
        return self.inside.sign(data, signature_algorithm)

    def exchange(self, *_: object) -> bytes:
        raise NotImplementedError

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        raise NotImplementedError

    def private_bytes(self, *_: object) -> bytes:
        raise NotImplementedError

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: object) -> Token:
        return self


def test_a_key_that_never_leaves_its_token_signs() -> None:
    inside = backend.generate("ecdsa-p384")
    assert isinstance(inside, ec.EllipticCurvePrivateKey)
    token = Token(inside)
    issuer = issue.Issuer.new(CA, token.public_key())
    root = sign(CA, token, issuer=issuer, signing_key=token)
    assert inspect.verify_signature(root, root)
    list_ = issue.sign_crl(issuer, token, number=1, this_update=NOW, next_update=NOW + DAY)
    assert inspect.crl_signed_by(list_, root)
    assert backend.signs(token, token.public_key())
    assert token.signatures == 3


def test_a_teletex_name_of_an_old_authority_is_refused_in_plain_words() -> None:
    """The library reads no T61String beyond ASCII; such an authority cannot be adopted, and the user is told."""
    der = sign(replace(CA, subject=(("organization", "Old Company"), ("common_name", "Cafe"))))
    utf8 = b"\x0c\x04Cafe"
    assert der.count(utf8) == 1
    old = der.replace(utf8, b"\x14\x04Caf\xe9")
    for read in (inspect.certificate_facts, issue.Issuer.of):
        with pytest.raises(ValueError, match="certificate cannot be read: "):
            read(old)
