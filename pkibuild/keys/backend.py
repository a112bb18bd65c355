"""Private keys in software, by `cryptography`: PKCS#8 in PEM (RFC 5958, RFC 7468)."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
    PublicKeyTypes,
)

from pkibuild.keys import pem
from pkibuild.keys.errors import KeyUnreadable, PassphraseNeeded, WrongPassphrase

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
"""A key that signs, in memory or in a token.

Certificates, CRLs and requests are signed by builders of `cryptography`, which take their key by its abstract class.
So a token's key is an adapter that derives from one of these classes and has `sign` and `public_key`.
"""

PublicKey = CertificatePublicKeyTypes
"""A key that can stand in a certificate."""

_RSA_EXPONENT = 65537
_RSA = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ecdsa-p256": ec.SECP256R1,
    "ecdsa-p384": ec.SECP384R1,
    "ecdsa-p521": ec.SECP521R1,
}
_CURVE_NAMES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384", "secp521r1": "ecdsa-p521"}

UNREADABLE = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, InternalError)
"""What the library raises for bytes that it does not understand; the last of them for some damaged keys."""

_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
_DER = serialization.Encoding.DER
_PEM = serialization.Encoding.PEM


class HasPublicKey(Protocol):
    """Whatever has a public half: a private key here, or a token's later."""

    def public_key(self) -> PublicKey: ...


def generate(algorithm: str) -> PrivateKey:
    """A new private key. `algorithm` is one of `model.ALGORITHMS`; raises ValueError for another."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm in _RSA:
        return rsa.generate_private_key(_RSA_EXPONENT, _RSA[algorithm])
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ml-dsa-44":
        return mldsa.MLDSA44PrivateKey.generate()
    if algorithm == "ml-dsa-65":
        return mldsa.MLDSA65PrivateKey.generate()
    if algorithm == "ml-dsa-87":
        return mldsa.MLDSA87PrivateKey.generate()
    raise ValueError(f"`{algorithm}` is not a supported key algorithm")


def private_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """PKCS#8 in PEM; under the passphrase with the best encryption that the library offers. Raises ValueError."""
    if passphrase is None:
        return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption)


def private_block(data: bytes) -> pem.Block:
    """The one private key in a PEM file, certificates and EC parameters beside it passed over.

    Raises KeyUnreadable.
    """
    try:
        found = [block for block in pem.blocks(data) if block.is_private_key]
    except ValueError as error:
        raise KeyUnreadable(f"the private key cannot be read: {error}") from None
    if not found:
        raise KeyUnreadable("there is no private key in PEM form in it")
    if len(found) > 1:
        raise KeyUnreadable(f"there are {len(found)} private keys in it, where one is wanted")
    return found[0]


def load(data: bytes, passphrase: bytes | None = None, *, validate: bool = True) -> PrivateKey:
    """Open a private key: PKCS#8 (PBES2 with PBKDF2 or scrypt), or the traditional forms of OpenSSL.

    A passphrase is passed over where the key is not encrypted. `validate=False` leaves out the check of an RSA key's
    numbers (30 ms): for a key whose certificate it is known to fit, when the signature that is made is verified.
    Raises PassphraseNeeded, WrongPassphrase or KeyUnreadable.
    """
    key = open_key(private_block(data), passphrase, validate=validate)
    if not isinstance(key, PrivateKey):
        raise KeyUnreadable("a key of this kind cannot sign certificates")
    return key


def open_key(block: pem.Block, passphrase: bytes | None, *, validate: bool) -> PrivateKeyTypes:
    """As `load`, for keys of any kind."""
    if block.encrypted and not passphrase:
        raise PassphraseNeeded("the private key is encrypted, and no passphrase is given")
    password = passphrase if block.encrypted else None
    try:
        with quietly():
            return serialization.load_pem_private_key(block.text, password, unsafe_skip_rsa_key_validation=not validate)
    except UNREADABLE as error:
        # The library's own text may quote what it read, so none of it is repeated.
        if block.encrypted and not isinstance(error, UnsupportedAlgorithm):
            raise WrongPassphrase("the private key does not open with this passphrase") from None
        raise KeyUnreadable("the private key is damaged, or of a kind that is not supported") from None


@contextmanager
def quietly() -> Iterator[None]:
    """The library warns on standard error of what it finds odd in foreign keys and certificates; we judge ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def algorithm_of(key: PrivateKeyTypes | PublicKeyTypes) -> str:
    """As in the manifest; for other keys a name of the same form: `rsa-1024`, `ecdsa-secp256k1`, `dsa-2048`."""
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return _CURVE_NAMES.get(key.curve.name, f"ecdsa-{key.curve.name.lower()}")
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return f"rsa-{key.key_size}"
    if isinstance(key, (dsa.DSAPublicKey, dsa.DSAPrivateKey)):
        return f"dsa-{key.key_size}"
    for name, kinds in _SIMPLE_KINDS:
        if isinstance(key, kinds):
            return name
    return "other"


_SIMPLE_KINDS: tuple[tuple[str, tuple[type, type]], ...] = (
    ("ed25519", (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey)),
    ("ed448", (ed448.Ed448PublicKey, ed448.Ed448PrivateKey)),
    ("ml-dsa-44", (mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey)),
    ("ml-dsa-65", (mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey)),
    ("ml-dsa-87", (mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey)),
)


def public_der(key: PublicKey | HasPublicKey) -> bytes:
    """The DER SubjectPublicKeyInfo of a public key, or of a private key's public half."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(_DER, _SPKI)


def public_digest(key: PublicKey | HasPublicKey) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, in hex: how facts name a key."""
    return hashlib.sha256(public_der(key)).hexdigest()


def public_pem(key: PublicKey | HasPublicKey) -> bytes:
    """The public half in PEM, as it lies beside an encrypted key."""
    return pem.to_pem(public_der(key), pem.PUBLIC_KEY)


def load_public(data: bytes) -> PublicKey:
    """A public key from PEM or DER (SubjectPublicKeyInfo). Raises KeyUnreadable."""
    try:
        with quietly():
            key = serialization.load_der_public_key(pem.only_der(data, pem.PUBLIC_KEY))
    except UNREADABLE:
        raise KeyUnreadable("the public key is damaged, or of a kind that is not supported") from None
    if algorithm_of(key) == "other":
        raise KeyUnreadable("a public key of this kind is not supported")
    return cast("PublicKey", key)


def signature_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The hash that this key signs with (profile.md): by curve, SHA-256 for RSA, none where the scheme has its own."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _hash_of_curve(key.curve)
    if isinstance(key, rsa.RSAPrivateKey):
        return hashes.SHA256()
    return None


def _hash_of_curve(curve: ec.EllipticCurve) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    size = curve.key_size
    return hashes.SHA256() if size <= 256 else hashes.SHA384() if size <= 384 else hashes.SHA512()


def signs(private: PrivateKey, public: PublicKey) -> bool:
    """Whether what the private key signs verifies with the public key: a trial, not a comparison of numbers."""
    message = b"pkibuild: does this key fit?"
    try:
        _try(private, public, message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _try(private: PrivateKey, public: PublicKey, message: bytes) -> None:
    """Sign and verify. Raises InvalidSignature, or TypeError where the two are of different kinds."""
    if isinstance(private, rsa.RSAPrivateKey) and isinstance(public, rsa.RSAPublicKey):
        scheme, hash_ = padding.PKCS1v15(), hashes.SHA256()
        public.verify(private.sign(message, scheme, hash_), message, scheme, hash_)
    elif isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey):
        ecdsa = ec.ECDSA(_hash_of_curve(private.curve))
        public.verify(private.sign(message, ecdsa), message, ecdsa)
    elif algorithm_of(private) != algorithm_of(public):
        raise TypeError("the keys are of different kinds")
    else:
        signature = private.sign(message)  # type: ignore[call-arg]  # RSA and EC were dealt with above
        public.verify(signature, message)  # type: ignore[call-arg,union-attr]  # of the same kind as `private`
