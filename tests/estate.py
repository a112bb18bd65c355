"""A PKI under test: runs `plan` and `apply` through the command line, and holds every run to the rules that all share.

After each `apply` (unless told otherwise): what changed on disk is what the plan's `paths` named, no more and no less;
the next plan is empty, with the lock and with the lock deleted; every certificate on disk stands in a journal, every
key fits its certificate, keys are closed to others, and no temporary file is left.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from helpers import Project, Result, changed, run_here, snapshot

from pkibuild.core.times import format_time, parse_duration, parse_time

PASSPHRASE = "correct horse battery staple"
"""Never another one: the keys of released trees (`released`) are sealed with it."""
AUTHORITIES = """\
authorities:
  root:
    subject: {common_name: ABC Root CA}
    key: {algorithm: ecdsa-p256, passphrase: {env: ROOT_PASSPHRASE}}
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca:
    issuer: root
    subject: {common_name: ABC Web CA}
    crl: {url: "http://pki.abc.com/web-ca.crl"}
"""
"""Of the manifests of many scenarios: a root with a passphrase, and an authority below it."""
WEB_CA = f"""\
version: 1
defaults:
  subject: {{country: TW, organization: ABC Company}}
  issuer: web-ca
{AUTHORITIES}hosts:
  www:
    fqdn: www.abc.com
    aliases: [abc.com]
"""
"""How many manifests begin: those authorities, and a first host."""

START = parse_time("2030-01-01T00:00:00Z")

RECORDS = re.compile(
    r"(.*/)?(journal\.jsonl|\.install\.json|openssl\.cnf|index\.txt(\.attr)?(\.old)?|serial(\.old)?|crlnumber(\.old)?"
    r"|newcerts(/.*)?|\.gitignore|\.pkibuild)|pki\.lock"
)
"""What is a record, never an action (cli.md, IDs)."""

SHARED = ("--only", "--due", "--prune", "--max-reissue", "--fail-on", "--strict")
"""Options that `plan` takes as `apply` does."""


@dataclass(frozen=True)
class Run:
    """One `apply`: what it said, and what it touched."""

    status: int
    plan: dict[str, Any]
    err: str
    touched: frozenset[str]

    @property
    def actions(self) -> list[tuple[str, str]]:
        """`(id, action)` of everything that was to be done, in order."""
        return [(one["id"], one["action"]) for one in self.plan["actions"]]

    @property
    def done(self) -> list[tuple[str, str]]:
        """`(id, action)` of what could be done."""
        return [one for one in self.actions if one[0] not in self.pending]

    @property
    def ids(self) -> set[str]:
        return {one["id"] for one in self.plan["actions"]}

    @property
    def pending(self) -> set[str]:
        return {one["id"] for one in self.plan["pending"]}

    def reasons(self, id: str) -> list[str]:
        """The codes of one action's reasons."""
        return [reason["code"] for one in self.plan["actions"] if one["id"] == id for reason in one["reasons"]]

    def warnings(self) -> list[str]:
        return [one["code"] for one in self.plan["warnings"]]


@dataclass
class Estate:
    """A folder with a manifest and its output, and a clock of its own."""

    project: Project
    now: int = START
    env: dict[str, str] = field(default_factory=lambda: {"ROOT_PASSPHRASE": PASSPHRASE})

    def copy(self, folder: Path) -> Estate:
        """The same PKI in another folder, times and modes included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Estate(Project(folder), self.now, dict(self.env))

    # -- time and manifest ---------------------------------------------------------------

    def later(self, span: str) -> None:
        """Let time go by: `30d`, `2h`."""
        self.now += parse_duration(span)

    def until(self, moment: str) -> None:
        self.now = parse_time(moment)

    def write(self, manifest: str) -> None:
        self.project.write(manifest)

    def edit(self, old: str, new: str) -> None:
        self.project.edit(old, new)

    @property
    def folder(self) -> Path:
        return self.project.folder

    def path(self, name: str) -> Path:
        return self.project.path(name)

    @property
    def lock(self) -> Path:
        return self.folder / "pki.lock"

    # -- runs --------------------------------------------------------------------------------

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**self.env, "PKIBUILD_NOW": format_time(self.now), **(env or {})}

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> Result:
        return run_here(*argv, env=self.environment(env), cwd=self.folder)

    def plan(self, *argv: str) -> dict[str, Any]:
        """The plan as JSON. No passphrase is within reach."""
        result = self.run("plan", "--format", "json", *argv, env=dict.fromkeys(self.env, ""))
        assert result.status == 0, result.err + result.out
        return dict(json.loads(result.out))

    def refused(self, *argv: str, status: int = 1) -> list[str]:
        """The codes of the errors with which a command ends that must change nothing."""
        before = self.everything()
        result = self.run(*(argv or ("apply",)))
        assert result.status == status, f"exit {result.status}\n{result.out}\n{result.err}"
        assert not changed(before, self.everything()), "something was written"
        return re.findall(r"^(?:\S+: )?error\[([a-z-]+)\]", result.err, re.MULTILINE)

    def apply(self, *argv: str, status: int = 0, settled: bool = True, env: Mapping[str, str] | None = None) -> Run:
        """Apply, and hold the run to the common rules. `settled`: the next plan must be empty."""
        planned = self.plan(*_shared(argv)) if "--accept-lost-history" not in argv else None
        before = self.everything()
        result = self.run("apply", "--format", "json", *argv, env=env)
        assert result.status == status, f"exit {result.status}\n{result.out}\n{result.err}"
        applied = json.loads(result.out)
        touched = {name for name in changed(before, self.everything()) if self._is_artifact(name, before)}
        run = Run(status, applied, result.err, frozenset(touched))
        waiting = run.pending
        done = [one for one in applied["actions"] if one["id"] not in waiting]
        named = {path for one in done for path in one["paths"]}
        assert touched == named, f"touched, not named: {touched - named}; named, not touched: {named - touched}"
        if planned is not None:
            assert done == [one for one in planned["actions"] if one["id"] not in waiting]
        self.healthy()
        if settled:
            self.settled()
        return run

    def settled(self) -> None:
        """Nothing is left to do, with the lock and without, and finding that out changes nothing."""
        assert self.plan()["actions"] == []
        with self.without_lock():
            assert self.plan()["actions"] == []

    def without_lock(self) -> AbstractContextManager[None]:
        return aside(self.lock)

    def everything(self) -> dict[str, Any]:
        found: dict[str, Any] = dict(snapshot(self.folder / "pki"))
        if self.lock.exists():
            found |= snapshot_file(self.lock)
        return found

    def _is_artifact(self, name: str, before: Mapping[str, Any]) -> bool:
        if RECORDS.fullmatch(name):
            return False
        path = self.path(name)
        return not path.is_dir() and (path.exists() or path.is_symlink() or before[name].content != "")

    # -- what is there -----------------------------------------------------------------------

    def certificate(self, path: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.path(path).read_bytes())

    def host(self, name: str) -> x509.Certificate:
        return self.certificate(f"hosts/{name}/etc/ssl/certs/{name}.crt")

    def host_key(self, name: str) -> bytes:
        return self.path(f"hosts/{name}/etc/ssl/private/{name}.key").read_bytes()

    def authority(self, name: str, generation: int | None = None) -> x509.Certificate:
        suffix = f".g{generation}" if generation else ""
        return self.certificate(f"authorities/{name}/{name}{suffix}.crt")

    def crl(self, name: str, suffix: str = "") -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl(self.path(f"authorities/{name}/{name}{suffix}.crl").read_bytes())

    def journal(self, name: str = "") -> list[dict[str, Any]]:
        path = self.path(f"authorities/{name}/journal.jsonl" if name else "journal.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def journals(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.path("").rglob("journal.jsonl")):
            yield from (json.loads(line) for line in path.read_text().splitlines())

    def issued(self, node: str = "") -> list[dict[str, Any]]:
        """The journals' entries for issued certificates, of one node or of all."""
        return [one for one in self.journals() if one["event"] == "issue" and node in ("", one["id"])]

    # -- rules that always hold --------------------------------------------------------------

    def healthy(self) -> None:
        known = {b64decode(one["der"]) for one in self.journals() if one.get("der")}
        serials = [one["serial"] for one in self.issued()]
        assert len(serials) == len(set(serials)), "a serial was used twice"
        publics: dict[bytes, Path] = {}
        for path in sorted(self.path("").rglob("*")):
            if ".cache" in path.parts or ".attic" in path.parts:
                continue
            assert not path.name.startswith(".pkibuild-tmp-"), f"{path} was left"
            assert not path.name.endswith(".next"), f"{path} was left"
            if path.suffix == ".crt" and path.is_file() and "newcerts" not in path.parts:
                for one in x509.load_pem_x509_certificates(path.read_bytes()) if path.stat().st_size else ():
                    assert one.public_bytes(Encoding.DER) in known, f"{path} is in no journal"
            if path.suffix in (".key", ".pem") and path.is_file() and "newcerts" not in path.parts:
                assert path.stat().st_mode & 0o077 == 0, f"{path} is open to others"
        for key, certificate in self.pairs():
            public = public_of(key)
            assert public == spki(certificate), f"{key} does not fit its certificate"
            assert public not in publics, f"{key} and {publics.get(public)} are one key"
            publics[public] = key

    def pairs(self) -> Iterator[tuple[Path, x509.Certificate]]:
        """Every key with the certificate beside it."""
        for key in sorted(self.path("").rglob("*.key")):
            if ".attic" in key.parts or ".cache" in key.parts:
                continue
            for folder in (key.parent.parent / "certs", key.parent.parent):
                beside = folder / f"{key.stem}.crt"
                if beside.is_file():
                    yield key, x509.load_pem_x509_certificate(beside.read_bytes())

    def verify(self, leaf: str, root: str = "root", chain: Iterable[str] = ()) -> None:
        """`openssl verify` accepts a leaf (a path) under a root with the intermediates given (paths)."""
        result = self.openssl_verify(leaf, root, chain)
        assert result.returncode == 0, (result.stdout + result.stderr).decode()

    def openssl_verify(
        self, leaf: str, root: str = "root", chain: Iterable[str] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        argv = ["openssl", "verify", "-x509_strict", "-attime", str(self.now)]
        argv += ["-CAfile", str(self.path(f"authorities/{root}/{root}.crt"))]
        for one in chain:
            argv += ["-untrusted", str(self.path(one))]
        return subprocess.run([*argv, str(self.path(leaf))], capture_output=True)


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """A file is out of the way for a while."""
    there = path.exists()
    place = path.with_name(path.name + ".aside")
    if there:
        path.rename(place)
    try:
        yield
    finally:
        if there:
            place.rename(path)


def snapshot_file(path: Path) -> dict[str, Any]:
    return {name: entry for name, entry in snapshot(path.parent).items() if name == path.name}


def _shared(argv: Iterable[str]) -> list[str]:
    """Those of `apply`'s arguments that `plan` takes as well, with their values."""
    kept: list[str] = []
    takes = False
    for one in argv:
        if one.startswith("--"):
            takes = one.partition("=")[0] in SHARED
        if takes:
            kept.append(one)
    return kept


def public_of(key: Path) -> bytes:
    """The public half (DER) of a key in clear, or of an encrypted one that is sealed with `PASSPHRASE`."""
    data = key.read_bytes()
    passphrase = PASSPHRASE.encode() if b"ENCRYPTED" in data else None
    return (
        load_pem_private_key(data, passphrase)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def dns(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def key_id(certificate: x509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def issuer_key_id(certificate: x509.Certificate) -> bytes | None:
    return certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier


def serials(crl: x509.CertificateRevocationList) -> set[int]:
    return {one.serial_number for one in crl}


def crl_number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
