"""Programs that are not ours, asked what they think of our certificates and revocation lists.

Every judge takes PEM bytes and gives its objections as text, none when it has nothing to say. Judges that do not know
an algorithm are not asked (`knows`): OpenSSL 3.0 and GnuTLS 3.7 know no ML-DSA, and say so by failing.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

OPENSSL = shutil.which("openssl")
CERTTOOL = shutil.which("certtool")

OPENSSL_PURPOSES = {"server": "sslserver", "client": "sslclient", "email": "smimesign"}
"""OpenSSL 3.0 has no purpose for code signing: such a leaf is checked for any purpose."""

CERTTOOL_PURPOSES = {
    "server": "1.3.6.1.5.5.7.3.1",
    "client": "1.3.6.1.5.5.7.3.2",
    "email": "1.3.6.1.5.5.7.3.4",
    "code": "1.3.6.1.5.5.7.3.3",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and what it hangs on, all as PEM, and what it is for."""

    leaf: bytes
    root: bytes
    intermediates: tuple[bytes, ...] = ()
    """From the leaf's issuer upwards."""
    usage: str = "server"
    names: tuple[str, ...] = ()
    """Host names or addresses that the leaf must be good for."""
    crls: tuple[bytes, ...] = ()
    at: int | None = None
    """Seconds since the epoch; now when None."""

    @property
    def upwards(self) -> tuple[bytes, ...]:
        alone = self.leaf == self.root
        return (self.leaf,) if alone else (self.leaf, *self.intermediates, self.root)


# -- pkilint ----------------------------------------------------------------------


def lint_certificate(pem: bytes) -> list[str]:
    from pkilint.bin import lint_pkix_cert

    return _pkilint(lint_pkix_cert.main, [], pem)


def lint_crl(pem: bytes) -> list[str]:
    from pkilint.bin import lint_crl

    return _pkilint(lint_crl.main, ["-t", "CRL", "-p", "PKIX"], pem)


def lint_pair(issuer: bytes, subject: bytes) -> list[str]:
    """pkilint's look at an issuer and what it signed."""
    from pkilint.bin import lint_pkix_signer_signee_cert_chain

    return _pkilint(lint_pkix_signer_signee_cert_chain.main, [], issuer, subject)


def _pkilint(main: Callable[[list[str]], int], options: list[str], *pems: bytes) -> list[str]:
    with _files(*pems) as paths:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            count = main(["lint", "-s", "WARNING", "-f", "JSON", *options, *paths])
    if errors.getvalue():
        return [f"pkilint: {errors.getvalue()}"]
    found = [
        f"pkilint: {finding['severity']} {finding['code']} {finding['message']} @ {result['node_path']}"
        for result in json.loads(output.getvalue())["results"]
        for finding in result["finding_descriptions"]
    ]
    assert len(found) == count, output.getvalue()
    return [one for one in found if not _WILDCARD.search(one)]


_WILDCARD = re.compile(r"pkix\.invalid_domain_name_syntax Invalid domain name syntax: \"\*\.[^*]*\"")
"""RFC 5280 4.2.1.6 leaves wildcards to the applications (RFC 9525 6.3), pkilint's plain PKIX profile knows none."""


# -- OpenSSL ----------------------------------------------------------------------


def openssl_verify(chain: Chain) -> list[str]:
    """`openssl verify` with everything strict, once for each name."""
    options = ["-x509_strict", "-auth_level", "2", "-check_ss_sig", "-policy_check"]
    if chain.usage in OPENSSL_PURPOSES:
        options += ["-purpose", OPENSSL_PURPOSES[chain.usage]]
    if chain.at is not None:
        options += ["-attime", str(chain.at)]
    objections = []
    for name in chain.names or ("",):
        wanted = [] if not name else ["-verify_ip" if _is_address(name) else "-verify_hostname", name]
        objections += _openssl_verify(chain, [*options, *wanted])
    return objections


def _openssl_verify(chain: Chain, options: list[str]) -> list[str]:
    assert OPENSSL
    with _files(chain.leaf, chain.root, b"".join(chain.intermediates), b"".join(chain.crls)) as paths:
        leaf, root, intermediates, crls = paths
        if chain.intermediates:
            options = [*options, "-untrusted", intermediates]
        if chain.crls:
            options = [*options, "-CRLfile", crls, "-crl_check_all"]
        return _run("openssl", [OPENSSL, "verify", *options, "-no-CAfile", "-no-CApath", "-CAfile", root, leaf])


def openssl_crl(crl: bytes, issuer: bytes) -> list[str]:
    assert OPENSSL
    with _files(crl, issuer) as (path, authority):
        done = subprocess.run(
            [OPENSSL, "crl", "-in", path, "-CAfile", authority, "-noout"], capture_output=True, text=True, check=False
        )
    return [] if done.returncode == 0 and "verify OK" in done.stderr else [f"openssl crl: {done.stderr}"]


# -- GnuTLS -----------------------------------------------------------------------


def certtool_verify(chain: Chain) -> list[str]:
    assert CERTTOOL
    options = ["--verify-purpose", CERTTOOL_PURPOSES[chain.usage]] if chain.usage in CERTTOOL_PURPOSES else []
    if chain.at is not None:
        options += ["--attime", datetime.fromtimestamp(chain.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")]
    objections = []
    # certtool compares addresses as text in their order of bytes only from 3.8 on: names alone.
    hosts = [name for name in chain.names if not _is_address(name)]
    with _files(b"".join(chain.upwards), chain.root) as (whole, root):
        for name in hosts or [""]:
            wanted = ["--verify-hostname", name] if name else []
            command = [CERTTOOL, "--verify", *options, *wanted, "--load-ca-certificate", root, "--infile", whole]
            objections += _run("certtool", command)
    return objections


# -- cryptography -----------------------------------------------------------------


def library_verify(chain: Chain) -> list[str]:
    """`cryptography`'s own verifier, which is that of the web: servers and clients below a root."""
    root = x509.load_pem_x509_certificate(chain.root)
    leaf = x509.load_pem_x509_certificate(chain.leaf)
    between = [x509.load_pem_x509_certificate(one) for one in chain.intermediates]
    builder = verification.PolicyBuilder().store(verification.Store([root]))
    if chain.at is not None:
        builder = builder.time(datetime.fromtimestamp(chain.at, UTC).replace(tzinfo=None))
    objections = []
    try:
        if chain.usage == "client":
            builder.build_client_verifier().verify(leaf, between)
        for name in chain.names if chain.usage == "server" else ():
            subject = x509.IPAddress(ip_address(name)) if _is_address(name) else x509.DNSName(name)
            builder.build_server_verifier(subject).verify(leaf, between)
    except verification.VerificationError as error:
        objections.append(f"cryptography: {error}")
    return objections


# -- together ---------------------------------------------------------------------


def objections(chain: Chain) -> list[str]:
    """What every judge that knows the chain's algorithms has to say about it."""
    found = []
    for one in dict.fromkeys(chain.upwards):
        found += lint_certificate(one)
    for below, above in zip(chain.upwards, chain.upwards[1:], strict=False):
        found += lint_pair(above, below)
    for crl in chain.crls:
        found += lint_crl(crl)
    if not has_ml_dsa(chain.upwards):
        found += openssl_verify(chain)
        if chain.root != chain.leaf:  # certtool takes no anchor that is no authority
            found += certtool_verify(chain)
    if chain.root != chain.leaf and chain.usage in ("server", "client"):
        found += library_verify(chain)
    return found


def has_ml_dsa(pems: Sequence[bytes]) -> bool:
    """Whether a key or signature among these is ML-DSA, which the older judges do not know."""
    for pem in pems:
        certificate = x509.load_pem_x509_certificate(pem)
        for oid in (certificate.signature_algorithm_oid, certificate.public_key_algorithm_oid):
            if oid.dotted_string in _ML_DSA:
                return True
    return False


_ML_DSA = {f"2.16.840.1.101.3.4.3.{number}" for number in (17, 18, 19)}

needed = pytest.mark.skipif(
    not (OPENSSL and CERTTOOL), reason="openssl and certtool (gnutls-bin) are the judges; apt-get install them"
)
"""Marks a test that asks the programs."""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _run(judge: str, command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"{judge}: {' '.join(command[1:])}\n{done.stdout}{done.stderr}"]


@contextlib.contextmanager
def _files(*contents: bytes) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory(prefix="judges-") as folder:
        paths = [Path(folder, f"{number}.pem") for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        yield [str(path) for path in paths]
