"""Private keys: made, written, opened, and what happens when one does not open."""

from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pkibuild.keys import backend, pem
from pkibuild.keys.errors import KeyProblem, KeyUnreadable, PassphraseNeeded, WrongPassphrase
from pkibuild.model.manifest import ALGORITHMS
from pkibuild.x509 import inspect

QUICK = [one for one in ALGORITHMS if one not in ("rsa-3072", "rsa-4096")]
WORDS = "correct horse 馬".encode()


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("algorithm", QUICK)
def test_made_written_and_opened_again(algorithm: str) -> None:
    key = backend.generate(algorithm)
    digest = backend.public_digest(key)
    for passphrase in (None, WORDS):
        text = backend.private_pem(key, passphrase)
        opened = backend.load(text, passphrase)
        assert backend.signs(opened, key.public_key())
        facts = inspect.key_facts(text, passphrase)
        assert (facts.algorithm, facts.public, facts.encrypted) == (algorithm, digest, passphrase is not None)
    beside = inspect.public_facts(backend.public_pem(key), encrypted=True)
    assert (beside.algorithm, beside.public, beside.encrypted) == (algorithm, digest, True)
    assert backend.public_digest(key.public_key()) == digest


@pytest.mark.parametrize(("algorithm", "bits"), [("rsa-3072", 3072), ("rsa-4096", 4096)])
def test_size_of_larger_rsa_keys(algorithm: str, bits: int) -> None:
    key = backend.generate(algorithm)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (bits, 65537)
    assert backend.algorithm_of(key) == algorithm


def test_an_unknown_algorithm() -> None:
    with pytest.raises(ValueError, match="`rsa-512` is not a supported key algorithm"):
        backend.generate("rsa-512")


def test_encrypted_keys_are_aes_256_in_pkcs8() -> None:
    text = backend.private_pem(backend.generate("ecdsa-p256"), WORDS)
    shown = openssl("asn1parse", data=text)
    for part in (b"PBES2", b"PBKDF2", b"hmacWithSHA256", b"aes-256-cbc"):
        assert part in shown


def test_openssl_opens_our_keys() -> None:
    text = backend.private_pem(backend.generate("rsa-2048"), b"abc")
    assert b"-----BEGIN PRIVATE KEY" in openssl("pkey", "-passin", "pass:abc", data=text)


# -- keys of others ---------------------------------------------------------------------

PLAIN = openssl("ecparam", "-name", "prime256v1", "-genkey")
RSA = openssl("genrsa", "2048")


@pytest.mark.parametrize(
    "arguments",
    [
        ("pkcs8", "-topk8", "-scrypt", "-passout", "pass:abc"),
        ("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", "pass:abc"),
        ("ec", "-aes256", "-passout", "pass:abc"),
    ],
    ids=["scrypt", "pkcs8", "traditional"],
)
def test_encrypted_keys_of_openssl(arguments: tuple[str, ...]) -> None:
    text = openssl(*arguments, data=PLAIN)
    plain = backend.load(PLAIN)
    assert backend.signs(backend.load(text, b"abc"), plain.public_key())
    assert inspect.key_facts(text, b"abc").encrypted
    with pytest.raises(PassphraseNeeded):
        backend.load(text)
    with pytest.raises(WrongPassphrase):
        backend.load(text, b"abd")
    with pytest.raises(PassphraseNeeded):
        inspect.key_facts(text)


def test_traditional_rsa_key() -> None:
    text = openssl("rsa", "-traditional", "-aes256", "-passout", "pass:abc", data=RSA)
    assert b"Proc-Type: 4,ENCRYPTED" in text
    assert inspect.key_facts(text, b"abc") == inspect.key_facts(text, b"abc")
    assert inspect.key_facts(text, b"abc").public == inspect.key_facts(RSA).public
    assert not inspect.key_facts(openssl("rsa", "-traditional", data=RSA)).encrypted


def test_a_key_among_certificates() -> None:
    assert PLAIN.startswith(b"-----BEGIN EC PARAMETERS-----")
    both = pem.to_pem(b"certificate", pem.CERTIFICATE) + PLAIN
    assert inspect.key_facts(both).algorithm == "ecdsa-p256"


def test_a_needless_passphrase_is_passed_over() -> None:
    assert backend.signs(backend.load(PLAIN, b"abc"), backend.load(PLAIN).public_key())


@pytest.mark.parametrize("validate", [True, False])
def test_rsa_without_its_check(validate: bool) -> None:
    key = backend.load(RSA, validate=validate)
    assert backend.signs(key, key.public_key())


def test_a_damaged_rsa_key_is_found_by_its_signature() -> None:
    """What `validate=False` lets in, `signs` finds."""
    numbers = backend.load(RSA).private_numbers()
    bent = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d ^ 2, numbers.dmp1 ^ 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    text = bent.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnreadable):
        backend.load(text)
    opened = backend.load(text, validate=False)
    assert not backend.signs(opened, opened.public_key())


# -- what does not open ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no private key"),
        (b"\x00\xff" * 50, "no private key"),
        (pem.to_pem(b"x", pem.CERTIFICATE), "no private key"),
        (PLAIN + RSA, "2 private keys"),
        (pem.to_pem(b"nonsense", pem.PRIVATE_KEY), "damaged"),
        (RSA.replace(b"-----END", b"-----EDN"), "does not end"),
        (RSA[:200] + b"!" + RSA[200:], "damaged"),
    ],
)
def test_what_is_no_key(data: bytes, part: str) -> None:
    for read in (backend.load, inspect.key_facts):
        with pytest.raises(KeyUnreadable, match=part):
            read(data)


def test_keys_that_cannot_sign() -> None:
    key = x25519.X25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnreadable, match="cannot sign"):
        backend.load(text)
    with pytest.raises(KeyUnreadable, match="not supported"):
        inspect.key_facts(text)


def test_keys_of_kinds_that_we_do_not_make_have_facts() -> None:
    small = rsa.generate_private_key(65537, 1024)
    assert backend.algorithm_of(small) == "rsa-1024"
    old = dsa.generate_private_key(1024)
    text = old.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert inspect.key_facts(text).algorithm == "dsa-1024"
    koblitz = openssl("ecparam", "-name", "secp256k1", "-genkey", "-noout")
    assert inspect.key_facts(koblitz).algorithm == "ecdsa-secp256k1"


def test_no_error_tells_the_passphrase_or_the_key() -> None:
    text = backend.private_pem(backend.load(RSA), WORDS)
    body = text.splitlines()[5].decode()
    for attempt in (lambda: backend.load(text), lambda: backend.load(text, b"sesame"), lambda: backend.load(RSA[:300])):
        with pytest.raises(KeyProblem) as caught:
            attempt()
        shown = f"{caught.value!s} {caught.value!r}"
        assert "sesame" not in shown
        assert body not in shown
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert body not in repr(backend.private_block(text))


@pytest.mark.parametrize("data", [b"", b"abc", pem.to_pem(b"x", pem.PUBLIC_KEY), PLAIN])
def test_what_is_no_public_key(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"public key|PUBLIC KEY"):
        inspect.public_facts(data)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ecdsa-p256", "ecdsa-p256"),
        ("ecdsa-p256", "ecdsa-p521"),
        ("ecdsa-p384", "rsa-2048"),
        ("ed25519", "ml-dsa-44"),
        ("ml-dsa-65", "ml-dsa-65"),
    ],
)
def test_keys_that_do_not_fit(one: str, other: str) -> None:
    assert not backend.signs(backend.generate(one), backend.generate(other).public_key())
