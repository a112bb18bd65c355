"""Plain `openssl ca` and pkibuild take turns in one authority's folder; both must agree on what was issued."""

from __future__ import annotations

import datetime
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.core.times import DAY
from pkibuild.state.journal.journal import Journal, Writer, draft, parse
from pkibuild.state.openssl import config as openssl_config
from pkibuild.state.openssl import index as openssl
from pkibuild.state.openssl import oneline

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")

NOW = int(datetime.datetime.now(datetime.UTC).timestamp())
NAME = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "TW"), x509.NameAttribute(NameOID.COMMON_NAME, "Root")])
URL = "http://pki.abc.com/a,b;c$d#e/root.crl"


def time(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


@dataclass
class Authority:
    """A root with its folder, as `apply` would keep it."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    journal: Journal = field(default_factory=lambda: Journal("journal.jsonl"))

    def sign(
        self, name: x509.Name, *, serial: int = 0, start: int = NOW, end: int = NOW + 90 * DAY, ca: bool = False
    ) -> bytes:
        key = self.key if ca else ec.generate_private_key(ec.SECP256R1())
        return (
            x509.CertificateBuilder(NAME, name, key.public_key(), serial or x509.random_serial_number())
            .not_valid_before(time(start))
            .not_valid_after(time(end))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )

    def record(self, *additions: tuple[str, Mapping[str, Any]]) -> None:
        writer = Writer(self.journal)
        for event, values in additions:
            writer.add(draft(event, NOW, **values))
        self.journal = writer.journal()

    def issue(self, name: x509.Name, node: str = "host/a/certificate", **how: Any) -> x509.Certificate:
        der = self.sign(name, **how)
        self.record(("issue", {"id": node, **said(der)}))
        return x509.load_der_x509_certificate(der)

    def write(self) -> None:
        """The records, as they follow from the journal."""
        index = self.folder / "index.txt"
        index.write_bytes(openssl.index(self.journal, NOW, index.read_bytes() if index.exists() else b""))
        (self.folder / "index.txt.attr").write_bytes(openssl.INDEX_ATTRIBUTES)
        (self.folder / "serial").write_bytes(openssl.serial(self.journal))
        (self.folder / "crlnumber").write_bytes(openssl.crl_number(self.journal))

    def changes(self) -> openssl.Changes:
        names = [path.name for path in (self.folder / "newcerts").iterdir()]
        return openssl.changes(
            (self.folder / "index.txt").read_bytes(),
            (self.folder / "crlnumber").read_bytes(),
            {name: (self.folder / "newcerts" / name).read_bytes() for name in openssl.unknown(names, self.journal)},
            self.journal,
            issuer_digest=hashlib.sha256(NAME.public_bytes()).hexdigest(),
        )

    def take_in(self) -> openssl.Changes:
        found = self.changes()
        self.record(
            *(("issue", {"id": "authority/root/openssl", **said(one.der)}) for one in found.certificates if one.der),
            *(
                ("adopt", {"id": "", "serial": o.serial, "not_after": o.not_after, "detail": {"subject": o.subject}})
                for o in found.certificates
                if not o.der
            ),
            *(
                ("revoke", {"id": "", "serial": one.serial, "detail": {"on": one.on, "reason": one.reason}})
                for one in found.revocations
            ),
        )
        if found.crl_number is not None:
            self.record(("crl", {"id": "authority/root/crl", "generation": 1, "detail": {"number": found.crl_number}}))
        return found

    def openssl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def ca(self, *arguments: str, config: str = "openssl.cnf") -> str:
        return self.openssl("ca", "-batch", "-notext", "-config", config, *arguments).stderr

    def request(self, subject: str, name: str = "new", *more: str) -> str:
        arguments = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]
        self.openssl("req", "-config", "openssl.cnf", *arguments, "-subj", subject, "-out", f"{name}.csr", *more)
        return f"{name}.csr"

    def load(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / name).read_bytes())

    def rows(self) -> dict[str, list[str]]:
        lines = (self.folder / "index.txt").read_text().splitlines()
        return {line.split("\t")[3].lower(): line.split("\t") for line in lines}


def said(der: bytes) -> dict[str, Any]:
    certificate = x509.load_der_x509_certificate(der)
    return {
        "serial": serial_of(certificate),
        "not_before": int(certificate.not_valid_before_utc.timestamp()),
        "not_after": int(certificate.not_valid_after_utc.timestamp()),
        "der": der,
    }


def serial_of(certificate: x509.Certificate) -> str:
    text = f"{certificate.serial_number:x}"
    return text.zfill(len(text) + len(text) % 2)


def subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "private").mkdir()
    (tmp_path / "newcerts").mkdir()
    (tmp_path / "private/root.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made = Authority(tmp_path, key)
    root = made.issue(NAME, "authority/root/certificate", ca=True)
    (tmp_path / "root.crt").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    config = openssl_config.Folder(
        "root", "ecdsa-p256", "private/root.key", "root.crt", "root.crl", crl_url=URL, ocsp_url="http://ocsp.abc.com/"
    )
    (tmp_path / "openssl.cnf").write_bytes(openssl_config.render(config))
    made.write()
    return made


@needs_openssl
def test_openssl_signs_beside_pkibuild_and_the_certificate_is_taken_in(authority: Authority) -> None:
    authority.issue(subject("www.abc.com"))
    authority.write()
    request = authority.request("/C=TW/O=ABC/CN=www.abc.com", "new", "-addext", "subjectAltName=DNS:www.abc.com")
    authority.ca("-in", request, "-out", "new.crt")
    new = authority.load("new.crt")

    found = authority.take_in()
    assert [one.serial for one in found.certificates] == [serial_of(new)]
    assert not found.problems
    assert found.revocations == ()
    entry = authority.journal.by_serial(serial_of(new))
    assert entry is not None
    assert entry.der == new.public_bytes(serialization.Encoding.DER)

    before = (authority.folder / "index.txt").read_bytes()
    authority.write()
    assert (authority.folder / "index.txt").read_bytes() == before  # its own row, byte for byte
    assert not authority.changes()
    assert not authority.changes().problems


@needs_openssl
def test_what_openssl_issues_follows_the_profile(authority: Authority) -> None:
    wishes = "subjectAltName=DNS:www.abc.com,IP:192.0.2.1"
    request = authority.request(
        "/CN=www.abc.com", "new", "-addext", wishes, "-addext", "basicConstraints=critical,CA:TRUE"
    )
    authority.ca("-in", request, "-out", "new.crt")
    new = authority.load("new.crt")
    extensions = {one.oid: one for one in new.extensions}
    value = new.extensions.get_extension_for_class
    assert value(x509.BasicConstraints).value.ca is False
    assert value(x509.BasicConstraints).critical
    assert value(x509.KeyUsage).value.digital_signature
    assert not value(x509.KeyUsage).value.key_encipherment
    assert value(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["www.abc.com"]
    assert value(x509.AuthorityKeyIdentifier).value.authority_cert_issuer is None
    points = value(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name or ()] == [URL]
    assert [one.access_location.value for one in value(x509.AuthorityInformationAccess).value] == [
        "http://ocsp.abc.com/"
    ]
    assert len(extensions) == 8
    assert new.serial_number.bit_length() > 100  # random, and no next number of a file


@needs_openssl
@pytest.mark.parametrize("section", ["v3_ca", "v3_req_rsa", "v3_client", "v3_both", "v3_email", "v3_code"])
def test_every_section_of_the_config_can_be_used(authority: Authority, section: str) -> None:
    authority.ca("-in", authority.request("/CN=x"), "-out", "new.crt", "-extensions", section)
    assert authority.load("new.crt").extensions.get_extension_for_class(x509.BasicConstraints).value.ca is (
        section == "v3_ca"
    )


@needs_openssl
@pytest.mark.parametrize(
    ("algorithm", "argument", "signature"),
    [
        ("rsa-2048", "rsa:2048", "sha256WithRSAEncryption"),
        ("ecdsa-p384", "ec:P-384", "ecdsa-with-SHA384"),
        ("ed25519", "ed25519", "ED25519"),
    ],
)
def test_the_environment_can_name_the_config(
    authority: Authority, algorithm: str, argument: str, signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, _, size = argument.partition(":")
    options = ["-pkeyopt", f"{'ec_paramgen_curve' if kind == 'ec' else 'rsa_keygen_bits'}:{size}"] if size else []
    config = openssl_config.Folder("root", algorithm, "other.key", "other.crt", "root.crl")
    (authority.folder / "openssl.cnf").write_bytes(openssl_config.render(config))
    monkeypatch.setenv("OPENSSL_CONF", "openssl.cnf")
    make = ["req", "-x509", "-newkey", kind, *options, "-nodes", "-keyout", "other.key", "-subj", "/CN=Other"]
    authority.openssl(*make, "-out", "other.crt")
    authority.openssl("ca", "-batch", "-notext", "-in", authority.request("/CN=x"), "-out", "new.crt")
    assert signature in authority.openssl("x509", "-in", "new.crt", "-noout", "-text").stdout
    authority.openssl("ca", "-gencrl", "-out", "root.crl")
    assert "X509v3 Authority Key Identifier" in authority.openssl("crl", "-in", "root.crl", "-noout", "-text").stdout
    authority.openssl("verify", "-x509_strict", "-CAfile", "other.crt", "new.crt")


@needs_openssl
def test_openssl_revokes_what_pkibuild_issued(authority: Authority) -> None:
    odd = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "台北/公司 + Søn"),
            x509.NameAttribute(NameOID.STREET_ADDRESS, "1\\2"),
            x509.NameAttribute(NameOID.COMMON_NAME, "www.abc.com"),
        ]
    )
    leaf = authority.issue(odd)
    other = authority.issue(odd)
    authority.write()
    (authority.folder / "leaf.crt").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    authority.ca("-revoke", "leaf.crt", "-crl_reason", "keyCompromise")

    found = authority.take_in()
    assert [(one.serial, one.reason) for one in found.revocations] == [(serial_of(leaf), "key_compromise")]
    assert abs(found.revocations[0].on - NOW) < 3600
    assert not found.certificates
    assert not found.problems

    authority.write()
    assert authority.rows()[serial_of(leaf)][0] == "R"
    assert authority.rows()[serial_of(other)][0] == "V"
    assert not authority.changes()
    authority.ca("-gencrl", "-out", "root.crl")
    crl = x509.load_pem_x509_crl((authority.folder / "root.crl").read_bytes())
    assert [one.serial_number for one in crl] == [leaf.serial_number]
    assert crl.is_signature_valid(authority.key.public_key())


@needs_openssl
def test_a_crl_made_by_openssl_counts(authority: Authority) -> None:
    authority.record(("crl", {"id": "authority/root/crl", "generation": 1, "detail": {"number": 0x1FF}}))
    authority.write()
    authority.ca("-gencrl", "-out", "root.crl")
    crl = x509.load_pem_x509_crl((authority.folder / "root.crl").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 0x200
    assert authority.take_in().crl_number == 0x200
    authority.write()
    assert authority.changes().crl_number is None
    authority.ca("-gencrl", "-out", "root.crl")
    crl = x509.load_pem_x509_crl((authority.folder / "root.crl").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 0x201


@needs_openssl
def test_expired_and_far_rows_are_as_updatedb_would_have_them(authority: Authority) -> None:
    old = authority.issue(subject("old"), start=NOW - 90 * DAY, end=NOW - DAY)
    far = authority.issue(subject("far"), end=NOW + 60 * 365 * DAY)
    authority.write()
    assert authority.rows()[serial_of(old)][0] == "E"
    assert re.fullmatch(r"20\d{12}Z", authority.rows()[serial_of(far)][1])
    before = (authority.folder / "index.txt").read_bytes()
    authority.ca("-updatedb")
    assert (authority.folder / "index.txt").read_bytes() == before
    status = authority.openssl("ca", "-config", "openssl.cnf", "-status", serial_of(far), check=False).stderr
    assert "Valid (V)" in status


@needs_openssl
def test_without_rand_serial_the_serial_file_leads_to_no_collision(authority: Authority) -> None:
    config = (authority.folder / "openssl.cnf").read_text()
    (authority.folder / "older.cnf").write_text(config.replace("rand_serial      = yes\n", ""))
    promised = int((authority.folder / "serial").read_text(), 16)
    for number in range(2):
        authority.ca("-in", authority.request(f"/CN=x{number}"), "-out", f"{number}.crt", config="older.cnf")
    assert [authority.load(f"{number}.crt").serial_number for number in range(2)] == [promised, promised + 1]
    assert len(authority.take_in().certificates) == 2
    authority.write()
    assert not authority.journal.has_serial((authority.folder / "serial").read_text().strip().lower())


@needs_openssl
def test_a_certificate_counts_even_without_its_row(authority: Authority) -> None:
    index = (authority.folder / "index.txt").read_bytes()
    authority.ca("-in", authority.request("/CN=x"), "-out", "new.crt")
    (authority.folder / "index.txt").write_bytes(index)  # as if it was killed before its index was in place
    assert [one.serial for one in authority.changes().certificates] == [serial_of(authority.load("new.crt"))]


@needs_openssl
def test_a_revocation_of_an_unknown_certificate_is_kept(authority: Authority) -> None:
    stray = authority.sign(subject("stray"))
    certificate = x509.load_der_x509_certificate(stray)
    (authority.folder / "stray.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    authority.ca("-revoke", "stray.crt")
    found = authority.take_in()
    assert [(one.serial, one.der) for one in found.certificates] == [(serial_of(certificate), b"")]
    assert [one.code for one in found.problems] == ["openssl-certificate"]
    before = (authority.folder / "index.txt").read_bytes()
    (authority.folder / "index.txt").unlink()
    authority.write()
    assert (authority.folder / "index.txt").read_bytes() == before
    assert not authority.changes()


def test_the_serial_file_is_steady_and_fits_twenty_octets(authority: Authority) -> None:
    first = openssl.serial(authority.journal)
    assert first == openssl.serial(authority.journal)
    authority.issue(subject("x"))
    assert openssl.serial(authority.journal) != first
    assert 0 < int(first, 16) < 1 << 159
    assert len(first.strip()) % 2 == 0


def test_foreign_and_false_files_in_newcerts_are_passed_over(authority: Authority) -> None:
    der = authority.sign(subject("x"), serial=0x1234)
    pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
    files = {"1234.pem": pem, "99.pem": pem, "AB.pem": b"nothing"}
    found = openssl.changes(b"", b"", files, authority.journal)
    assert [one.serial for one in found.certificates] == ["1234"]
    assert sorted(one.message.split("`")[1] for one in found.problems) == ["newcerts/99.pem", "newcerts/AB.pem"]
    foreign = openssl.changes(b"", b"", {"1234.pem": pem}, authority.journal, issuer_digest="00")
    assert foreign.certificates == ()
    assert "another authority" in foreign.problems[0].message
    assert openssl.unknown(["1234.pem", "README", "x.pem", "../1.pem"], authority.journal) == ["1234.pem"]


def test_a_garbled_index_is_said_and_hurts_nobody(authority: Authority) -> None:
    good = (authority.folder / "index.txt").read_bytes()
    bad = b"V\t991345000000Z\t\t01\tunknown\t/CN=month\nR\t260101000000Z\t\t02\tunknown\t/CN=undated\n\xff\x00junk\n"
    found = openssl.changes(good + bad, b"zz", {}, authority.journal)
    assert not found
    assert [one.message.split("line ")[1].split()[0] for one in found.problems] == ["2", "3", "4"]
    assert openssl.index(authority.journal, NOW, good + bad) == good


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("260101000000Z", "unspecified"),
        ("260101000000Z,keyCompromise", "key_compromise"),
        ("20260101000000Z,CACompromise", "ca_compromise"),
        ("260101000000Z,keyTime,20251231000000Z", "key_compromise"),
        ("260101000000Z,CAkeyTime,20251231000000Z", "ca_compromise"),
        ("260101000000Z,holdInstruction,holdInstructionReject", "certificate_hold"),
    ],
)
def test_reasons_are_read(text: str, reason: str) -> None:
    row = f"R\t300101000000Z\t{text}\t0A\tunknown\t/CN=x\n".encode()
    found = openssl.changes(row, b"", {}, Journal("x"))
    assert [(one.serial, one.on, one.reason) for one in found.revocations] == [("0a", 1767225600, reason)]


def test_reasons_that_openssl_refuses_are_left_out(authority: Authority) -> None:
    leaf = authority.issue(subject("x"))
    detail = {"on": 1767225600, "reason": "privilege_withdrawn"}
    authority.record(("revoke", {"id": "", "serial": serial_of(leaf), "detail": detail}))
    authority.write()
    assert authority.rows()[serial_of(leaf)][2] == "260101000000Z"
    assert not authority.changes()  # what is revoked already is no news


NAMES: dict[str, Callable[[], x509.Name]] = {
    "every attribute": lambda: x509.Name(
        [
            x509.NameAttribute(x509.ObjectIdentifier(oid), "ab")
            for oid in [*oneline._SHORT, "2.5.4.250", "1.3.6.1.4.1.99999.1.2", "2.999.3"]
        ]
    ),
    "several in one": lambda: x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, "a"),
                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "b"),
                ]
            ),
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.LOCALITY_NAME, "c")]),
        ]
    ),
    "old strings": lambda: x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "公司", _ASN1Type.BMPString),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "台北", _ASN1Type.UniversalString),
        ]
    ),
    "escapes": lambda: subject("a/b+c\\d\te~\x7f\u20ac"),
    "long": lambda: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 60)] * 40),
    "empty": lambda: x509.Name([]),
}


@needs_openssl
@pytest.mark.parametrize("name", NAMES)
def test_subjects_are_written_as_openssl_writes_them(authority: Authority, name: str) -> None:
    der = authority.sign(NAMES[name]())
    (authority.folder / "x.crt").write_bytes(
        x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
    )
    authority.ca("-revoke", "x.crt")  # adds a row for a certificate that it did not know
    rows = (authority.folder / "index.txt").read_text().split("\n")
    theirs = rows[-2].split("\t")
    assert oneline.subject(der) == ("" if theirs[5] == theirs[3] else theirs[5])


@needs_openssl
@pytest.mark.parametrize("name", NAMES)
def test_openssl_knows_every_subject_again_when_it_revokes(authority: Authority, name: str) -> None:
    leaf = authority.issue(NAMES[name]())
    authority.write()
    (authority.folder / "x.crt").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    authority.ca("-revoke", "x.crt")
    assert [one.serial for one in authority.changes().revocations] == [serial_of(leaf)]


@pytest.mark.parametrize("cut", [0, 1, 5, 30, 60])
def test_a_cut_certificate_has_no_subject(authority: Authority, cut: int) -> None:
    with pytest.raises(ValueError, match="ends too early"):
        oneline.subject(authority.sign(subject("x"))[:cut])


# -- what was written is not read again --------------------------------------------------------------------------


HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("issue"), st.integers(-3, 9)),
        st.tuples(st.just("revoke"), st.integers(0, 9)),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("list"), st.integers(1, 9)),
        st.tuples(st.just("clock"), st.integers(-4, 4)),
        st.tuples(st.just("foreign"), st.integers(0, 9)),
        st.tuples(st.just("lost"), st.integers(1, 3)),
    ),
    max_size=12,
)


@given(HISTORY)
def test_rows_that_are_added_are_those_of_the_whole(history: list[tuple[str, int]]) -> None:
    """Whatever happens between two runs: the next index is that which is made of the journal from its beginning."""
    journal, now = Journal("x"), NOW
    index, number = b"", b""
    written: openssl.Written | None = None
    for serial, (event, value) in enumerate(history, 0x10):
        writer = Writer(journal)
        issued = [one.serial for one in journal.all_issued]
        one = issued[value % len(issued)] if issued else ""
        if event == "issue":
            end = now + value * DAY + DAY // 2
            writer.add(draft(event, now, "host/a/certificate", serial=f"{serial:02x}", not_after=end))
        elif event in ("revoke", "release") and one:
            reason = "certificate_hold" if event == "revoke" else "remove_from_crl"
            writer.add(draft("revoke", now, "", serial=one, detail={"on": now, "reason": reason}))
        elif event == "list":
            writer.add(draft("crl", now, "authority/x/crl", detail={"number": value}))
        elif event == "clock":
            now += value * DAY
        elif event == "foreign":
            index = index.replace(b"V\t", b"E\t", 1)
        elif event == "lost":
            lines = b"".join(line + b"\n" for line in journal._lines[:-value])
            writer = Writer(parse(lines, "x"))
        journal = writer.journal()
        whole = openssl.index(journal, now, index)
        index, number, written = openssl.step(journal, now, index, number, written)
        assert index == whole
        assert number == openssl.crl_number(journal)
        assert written.stands(index, number, journal)
        assert not openssl.changes(index, number, {}, journal)


def test_only_rows_of_what_is_new_are_made(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        authority.issue(subject(f"x{number}"))
    index, number, written = openssl.step(authority.journal, NOW, b"", b"", None)
    authority.issue(subject("new"))
    made: list[str] = []

    class Counted(openssl.Row):
        def text(self) -> str:
            made.append(self.subject)
            return super().text()

    monkeypatch.setattr(openssl, "Row", Counted)
    openssl.step(authority.journal, NOW, index, number, written)
    assert made == ["/CN=new"]


def test_subjects_that_are_known_are_not_read_from_the_certificates_again(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x/y", "z"):
        authority.issue(subject(name))
    journal = authority.journal
    known = {one.serial: oneline.subject(journal.der(one.index)) for one in journal.all_issued}
    whole = openssl.step(journal, NOW, b"", b"", None)
    monkeypatch.setattr(Journal, "der", lambda *_: pytest.fail("a certificate was read"))
    assert openssl.step(journal, NOW, b"", b"", None, known) == whole


def test_what_was_written_stands_for_its_own_journal_alone(authority: Authority) -> None:
    index, number, written = openssl.step(authority.journal, NOW, b"", b"", None)
    earlier = authority.journal
    authority.issue(subject("new"))
    assert written.stands(index, number, authority.journal)
    assert not written.stands(index + b"\n", number, authority.journal)
    assert not written.stands(index, b"0A\n", authority.journal)
    assert not written.stands(number + index, b"", authority.journal)
    later = openssl.step(authority.journal, NOW, index, number, written)
    assert not later[2].stands(*later[:2], earlier)
    assert not written.stands(index, number, Journal("another"))
