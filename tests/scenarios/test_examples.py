"""The three examples through the real command line, their certificates before judges that are not ours."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import judges
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from helpers import EXAMPLES, Result, changed, run, snapshot

PASSPHRASE = "correct horse battery staple"
ENV = {"MYROOTCA_PASSPHRASE": PASSPHRASE}
USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "email",
}
LEAVES = {"pki": 2, "user": 2, "fleet": 203}


@dataclass(frozen=True)
class Built:
    """An example that was applied once."""

    name: str
    folder: Path
    applied: Result

    @property
    def output(self) -> Path:
        return self.folder / "out" / self.name

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.name}.lock"

    def run(self, command: str, *more: str) -> Result:
        """A command on it, without any passphrase at hand."""
        return run(command, f"{self.name}.yaml", *more, cwd=self.folder)

    def planned(self) -> list[str]:
        """The ids of what apply would do."""
        plan = json.loads(self.run("plan", "--format", "json").ok().out)
        return [action["id"] for action in plan["actions"]]


@pytest.fixture(scope="module", params=LEAVES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp(request.param) / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("out", "*.lock"))
    applied = run("apply", f"{request.param}.yaml", cwd=folder, env=ENV).ok()
    return Built(request.param, folder, applied)


def test_the_examples_are_without_warnings(built: Built) -> None:
    assert built.applied.err == ""
    assert built.run("validate", "--strict").ok().out.endswith("no problems\n")


def test_a_second_run_finds_nothing_to_do_and_asks_for_no_passphrase(built: Built) -> None:
    before, lock = snapshot(built.output), (built.lock.read_bytes(), built.lock.stat().st_mtime_ns)
    assert built.planned() == []
    assert "Nothing to do" in built.run("apply").ok().out
    assert changed(before, snapshot(built.output)) == set()
    assert (built.lock.read_bytes(), built.lock.stat().st_mtime_ns) == lock


def test_without_its_lock_nothing_is_to_do_either(built: Built) -> None:
    before = snapshot(built.output)
    built.lock.unlink()
    assert built.planned() == []
    built.run("apply").ok()
    assert changed(before, snapshot(built.output)) == set()


def test_keys_are_closed_to_others_and_the_passphrase_is_nowhere(built: Built) -> None:
    keys = [path for path in built.output.rglob("*.key") if path.is_file()]
    assert len(keys) >= LEAVES[built.name] + len(list((built.output / "authorities").iterdir()))
    for key in keys:
        assert stat.S_IMODE(key.stat().st_mode) == 0o400, key
        assert stat.S_IMODE(key.parent.stat().st_mode) & 0o077 == 0, key.parent
    written = [path for path in built.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if PASSPHRASE.encode() in path.read_bytes()]
    assert PASSPHRASE not in built.applied.out + built.applied.err


@judges.needed
def test_every_judge_accepts_every_certificate(built: Built) -> None:
    authorities = _authorities(built)
    found = [objection for pem in authorities.values() for objection in judges.lint_certificate(pem)]
    leaves = 0
    for leaf in _leaves(built):
        leaves += 1
        chain = _chain(leaf, authorities)
        found += judges.lint_certificate(chain.leaf) + judges.lint_pair(chain.upwards[1], chain.leaf)
        for usage in _usages(leaf):
            names = _names(leaf) if usage == "server" else ()
            asked = replace(chain, usage=usage, names=names, crls=_lists(built, chain, authorities))
            found += judges.openssl_verify(asked) + judges.certtool_verify(asked) + judges.library_verify(asked)
    assert found == []
    assert leaves == LEAVES[built.name]


@judges.needed
def test_every_judge_accepts_authorities_and_their_revocation_lists(built: Built) -> None:
    authorities = _authorities(built)
    found: list[str] = []
    for name, pem in authorities.items():
        certificate = x509.load_pem_x509_certificate(pem)
        if certificate.issuer != certificate.subject:
            chain = _chain(certificate, authorities)
            found += judges.lint_pair(chain.root, pem) + judges.openssl_verify(replace(chain, usage=""))
        crl = built.output / "authorities" / name / f"{name}.crl"
        if crl.exists():
            found += judges.lint_crl(crl.read_bytes()) + judges.openssl_crl(crl.read_bytes(), pem)
    assert found == []


@judges.needed
def test_the_judges_refuse_a_name_that_was_not_declared(built: Built) -> None:
    authorities = _authorities(built)
    server = next(leaf for leaf in _leaves(built) if "server" in _usages(leaf))
    asked = replace(_chain(server, authorities), names=("other.example.com",))
    for judge in (judges.openssl_verify, judges.certtool_verify, judges.library_verify):
        assert judge(asked) != []


def _authorities(built: Built) -> dict[str, bytes]:
    return {path.name: (path / f"{path.name}.crt").read_bytes() for path in (built.output / "authorities").iterdir()}


def _leaves(built: Built) -> Iterator[x509.Certificate]:
    """Every certificate of a host, service or person, once."""
    found: dict[bytes, x509.Certificate] = {}
    for folder in ("hosts", "certificates"):
        for path in sorted((built.output / folder).rglob("*.crt")):
            first = x509.load_pem_x509_certificates(path.read_bytes())[0]
            found[first.public_bytes(Encoding.DER)] = first
    yield from (one for one in found.values() if not _is_authority(one))


def _is_authority(certificate: x509.Certificate) -> bool:
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def _chain(certificate: x509.Certificate, authorities: dict[str, bytes]) -> judges.Chain:
    """The certificate with everything above it, found by the names of issuers."""
    by_subject = {x509.load_pem_x509_certificate(pem).subject: pem for pem in authorities.values()}
    above = []
    issuer = certificate.issuer
    while not above or x509.load_pem_x509_certificate(above[-1]).issuer != issuer:
        above.append(by_subject[issuer])
        issuer = x509.load_pem_x509_certificate(above[-1]).issuer
    if by_subject[issuer] != above[-1]:
        above.append(by_subject[issuer])
    return judges.Chain(certificate.public_bytes(Encoding.PEM), above[-1], tuple(above[:-1]))


def _lists(built: Built, chain: judges.Chain, authorities: dict[str, bytes]) -> tuple[bytes, ...]:
    """The revocation lists of all authorities above, or none where one publishes no list."""
    above = [name for name, pem in authorities.items() if pem in chain.upwards]
    paths = [built.output / "authorities" / name / f"{name}.crl" for name in above]
    return tuple(path.read_bytes() for path in paths) if all(path.exists() for path in paths) else ()


def _usages(certificate: x509.Certificate) -> list[str]:
    return [USAGES[oid] for oid in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    return (*names.get_values_for_type(x509.DNSName), *map(str, addresses))
