"""Any manifest is decoded or refused with diagnostics at places; never anything else."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifests import HEAD, NOW, loaded

from pkibuild.core.diagnostics import UserError
from pkibuild.manifest import load
from pkibuild.model.manifest import Manifest
from pkibuild.views.diagnostics import text as view
from pkibuild.world import World

GOOD: dict[str, Any] = {
    "version": 1,
    "defaults": {"subject": {"country": "TW"}, "issuer": "sub", "key": "ecdsa-p256", "validity": "90d"},
    "authorities": {
        "ca": {"subject": {"common_name": "A"}, "crl": {"url": "http://a.b/c", "validity": "9d"}},
        "sub": {"issuer": "ca", "subject": {"common_name": "B"},
                "name_constraints": {"permitted": {"dns": ["abc.com"]}, "excluded": {"ip": ["10.0.0.0/8"]}}},
    },
    "hosts": {
        "web": {"fqdn": "a.abc.com", "aliases": ["*.abc.com"], "addresses": ["192.0.2.1"], "tags": ["x"]},
        "n[1:3]": {"fqdn": "n[1:3].abc.com", "key": {"algorithm": "rsa-2048", "passphrase": {"env": "A"}}},
    },
    "services": {"s": {"type": "apache", "hosts": ["n*"], "sites": [{"names": ["n1.abc.com"]}]},
                 "t": {"type": "qpopper", "hosts": {"tags": ["x"]}}},
    "certificates": {
        "alice": {"usage": ["client"], "subject": {"common_name": "Al"}, "names": {"email": ["a@abc.com"]}},
    },
    "output": "pki",
}  # fmt: skip

WORDS = ["", "x", "sub", "ca", "self", "external", "web", "n1", "*", "a.b", "*.b", "90d", "0d", "2030-01-01", "TW",
         "ü", "a\nb", "\u202e", "[1:3]", "n[1:9]", "{x}", "$(x)", "rsa-2048", "::1", "10.0.0.1", "a@b.c",
         "http://x/"]  # fmt: skip
ODD = st.sampled_from([None, True, 0, -1, 2**70, 1.5, [], {}, *WORDS]) | st.text(max_size=8)
KEYS = st.sampled_from(
    [*WORDS, "subject", "issuer", "key", "validity", "fqdn", "aliases", "names", "usage", "host", "hosts", "type",
     "common_name", "email", "passphrase", "env", "not_after", "crl", "url", "formats", "include", "packs", "trust",
     "renew_before", "path_length", "permitted", "dns", "ip", "platform", "home", "adopt", "pkibuild", "sites"]
)  # fmt: skip


def mutated(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        what = draw(st.sampled_from(["deeper", "deeper", "deeper", "out", "add", "copy"]))
        if what == "out":
            return {name: one for name, one in value.items() if name != key}
        if what == "add":
            return {**value, draw(KEYS): draw(ODD)}
        if what == "copy":
            return {**value, draw(KEYS): copy.deepcopy(value[key])}
        return {**value, key: mutated(draw, value[key])}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [mutated(draw, value[0]), *value]
    return draw(ODD)


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    value = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        value = mutated(draw, value)
        if not isinstance(value, dict):
            value = {"version": 1, "hosts": value}
    return value


def outcome(path: Path) -> Manifest | str:
    """What comes of a manifest: itself, or what is said of it. Any other exception fails the test."""
    try:
        return load(str(path), World({"PKIBUILD_NOW": NOW}))
    except UserError as error:
        said = error.diagnostics
    assert any(one.severity == "error" for one in said)
    assert all(one.span is not None for one in said)
    return view(said)


def test_the_good_manifest_is_good(tmp_path: Path) -> None:
    path = tmp_path / "pki.yaml"
    path.write_text(json.dumps(GOOD))
    assert isinstance(outcome(path), Manifest)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=manifests())
def test_any_manifest_is_decoded_or_refused(tmp_path: Path, value: dict[str, Any]) -> None:
    path = tmp_path / "pki.yaml"
    path.write_text(json.dumps(value))
    found = outcome(path)
    if isinstance(found, Manifest):
        assert_sound(found)


def assert_sound(manifest: Manifest) -> None:
    """What the rest of the program relies on."""
    seen: list[str] = []
    for one in manifest.authorities.values():
        assert one.is_root or one.issuer in seen
        assert one.subject
        seen.append(one.name)
    for declaration in manifest.declarations():
        assert declaration.issuer in (*seen, "self")
        assert declaration.renew_before > 0
        assert (declaration.validity.seconds is None) != (declaration.validity.not_after is None)
        assert manifest.span(declaration.place) is not None
        for name in (*declaration.names.dns, *declaration.names.ip, *declaration.names.email):
            assert name.isascii()
            assert name.isprintable()
    for host in manifest.hosts.values():
        assert host.fqdn in (*host.names.dns, *host.names.ip)
    for service in manifest.services.values():
        assert service.hosts
        assert set(service.hosts) <= set(manifest.hosts)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=st.text(alphabet="Zqß", min_size=6, max_size=12), value=manifests(), where=st.integers(0, 3))
def test_no_passphrase_is_ever_shown(tmp_path: Path, secret: str, value: dict[str, Any], where: int) -> None:
    """Whatever else is wrong with a manifest, a passphrase written into it is in nothing that is said."""
    secret = f"hunter2{secret}"
    written: Any = [secret, {"value": secret}, {"env": f"{secret} {secret}"}, [secret]][where]
    authorities = value.get("authorities")
    if isinstance(authorities, dict) and isinstance(authorities.get("ca"), dict):
        authorities["ca"]["key"] = {"passphrase": written, "algorithm": "rsa-1"}
    value["defaults"] = {"key": {"passphrase": written}}
    path = tmp_path / "pki.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False))
    found = outcome(path)
    assert isinstance(found, str)
    assert secret not in found


@pytest.mark.parametrize("count", [1, 60])
def test_order_of_the_file_does_not_matter(tmp_path: Path, count: int) -> None:
    """The same declarations in another order are the same manifest, but for the order of hosts."""
    hosts = [f"  h{n}: {{fqdn: h{n}.abc.com, issuer: ca, aliases: [x.abc.com]}}\n" for n in range(count)]
    one = loaded(tmp_path, HEAD + "hosts:\n" + "".join(hosts))
    other = loaded(tmp_path, "hosts:\n" + "".join(reversed(hosts)) + HEAD)
    assert one.hosts == other.hosts
    assert one.authorities == other.authorities
