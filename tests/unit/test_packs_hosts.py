"""A service on several hosts: each host gets what it would get if it were the only one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import packs as given
import pytest
from msgspec.structs import replace

from pkibuild.model.manifest import Host, Names
from pkibuild.packs.expand import Expander
from pkibuild.packs.pack import Expansion, Pack

HOSTS = (
    given.a_host(),
    given.a_host(
        name="other",
        fqdn="mail.abc.com",
        aliases=("abc.net",),
        names=Names(dns=("mail.abc.com", "abc.net")),
        usages=("server", "client"),
        issuer="self",
        formats=("chain",),
        place=("hosts", "other"),
    ),
    given.a_host("freebsd", name="third"),
    given.a_host("user", name="fourth"),
    given.a_host("user", name="fifth", home="/home/jane"),
)


def _alike(pack: Pack, options: Mapping[str, Any], hosts: Iterable[Host], folder: str = "/nowhere") -> list[Expansion]:
    """What a service wants on each host: the same as where it is the service's only one."""
    service = given.a_service(pack, options)
    together = Expander(given.AUTHORITIES, "pki.yaml", folder)
    found = []
    for host in (*hosts, *hosts):
        alone = Expander(given.AUTHORITIES, "pki.yaml", folder).expand(pack, service, host, issuer_is_root=True)
        found.append(together.expand(pack, service, host, issuer_is_root=True))
        assert found[-1] == alone
    return found[: len(found) // 2]


@pytest.mark.parametrize(
    ("type", "options"),
    [
        ("apache", {}),
        ("apache", {"sites": [{"names": ["abc.com"]}, {}], "redirect_http": True, "client_authorities": ["myrootca"]}),
        ("apache", {"client_auth": "required", "client_authorities": ["nobody"]}),
        ("qpopper", {}),
        ("qpopper", {"start": "xinetd", "pop3_port": 1110}),
        ("sendmail", {}),
        ("sendmail", {"msa": True, "addresses": ["192.0.2.10"]}),
        ("files", {"files": [{"template": "a.j2", "path": "/etc/a", "owner": "a"}, {"template": "b", "path": "/b/a"}]}),
        ("files", {"files": [{"template": "a.j2", "path": "/home/jane/a"}], "check": ["a", "-t"]}),
    ],
)
def test_hosts_of_one_service_do_not_share_what_differs(type: str, options: dict[str, Any]) -> None:
    _alike(given.packs()[type], options, HOSTS)


_RULES = (
    "formats: [{format: der, when: {host.usage: client}}]",
    "materials: [{name: a, path: 'etc/{host.name}', parts: [leaf]}]",
    "materials: [{name: a, path: etc/a, parts: [leaf], when: {host.usage: client}}]",
    "files: [{name: a, path: 'etc/{host.name}', template: a.j2}]",
    "files: [{name: a, path: etc/a, template: '{host.name}.j2'}]",
    "files: [{name: a, path: etc/a, template: a.j2, owner_from: '{host.name}'}]",
    "files: [{name: a, path: etc/a, template: a.j2, group_from: '{service.id}'}]",
    "files: [{name: a, path: etc/a, template: a.j2, when: {host.usage: client}}]",
    "files: [{path: 'etc/{item}', template: a.j2, each: host.names}]",
    "files: [{kind: link, path: etc/a, target: '{paths.key}'}]",
    "files: [{kind: build, path: etc/a, source: 'etc/{host.name}', command: [a]}]",
    "files: [{kind: build, path: etc/a, source: etc/b, command: [a, '{paths.certificate}']}]",
    "files: [{kind: directory, path: 'etc/{host.name}'}]",
    "folders: [{path: 'etc/{host.fqdn}'}]",
    "folders: [{path: etc/a, when: {host.usage: client}}]",
    "commands: {check: [{run: [a, '{host.fqdn}']}]}",
    "commands: {check: [{run: [a], when: {host.usage: client}}]}",
    "commands: {check: [{run: [a, '{item}'], each: host.names}]}",
    "commands: {check: [{run: host.names}]}",
    "endpoints: [{protocol: a, port: 1, when: {host.usage: client}}]",
    "endpoints: [{protocol: a, port: 1, addresses: host.names}]",
    "requests: {a: {usage: [client], key: {path: a.key}, certificate: {path: a}, common_name: '{host.fqdn}'}}",
)


@pytest.mark.parametrize("rule", _RULES)
def test_whatever_of_a_host_a_rule_names_each_host_has_its_own(rule: str, tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(f"type: mine\nversion: 1\nsummary: one rule\n{rule}\n")
    (tmp_path / "a.j2").write_text("a")
    (tmp_path / "options.schema.json").write_text('{"type": "object", "additionalProperties": false}')
    first, other = _alike(given.packs(str(tmp_path))["mine"], {}, HOSTS[:2])
    assert not first.problems
    assert replace(first, host=other.host, contexts=()) != replace(other, contexts=())


@pytest.mark.parametrize(
    ("need", "met"),
    [
        ("platform: [debian]", True),
        ("platform: [redhat]", False),
        ("option: [options.given]", True),
        ("option: [options.given, other]", False),
        ("option: [other], when: {given: x}", False),
        ("option: [other], when: {host.usage: server}", False),
        ("option: [other], when: {service.name: other}", False),
        ("option: [other], when: {origin: pki.yaml}", False),
        ("option: [host.fqdn]", True),
        ("names: [names]", False),
        ("names: [others]", True),
        ("names: [service.name]", False),
        ("usage: [server]", True),
        ("usage: [client]", False),
        ("key: [rsa-2048]", False),
    ],
)
def test_what_a_service_needs_is_asked_of_every_host_that_may_lack_it(need: str, met: bool, tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(f"type: mine\nversion: 1\nsummary: needs\nrequires: [{{{need}}}]\n")
    properties = {name: {"description": name} for name in ("given", "other", "names", "others")}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    (tmp_path / "options.schema.json").write_text(json.dumps(schema))
    given_ones = {"given": "x", "names": ["www.abc.net"]}
    found = _alike(given.packs(str(tmp_path))["mine"], given_ones, (given.a_host(), given.a_host(name="b", fqdn="")))
    assert [not one.problems for one in found] == [met, met and "host" not in need]  # the second has no full name
