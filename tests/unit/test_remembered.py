"""The lock as a source: what it remembers counts as being there, and nothing else does."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace
from samples import CA, NOW, crl, sign

from pkibuild.core.times import DAY, YEAR
from pkibuild.model.desired import BundleArtifact, CertificateArtifact, ConfigArtifact, KeyArtifact, Rights, Unit
from pkibuild.model.facts import FileFacts, KeyFacts
from pkibuild.model.manifest import Authority, Crl, KeySpec, Validity
from pkibuild.observe.files import Files
from pkibuild.observe.lock_only import Remembered, remembered_authorities
from pkibuild.observe.memos import Cache
from pkibuild.packs.pack import File
from pkibuild.packs.pack import Rights as PackRights
from pkibuild.state.lock.lock import Lock, LockEntry, lines_of
from pkibuild.world.tree import Tree
from pkibuild.x509 import inspect

AUTHORITY = Authority(
    "ca", ("authorities", "ca"), CA.subject, "self", KeySpec("ecdsa-p256", generation=2), Validity(YEAR), DAY, None,
    ("pem",), (), CA.names, crl=Crl("http://pki.abc.com/a.crl", 30 * DAY, 10 * DAY),
)  # fmt: skip
KEY = KeyArtifact("authority/ca/key", "key", "authorities/ca/private/ca.key", Rights(), (), AUTHORITY.key)
CERTIFICATE = CertificateArtifact(
    "authority/ca/certificate", "certificate", "authorities/ca/ca.crt", Rights(), (), KEY, CA, "self", Validity(YEAR),
    DAY, None,
)  # fmt: skip
UNIT = Unit("authority/ca", AUTHORITY, "authorities/ca", (KEY, CERTIFICATE))
CHAIN = BundleArtifact(
    "authority/ca/chain", "chain", "authorities/ca/ca.chain.crt", Rights(), (), ("chain",), CERTIFICATE
)
FILE = File("x.conf", "etc/x.conf", "file", PackRights(), ())
CONFIG = ConfigArtifact("service/web@www/x.conf", "config", "hosts/www/etc/x.conf", Rights(), (), FILE, None)

FACTS = inspect.certificate_facts(sign(CA))
OLD = replace(FACTS, fingerprint="0" * 64, key_id="00")
LIST = inspect.crl_facts(crl())
TEXT = b"# Made by pkibuild\n"
ENTRIES = (
    LockEntry(KEY.id, "key", KEY.path, KeyFacts("ecdsa-p256", "ab"), generation=2),
    LockEntry(CERTIFICATE.id, "certificate", CERTIFICATE.path, FACTS, generation=2, asked_end=NOW + 2 * YEAR),
    LockEntry(
        "authority/ca/certificate@g1", "certificate", "authorities/ca/ca.g1.crt", OLD, generation=1, until=NOW + DAY
    ),
    LockEntry("authority/ca/crl", "crl", "authorities/ca/ca.crl", LIST, generation=2),
    LockEntry(CHAIN.id, "chain", CHAIN.path, FileFacts("", ("cert:aa",))),
    LockEntry(CONFIG.id, "config", CONFIG.path, FileFacts(hashlib.sha256(TEXT).hexdigest()), "inputs"),
)


@pytest.fixture
def source(tmp_path: Path) -> Remembered:
    lock = Lock("pki.yaml", "pki").with_changes(lines_of(ENTRIES))
    return Remembered(Lock.parse(lock.serialise(), "pki.lock"), Tree(str(tmp_path)), NOW)


@pytest.fixture
def empty(tmp_path: Path) -> Remembered:
    return Remembered(Lock("pki.yaml", "pki"), Tree(str(tmp_path)), NOW)


def test_what_is_remembered_is_there(source: Remembered) -> None:
    key = source.key(KEY, CERTIFICATE.id)
    assert (key.state, key.facts, key.staged, key.known) == ("present", KeyFacts("ecdsa-p256", "ab"), None, True)
    seen = source.certificate(CERTIFICATE)
    assert (seen.state, seen.facts, seen.known) == ("present", FACTS, True)
    assert seen.recorded is not None
    assert (seen.recorded.facts, seen.recorded.generation, seen.recorded.asked_end) == (FACTS, 2, NOW + 2 * YEAR)
    bundle = source.file(CHAIN, UNIT)
    assert (bundle.state, bundle.parts, bundle.written_parts) == ("present", ("cert:aa",), ("cert:aa",))
    assert source.crl("authority/ca/crl", "", False, AUTHORITY, 2).facts == LIST


def test_what_is_not_remembered_is_not_there(empty: Remembered) -> None:
    key = empty.key(KEY, CERTIFICATE.id)
    assert (key.state, key.known) == ("absent", False)
    seen = empty.certificate(CERTIFICATE)
    assert (seen.state, seen.recorded, seen.known) == ("absent", None, False)
    assert empty.file(CHAIN, UNIT).state == "absent"
    assert empty.file(CONFIG, UNIT).state == "absent"
    assert empty.crl("authority/ca/crl", "", False, AUTHORITY, 1) == empty.crl("x", "", True, AUTHORITY, 1)
    history = empty.history(AUTHORITY)
    assert (history.known, history.remembered, history.generation) == (False, False, None)


def test_at_another_path_there_is_nothing_yet(source: Remembered) -> None:
    """A host that changed its platform has its files elsewhere; they are still known."""
    key = source.key(replace(KEY, path="x.key"), CERTIFICATE.id)
    assert (key.state, key.known) == ("absent", True)
    seen = source.certificate(replace(CERTIFICATE, path="x.crt"))
    assert (seen.state, seen.facts) == ("absent", None)
    assert seen.recorded is not None
    assert source.file(replace(CHAIN, path="x.crt"), UNIT).written_parts == ("cert:aa",)
    assert source.file(replace(CONFIG, path="x.conf"), UNIT).state == "absent"


def test_an_old_text_is_read_only_where_it_is_the_one_that_the_lock_remembers(source: Remembered) -> None:
    seen = source.file(CONFIG, UNIT)
    assert (seen.state, seen.data, seen.inputs, seen.in_receipt) == ("present", None, "inputs", True)
    source.tree.write(CONFIG.path, TEXT)
    assert source.file(CONFIG, UNIT).data == TEXT
    source.tree.write(CONFIG.path, b"something else")
    assert source.file(CONFIG, UNIT).data is None
    assert source.file(CONFIG, UNIT).digest == seen.digest


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o664, 0o755, 0o044])
def test_a_mode_that_is_narrower_in_the_output_folder_is_remembered_as_it_is_there(tmp_path: Path, mode: int) -> None:
    """Else a plan from the lock alone takes a config that its group may write on the host for one that was opened."""
    config = replace(CONFIG, rights=Rights(mode=mode))
    lock = Lock("pki.yaml", "pki").with_changes(lines_of([LockEntry.of(config, FileFacts("ab"), inputs="inputs")]))
    seen = Remembered(Lock.parse(lock.serialise(), "pki.lock"), Tree(str(tmp_path)), NOW).file(config, UNIT)
    assert seen.mode == config.mode


@pytest.mark.parametrize(("later", "living"), [(0, True), (DAY, True), (DAY + 1, False)])
def test_an_older_generation_lives_as_long_as_what_it_signed(source: Remembered, later: int, living: bool) -> None:
    history = Remembered(source.lock, source.tree, NOW + later).history(AUTHORITY)
    assert history.generation == 2
    assert [(one.number, one.certificate.facts, one.living) for one in history.older] == [(1, OLD, living)]
    assert source.older_certificate("authorities/ca/ca.g1.crt") == OLD.fingerprint
    assert source.older_certificate("authorities/ca/ca.g3.crt") == ""


def test_the_list_of_a_generation_that_is_about_to_be_retired_is_the_present_one(source: Remembered) -> None:
    seen = source.crl("authority/ca/crl@g2", "", False, AUTHORITY, 2)
    assert (seen.state, seen.recorded_facts) == ("absent", LIST)
    assert source.crl("authority/ca/crl@g1", "", False, AUTHORITY, 1).recorded_facts is None


def test_journals_are_unknown(source: Remembered) -> None:
    history = source.history(AUTHORITY)
    assert (history.revoked, history.last_time, history.behind) == (None, None, False)
    assert not history.imported


def test_authorities_are_known_by_name_and_subject(source: Remembered, tmp_path: Path) -> None:
    assert source.authorities() == remembered_authorities(source.lock) == {"ca": FACTS.subject}
    files = Files(Tree(str(tmp_path)), Lock("pki.yaml", "pki"), NOW, Cache())
    assert files.authorities() == {}
