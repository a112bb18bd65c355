"""The least that makes the same keys and certificates: a loop over `cryptography` in one process, nothing checked.

    bare.py authority FOLDER                       a P-256 authority, for the loop
    bare.py loop AUTHORITY FOLDER COUNT ALGORITHM  COUNT keys and certificates below it

Both files of a host are written, without a flush and without a temporary name. There is no manifest, config, lock or
journal.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _USAGES})


def generate(algorithm: str) -> Key:
    if algorithm == "ecdsa-p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa-")))


def name(common_name: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "TW"),
        (NameOID.LOCALITY_NAME, "Taipei"),
        (NameOID.ORGANIZATION_NAME, "ABC Company"),
        (NameOID.COMMON_NAME, common_name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.write(descriptor, data)
    os.close(descriptor)


def write_pair(folder: str, stem: str, key: Key, certificate: x509.Certificate) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(f"{folder}/{stem}.key", private, 0o400)
    write(f"{folder}/{stem}.crt", certificate.public_bytes(Encoding.PEM), 0o644)


def authority(folder: str) -> None:
    key = generate("ecdsa-p256")
    subject = name("ABC Company Web CA")
    made = (
        builder(subject, subject, key, 3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_pair(folder, "authority", key, made)


def loop(source: str, folder: str, count: int, algorithm: str) -> None:
    with open(f"{source}/authority.key", "rb") as file:
        signer = load_pem_private_key(file.read(), None)
    with open(f"{source}/authority.crt", "rb") as file:
        issuer = x509.load_pem_x509_certificate(file.read())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    usage = key_usage("digital_signature", *(["key_encipherment"] if algorithm.startswith("rsa") else []))
    for number in range(count):
        key = generate(algorithm)
        fqdn, alias = f"h{number:06d}.example.com", f"www{number:06d}.example.com"
        address = ipaddress.IPv4Address((10 << 24) + number)
        names = [x509.DNSName(fqdn), x509.DNSName(alias), x509.IPAddress(address)]
        made = (
            builder(name(fqdn), issuer.subject, key, 397)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(signer, hashes.SHA256())
        )
        write_pair(folder, f"h{number:06d}", key, made)


def main(argv: list[str]) -> None:
    if argv[0] == "authority":
        authority(argv[1])
    else:
        loop(argv[1], argv[2], int(argv[3]), argv[4])


if __name__ == "__main__":
    main(sys.argv[1:])
