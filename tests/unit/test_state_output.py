"""Receipts, the marker of the output folder, and what git sees of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pkibuild.core.diagnostics import UserError
from pkibuild.state import marker as output
from pkibuild.state import receipt
from pkibuild.state.receipt import Receipt, ReceiptBuild, ReceiptCommand, ReceiptFile, ReceiptFolder

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
modes = st.integers(0, 0o7777)
files = st.builds(ReceiptFile, texts, modes, texts, texts, st.just(False), texts, texts) | st.builds(
    ReceiptFile, texts, modes, secret=st.just(True), inputs=texts
)
argv = st.lists(texts, max_size=3).map(tuple)
commands = st.lists(st.builds(ReceiptCommand, texts, argv), max_size=3).map(tuple)
receipts = st.builds(
    Receipt,
    st.dictionaries(texts, files, max_size=4),
    st.dictionaries(texts, st.builds(ReceiptFolder, modes, texts, texts), max_size=2),
    st.lists(st.builds(ReceiptBuild, texts, argv, texts, texts), max_size=2).map(tuple),
    *(commands for _ in ("enables", "checks", "reloads", "starts")),
)


@given(receipts)
def test_a_receipt_is_read_as_it_was_written(found: Receipt) -> None:
    data = found.serialise()
    assert receipt.parse(data, "r") == found
    reordered = replace(found, files=dict(reversed(found.files.items())))
    assert reordered == found
    assert reordered.serialise() == data


def test_a_receipt_has_a_line_for_each_file() -> None:
    one, two = (
        ReceiptFile("a/key", 0o640, "root", "smmsp", secret=True),
        ReceiptFile("a/certificate", 0o644, digest="ab"),
    )
    lines = Receipt({"etc/x.key": one, "etc/x.crt": two}).serialise().splitlines()
    assert b'"etc/x.crt":{"node":"a/certificate","mode":"0644","digest":"ab"},' in lines
    assert b'"etc/x.key":{"node":"a/key","mode":"0640","group":"smmsp","secret":true}' in lines


def test_a_secret_has_no_digest() -> None:
    with pytest.raises(ValueError, match="secret"):
        ReceiptFile("x", 0o400, secret=True, digest="ab")


def test_a_receipt_of_a_later_version_is_read_where_its_format_is_ours() -> None:
    data = b'{"format":1,"new":1,"files":{"x":{"node":"n","mode":"0644","colour":"red"}}}'
    assert receipt.parse(data, "r").files == {"x": ReceiptFile("n", 0o644)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "receipt-garbled"),
        (b"\xff\xfe", "receipt-garbled"),
        (b"[]", "receipt-garbled"),
        (b"{}", "receipt-garbled"),
        (b'{"format":1,"files":[]}', "receipt-garbled"),
        (b'{"format":1,"files":{"x":{"node":"n"}}}', "receipt-garbled"),
        (b'{"format":1,"files":{"x":{"node":"n","mode":420}}}', "receipt-garbled"),
        (b'{"format":1,"files":{"x":{"node":"n","mode":"0400","secret":true,"digest":"ab"}}}', "receipt-garbled"),
        (b'{"format":1,"checks":[{"service":"s","argv":"reboot"}]}', "receipt-garbled"),
        (b'{"format":2,"files":[]}', "receipt-newer"),
    ],
)
def test_other_receipts_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(UserError) as caught:
        receipt.parse(data, "hosts/x/.install.json")
    assert caught.value.diagnostics[0].code == code


def test_the_marker() -> None:
    marker = output.Marker("../pki.yaml")
    assert output.parse(marker.serialise(), "m") == marker


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "output-garbled"),
        (b"{}", "output-garbled"),
        (b'{"format":1,"manifest":3}', "output-garbled"),
        (b'{"format":"1","manifest":"x"}', "output-garbled"),
        (b'{"format":9}', "output-newer"),
        (b'{"format":9,"manifest":"x"}', "output-newer"),
    ],
)
def test_other_markers_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(UserError) as caught:
        output.parse(data, "pki/.pkibuild")
    assert caught.value.diagnostics[0].code == code


COMMITTED = [
    ".gitignore",
    "authorities/a.key/a.key.crt",
    "authorities/a.key/journal.jsonl",
    "authorities/private/private.crt",
    "authorities/root/root.crl",
    "authorities/root/root.crt",
    "authorities/root/root.g1.crt",
    "authorities/root/journal.jsonl",
    "journal.jsonl",
    "pki.lock",
    "trust/page/index.html",
    "trust/page/root.crt",
]
KEPT_BACK = [
    ".cache/edited/x.conf",
    ".pkibuild",
    ".pkibuild-tmp-pki.lock",
    ".attic/2026-01-01/x.key",
    "authorities/.pkibuild-tmp-x.crt",
    "authorities/root.crt",
    "authorities/root/.pkibuild-tmp-root.crt",
    "authorities/root/index.txt",
    "authorities/root/newcerts/0A.pem",
    "authorities/root/newcerts/x.crt",
    "authorities/root/openssl.cnf",
    "authorities/root/private/root.crt",
    "authorities/root/private/root.key",
    "authorities/root/private/root.key.next",
    "authorities/root/root.csr",
    "authorities/root/root.key",
    "authorities/root/serial",
    "certificates/alice/alice.crt",
    "certificates/alice/private/alice.key",
    "hosts/trust/etc/x.key",
    "hosts/x/.install.json",
    "hosts/x/authorities/x/x.crt",
    "hosts/x/etc/ssl/certs/x.crt",
    "hosts/x/etc/ssl/private/x.key",
    "key.pem",
    "trust/java/trust.jks.key",
    "trust/x.key",
    "trust/x/y.key.next",
]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_sees_what_is_public_and_no_more(tmp_path: Path) -> None:
    for name in [*COMMITTED, *KEPT_BACK]:
        path = tmp_path / "pki" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(output.GITIGNORE if name == ".gitignore" else b"x")

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    git("init", "-q")
    assert git("ls-files", "--others", "--exclude-standard") == sorted(f"pki/{name}" for name in COMMITTED)
    git("add", "pki")
    assert git("diff", "--cached", "--name-only") == sorted(f"pki/{name}" for name in COMMITTED)
    assert git("check-ignore", *(f"pki/{name}" for name in KEPT_BACK)) == [f"pki/{name}" for name in KEPT_BACK]
