"""For random edits the three ways agree: the diff of two revisions, the plan in a tree built from the old one, the plan
from the lock alone; and `apply` then touches what they name (`Estate.apply` holds it to that).

Edited are the manifest, its includes, a pack of one's own, and templates.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from estate import Estate
from helpers import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import commit, git

Data = dict[str, Any]
Edit = Callable[[Data], None]

PACK: Data = {
    "type": "irc",
    "version": 1,
    "summary": "IRC",
    "folders": [{"path": "etc/irc/tls", "mode": "0750"}],
    "materials": [
        {"name": "tls_key", "path": "etc/irc/tls/key.pem", "parts": ["key"], "mode": "0640"},
        {"name": "tls_chain", "path": "etc/irc/tls/chain.crt", "parts": ["leaf", "chain"]},
    ],
    "files": [{"path": "etc/irc/irc.conf", "template": "irc.conf.j2", "language": "ini", "mode": "0640"}],
}
OPTIONS: Data = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "port": {"description": "Port.", "type": "integer", "default": 6697, "examples": [6697]},
        "phrase": {"description": "Oper.", "type": "string", "default": "", "examples": ["x"]},
    },
}

RELAY: Data = {
    "type": "relay",
    "version": 1,
    "summary": "A relay, which has passwords",
    "files": [
        {"path": "etc/relay/relay.conf", "template": "relay.conf.j2", "language": "ini", "mode": "0640"},
        {"path": "etc/relay/{item.name}.conf", "template": "peer.conf.j2", "language": "ini", "each": "peers",
         "mode": "0600"},
    ],
}  # fmt: skip
SECRET: Data = {"description": "Password.", "type": "string", "writeOnly": True, "examples": ["x"]}
RELAY_OPTIONS: Data = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "word": SECRET,
        "port": {"description": "Port.", "type": "integer", "default": 25, "examples": [25]},
        "note": {"description": "In no text.", "type": "string", "default": "", "examples": ["x"]},
        "peers": {
            "description": "Peers.",
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "word": SECRET}},
            "examples": [[{"name": "a", "word": "x"}]],
        },
    },
}

FILES: dict[str, Any] = {
    "a.j2": "name {{ host.fqdn }}\nworkers {{ options.values.workers }}\n",
    "b.j2": "name {{ host.fqdn }}\nkey {{ paths.key }}\n",
    "packs/irc/service.yaml": PACK,
    "packs/irc/options.schema.json": OPTIONS,
    "packs/irc/irc.conf.j2": "name = {{ host.fqdn }}\nkey = {{ paths.tls_key }}\nport = {{ options.port }}\n",
    "packs/relay/service.yaml": RELAY,
    "packs/relay/options.schema.json": RELAY_OPTIONS,
    "packs/relay/relay.conf.j2": "port = {{ options.port }}\nword = {{ options.word }}\n",
    "packs/relay/peer.conf.j2": "name = {{ item.name }}\nword = {{ item.word }}\n",
}
"""What lies beside the manifest; what is no text is written as JSON, which is YAML too."""

BASE: Data = {
    "version": 1,
    "packs": ["packs/irc", "packs/relay"],
    "files": FILES,
    "defaults": {"subject": {"country": "TW", "organization": "ABC"}, "issuer": "web-ca", "validity": "90d"},
    "authorities": {
        "root": {
            "subject": {"common_name": "Root"},
            "key": {"algorithm": "ecdsa-p256"},
            "crl": {"url": "http://pki.abc.com/root.crl", "validity": "90d"},
        },
        "web-ca": {
            "issuer": "root",
            "subject": {"common_name": "Web"},
            "key": {"algorithm": "ecdsa-p256"},
            "crl": {"url": "http://pki.abc.com/web.crl"},
        },
        "other": {"issuer": "root", "subject": {"common_name": "Other"}, "key": {"algorithm": "ecdsa-p256"}},
    },
    "hosts": {
        "www": {"fqdn": "www.abc.com", "aliases": ["abc.com"], "formats": ["pem", "chain", "combined"]},
        "mail": {"fqdn": "mail.abc.com", "issuer": "root", "key": {"algorithm": "ecdsa-p384"}},
        "app": {"fqdn": "app.abc.com", "key": {"algorithm": "ecdsa-p256", "rotate": "on-renewal"}},
    },
    "services": {
        "web": {"type": "apache", "hosts": ["www", "app"]},
        "pop": {"type": "qpopper", "hosts": ["mail"], "listen": ["stls", "pop3s"]},
        "smtp": {"type": "sendmail", "hosts": ["mail"]},
        "own": {
            "type": "files",
            "hosts": ["app"],
            "values": {"workers": 3},
            "files": [{"template": "a.j2", "path": "/etc/x/x.conf"}],
        },
        "irc": {"type": "irc", "hosts": ["www"]},
        "relay": {"type": "relay", "hosts": ["app"], "word": "one", "peers": [{"name": "a", "word": "one"}]},
    },
    "certificates": {"alice": {"usage": ["client"], "subject": {"common_name": "Alice"}, "formats": ["pem", "der"]}},
}


def put(*path: str | int, value: Any) -> Edit:
    def edit(data: Data) -> None:
        inner: Any = data
        for step in path[:-1]:
            inner = inner[step] if isinstance(inner, list) else inner.setdefault(step, {})
        inner[path[-1]] = value

    return edit


def drop(*path: str) -> Edit:
    def edit(data: Data) -> None:
        for step in path[:-1]:
            data = data.get(step, {})
        data.pop(path[-1], None)

    return edit


def together(*edits: Edit) -> Edit:
    def edit(data: Data) -> None:
        for one in edits:
            one(data)

    return edit


def off(host: str) -> Edit:
    """A host goes, and with it its place in every service."""

    def edit(data: Data) -> None:
        data["hosts"].pop(host, None)
        for name in list(data["services"]):
            service = data["services"][name]
            service["hosts"] = [one for one in service["hosts"] if one != host]
            if not service["hosts"]:
                del data["services"][name]

    return edit


def rename(section: str, old: str, new: str) -> Edit:
    def edit(data: Data) -> None:
        if old in data[section]:
            data[section] = {new if name == old else name: value for name, value in data[section].items()}

    return edit


def apart(section: str, name: str, file: str) -> Edit:
    """A declaration goes into an included file, or is written there anew."""

    def edit(data: Data) -> None:
        if name in data[section]:
            data["include"] = ["parts/*.yaml"]
            data["files"][file] = {section: {name: data[section].pop(name)}}

    return edit


def in_pack(part: str, at: int, **changes: Any) -> Edit:
    """Other fields of a part of the pack."""

    def edit(data: Data) -> None:
        data["files"]["packs/irc/service.yaml"][part][at].update(changes)

    return edit


hosts = st.sampled_from(["www", "mail", "app"])
authorities = st.sampled_from(["root", "web-ca", "other"])
names = st.lists(st.sampled_from(["a.abc.com", "b.abc.com", "*.abc.com", "shop.abc.com"]), unique=True, max_size=3)
algorithms = st.sampled_from(["ecdsa-p256", "ecdsa-p384", "ed25519"])
formats = st.lists(st.sampled_from(["fullchain", "chain", "der", "combined"]), unique=True)


def of(section: str, who: st.SearchStrategy[str], *path: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Edit]:
    return st.builds(lambda name, one: put(section, name, *path, value=one), who, value)


words = st.sampled_from(["one", "two", "three and four"])
SECRETS: st.SearchStrategy[Edit] = st.one_of(
    of("services", st.just("relay"), "word", value=words),
    of("services", st.just("relay"), "note", value=words),
    of("services", st.just("relay"), "port", value=st.sampled_from([25, 26])),
    of("services", st.just("relay"), "peers", value=st.lists(
        st.builds(lambda name, word: {"name": name, "word": word}, st.sampled_from(["a", "b"]), words),
        max_size=2, unique_by=lambda one: str(one["name"]))),
    of("hosts", st.just("app"), "aliases", value=st.sampled_from([[], ["a.abc.com"]])),
    of("files", st.just("packs/relay/relay.conf.j2"), value=st.sampled_from([
        "{# as before #}" + FILES["packs/relay/relay.conf.j2"], "port = {{ options.port }}\n",
        "{% if options.word == 'two' %}two = 2\n{% endif %}note = {{ options.note }}\n"])),
    of("files", st.just("packs/relay/peer.conf.j2"), value=st.sampled_from(
        ["name = {{ item.name }}\n", "word = {{ item.word }} {{ options.word }}\n"])),
    st.just(put("services", "irc", "phrase", value="one")),
    st.just(put("files", "packs/irc/options.schema.json", "properties", "phrase", "writeOnly", value=True)),
    st.sampled_from([put("files", "packs/relay/service.yaml", "files", value=[{**RELAY["files"][0], "mode": "0600"}]),
                     put("files", "packs/relay/service.yaml", "files", value=[])]),
)  # fmt: skip
"""Around options that a pack calls secret."""

EDITS: st.SearchStrategy[Edit] = st.one_of(
    SECRETS,
    of("hosts", hosts, "aliases", value=names),
    of("hosts", hosts, "fqdn", value=st.sampled_from(["x.abc.com", "www.abc.com", "mail.abc.com"])),
    of("hosts", hosts, "addresses", value=st.sampled_from([[], ["192.0.2.1"], ["192.0.2.1", "2001:db8::1"]])),
    of("hosts", hosts, "formats", value=formats),
    of("hosts", hosts, "platform", value=st.sampled_from(["debian", "redhat", "freebsd"])),
    of("hosts", hosts, "issuer", value=st.sampled_from(["root", "web-ca", "other", "self"])),
    of("hosts", hosts, "usage", value=st.sampled_from([["server"], ["server", "client"]])),
    of("hosts", hosts, "validity", value=st.sampled_from(["30d", "90d", "397d"])),
    of("hosts", hosts, "key", "algorithm", value=algorithms),
    of("hosts", st.sampled_from(["mail", "app"]), "key", "generation", value=st.integers(1, 3)),
    of("hosts", st.sampled_from(["new1", "new2"]), value=st.just({"fqdn": "new.abc.com", "aliases": ["abc.com"]})),
    st.builds(off, hosts),
    of("authorities", authorities, "crl", value=st.sampled_from(
        [{"url": "http://pki.abc.com/x.crl"}, {"url": "http://pki.abc.com/root.crl", "validity": "120d"}])),
    st.builds(lambda name: drop("authorities", name, "crl"), authorities),
    of("authorities", authorities, "path_length", value=st.integers(0, 2)),
    of("authorities", authorities, "validity", value=st.sampled_from(["10d", "1000d", "7305d"])),
    of("authorities", st.sampled_from(["web-ca", "other"]), "name_constraints", value=st.sampled_from(
        [{"permitted": {"dns": ["abc.com"]}}, {"permitted": {"dns": ["abc.com", "abc.org"]}},
         {"excluded": {"dns": ["x.org"]}}])),
    of("authorities", authorities, "subject", "common_name", value=st.sampled_from(["Renamed", "Root"])),
    of("authorities", authorities, "formats", value=formats),
    of("authorities", authorities, "ca_issuers_url", value=st.just("http://pki.abc.com/ca.crt")),
    st.builds(lambda name, g: together(put("authorities", name, "protect", value=False),
                                       put("authorities", name, "key", "generation", value=g)),
              authorities, st.integers(1, 3)),
    st.builds(lambda name, a: put("authorities", name, "key", "algorithm", value=a), authorities, algorithms),
    st.builds(lambda name: put("authorities", name, "protect", value=False), authorities),
    st.just(put("authorities", "third", value={"subject": {"common_name": "Third"}, "key": "ecdsa-p256"})),
    st.just(drop("authorities", "other")),
    st.just(rename("authorities", "other", "another")),
    st.just(rename("services", "web", "site")),
    st.just(rename("services", "pop", "pop3")),
    st.just(rename("services", "smtp", "smtp2")),
    st.just(rename("hosts", "app", "application")),
    of("services", st.just("pop"), "listen", value=st.sampled_from([["stls"], ["pop3s"], ["stls", "pop3s"]])),
    of("services", st.just("web"), "hosts", value=st.sampled_from([["www"], ["app"], ["www", "app", "mail"]])),
    of("services", st.just("web"), "tls_profile", value=st.sampled_from(["modern", "intermediate", "old"])),
    st.builds(lambda name: drop("services", name), st.sampled_from(["web", "pop", "smtp"])),
    of("certificates", st.sampled_from(["alice", "bob"]), value=st.sampled_from([
        {"usage": ["client", "email"], "subject": {"common_name": "Bob"}, "names": {"email": ["bob@abc.com"]}},
        {"usage": ["client"], "subject": {"common_name": "Alice"}, "formats": ["pem", "fullchain"]}])),
    st.just(drop("certificates", "alice")),
    of("defaults", st.just("subject"), "organization", value=st.just("XYZ")),
    of("defaults", st.just("validity"), value=st.sampled_from(["60d", "90d"])),
    of("defaults", st.just("issuer"), value=st.sampled_from(["root", "other"])),
    of("defaults", st.just("key"), value=algorithms),
    st.just(put("output", value="pki")),
    of("hosts", hosts, "renew_before", value=st.sampled_from(["1d", "10d", "89d"])),
    of("hosts", hosts, "validity", value=st.sampled_from([{"not_after": "2030-06-01"}, {"not_after": "2033-06-01"}])),
    of("hosts", hosts, "subject", value=st.sampled_from(
        [{"country": None}, {"locality": "Taipei"}, {"organization": "XYZ", "unit": ["A", "B"]}])),
    of("hosts", hosts, "key", "rotate", value=st.sampled_from(["never", "on-renewal"])),
    of("hosts", hosts, "key", "passphrase", value=st.just({"env": "ROOT_PASSPHRASE"})),
    of("hosts", hosts, "tags", value=st.sampled_from([["a"], ["a", "b"]])),
    st.builds(lambda name: together(put("hosts", name, "platform", value="user"),
                                    put("hosts", name, "home", value="/home/abc")), st.sampled_from(["www", "app"])),
    of("hosts", st.just("web[1:3]"), value=st.sampled_from(
        [{"fqdn": "web[1:3].abc.com"}, {"fqdn": "web[1:3].abc.com", "aliases": ["w[1:3].abc.com"], "tags": ["a"]}])),
    st.just(together(drop("hosts", "web[1:3]"), put("hosts", "web[1:4]", value={"fqdn": "web[1:4].abc.com"}))),
    of("authorities", st.sampled_from(["web-ca", "other"]), "issuer", value=st.sampled_from(["root", "web-ca"])),
    of("authorities", authorities, "subject", "organization", value=st.sampled_from(["XYZ", None])),
    of("authorities", st.sampled_from(["web-ca", "other"]), "key", "passphrase", value=st.just(
        {"env": "ROOT_PASSPHRASE"})),
    of("services", st.just("web"), "hosts", value=st.sampled_from([{"tags": ["a"]}, ["w*"], ["*"]])),
    of("services", st.just("web"), "client_authorities", value=st.sampled_from([["root"], []])),
    of("services", st.just("web"), "client_auth", value=st.sampled_from(["optional", "none"])),
    of("services", st.just("web"), "port", value=st.sampled_from([8443, 443])),
    of("services", st.just("pop"), "start", value=st.sampled_from(["inetd", "xinetd", "systemd", "standalone"])),
    of("services", st.just("smtp"), "submission", value=st.booleans()),
    of("services", st.just("smtp"), "submit_to", value=st.sampled_from(["127.0.0.1", "192.0.2.1"])),
    of("services", st.just("own"), "files", value=st.sampled_from([
        [{"template": "a.j2", "path": "/etc/x/x.conf"}], [{"template": "b.j2", "path": "/etc/x/x.conf"}],
        [{"template": "b.j2", "path": "/etc/x/y.conf", "mode": "0600"}],
        [{"template": "a.j2", "path": "/etc/x/x.conf"}, {"template": "b.j2", "path": "/etc/x/y.conf"}]])),
    of("services", st.just("own"), "values", value=st.sampled_from([{"workers": 4}, {"workers": 5}])),
    of("services", st.just("own"), "uses", value=st.sampled_from([["fullchain"], ["der"], []])),
    of("certificates", st.sampled_from(["alice", "bob"]), "key", value=st.sampled_from(
        ["ecdsa-p384", {"generation": 2}, {"passphrase": {"env": "ROOT_PASSPHRASE"}}])),
    of("certificates", st.just("alice"), "names", value=st.sampled_from([{"email": ["a@abc.com"]}, {"uri": ["x:y"]}])),
    of("certificates", st.just("user[1:3]"), value=st.just(
        {"usage": ["client"], "subject": {"common_name": "User [1:3]"}})),
    of("defaults", st.just("formats"), value=formats),
    of("defaults", st.just("platform"), value=st.sampled_from(["debian", "redhat"])),
    of("defaults", st.just("renew_before"), value=st.sampled_from(["10d", "20d"])),
    st.just(drop("defaults", "subject")),
    st.sampled_from([apart("hosts", "app", "parts/hosts.yaml"), apart("authorities", "other", "parts/x.yaml"),
                     apart("services", "irc", "parts/services.yaml"), apart("hosts", "www", "parts/www.yaml")]),
    of("files", st.just("a.j2"), value=st.sampled_from(
        ["workers {{ options.values.workers }}\n", "{# as before #}" + FILES["a.j2"], "{{ paths.certificate }}\n"])),
    of("files", st.just("packs/irc/irc.conf.j2"), value=st.sampled_from(
        ["name = {{ host.fqdn }}\n", "{% if options.phrase %}phrase = {{ options.phrase }}\n{% endif %}"])),
    of("files", st.just("packs/irc/options.schema.json"), "properties", "port", "default", value=st.just(6670)),
    st.sampled_from([
        in_pack("materials", 0, path="etc/irc/tls/other.pem"), in_pack("materials", 0, mode="0600"),
        in_pack("materials", 0, parts=["key", "leaf"]), in_pack("materials", 1, parts=["leaf"]),
        in_pack("materials", 1, parts=["leaf", "chain", "root"]), in_pack("materials", 1, name="chain_of_it"),
        in_pack("files", 0, mode="0600"), in_pack("files", 0, path="etc/irc/ircd.conf"),
        in_pack("files", 0, language="words"), in_pack("folders", 0, mode="0700")]),
    of("files", st.just("packs/irc/service.yaml"), "formats", value=st.sampled_from([["combined"], ["der"], []])),
    of("files", st.just("packs/irc/service.yaml"), "requests", value=st.just(
        {"peer": {"usage": ["client"], "common_name": "{host.name}-peer", "names": "fqdn",
                  "key": {"path": "etc/irc/tls/peer.key"}, "certificate": {"path": "etc/irc/tls/peer.crt"}}})),
    of("services", st.just("irc"), "phrase", value=st.sampled_from(["one", "two"])),
    of("services", st.just("irc"), "port", value=st.sampled_from([6697, 7000])),
    of("services", st.just("irc"), "hosts", value=st.sampled_from([["app"], ["www", "mail"], ["*"]])),
    st.just(rename("services", "irc", "chat")),
    st.just(drop("services", "irc")),
    st.just(rename("hosts", "www", "web")),
    st.just(rename("certificates", "alice", "alicia")),
)  # fmt: skip


def edited(data: Data, edits: list[Edit]) -> Data:
    made = deepcopy(data)
    for edit in edits:
        edit(made)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agrees")


def outcome(estate: Estate, *argv: str) -> Any:
    """What a command would do: actions with reasons and fields, orphans; or what it refuses."""
    result = estate.run(*argv, "--format", "json", env=dict.fromkeys(estate.env, ""))
    if result.status == 1:
        told = json.loads(result.err[result.err.index("{") :])["diagnostics"]
        return sorted((one["code"], one["message"]) for one in told if one["severity"] == "error")
    assert result.status == 0, result.err
    plan = json.loads(result.out)
    actions = [
        (one["id"], one["action"], [reason["code"] for reason in one["reasons"]],
         sorted(change["field"] for change in one["changes"]), [risk["code"] for risk in one["risks"]], one["needs"],
         one["paths"])
        for one in plan["actions"]
    ]  # fmt: skip
    return {
        "actions": sorted(actions),
        "orphans": sorted(
            (one["id"], one["paths"], [risk["code"] for risk in one["risks"]]) for one in plan["orphans"]
        ),
        "pending": sorted(one["id"] for one in plan["pending"]),
        "unchanged": plan["summary"]["unchanged"],
    }


def write(estate: Estate, data: Data) -> None:
    """The manifest, and what lies beside it; nothing else stays."""
    for name in ("packs", "parts", "a.j2", "b.j2"):
        path = estate.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    manifest = {name: value for name, value in data.items() if name != "files"}
    for name, value in {"pki.yaml": manifest, **data["files"]}.items():
        path = estate.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))


def review(estate: Estate, data: Data) -> Estate:
    """A folder that has the manifest with what lies beside it, and the lock alone."""
    folder = estate.folder.parent / "review"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(estate.folder / "pki.lock", folder)
    reviewer = Estate(Project(folder), estate.now, {})
    write(reviewer, data)
    return reviewer


SECRETS_ALONE = "secret options"
"""The field that a diff tells of where nothing in a text changes but its secrets."""


def with_actions(told: Any, change: Callable[[Any], Any]) -> Any:
    """Other actions; what is refused is refused."""
    return told if isinstance(told, list) else {**told, "actions": change(told["actions"])}


def without_text(told: Any, secret: tuple[str, ...] = ("",)) -> Any:
    """The lock does not hold the old text of configs; in a built file secrets cannot be masked."""
    return with_actions(
        told,
        lambda actions: [
            (*one[:3], [field for field in one[3] if field not in ("text", SECRETS_ALONE)], *one[4:])
            if one[0].endswith(secret)
            else one
            for one in actions
        ],
    )


def secret_files(data: Data) -> tuple[str, ...]:
    """How the ids of configs end that may hold secrets."""
    marked = data["files"]["packs/irc/options.schema.json"]["properties"]["phrase"].get("writeOnly")
    return ("relay.conf", "/a.conf", "/b.conf", *(("/irc.conf", "/ircd.conf") if marked else ()))


def of_secrets_alone(told: Any) -> int:
    """How many configs change in nothing but a secret: the lock does not know of those."""
    return 0 if isinstance(told, list) else sum(one[3] == [SECRETS_ALONE] for one in told["actions"])


def known_to_the_lock(told: Any) -> Any:
    hidden = of_secrets_alone(told)
    if not hidden:
        return told
    actions = [one for one in told["actions"] if one[3] != [SECRETS_ALONE]]
    return {**told, "actions": actions, "unchanged": told["unchanged"] + hidden}


def agree(folder: Path, before: list[Edit], after: list[Edit]) -> None:
    """All three ways tell the same, and `apply` does it."""
    shutil.rmtree(folder / "estate", ignore_errors=True)
    (folder / "estate").mkdir()
    estate = Estate(Project(folder / "estate"))
    old = edited(BASE, before)
    write(estate, old)
    if estate.run("apply").status != 0:
        return  # the edits do not fit together
    git(estate.folder, "init", "-q")
    (estate.folder / ".gitignore").write_text("pki/\n")
    commit(estate.folder)
    new = edited(old, after)
    write(estate, new)
    planned = outcome(estate, "plan")
    differing = outcome(estate, "diff", "HEAD:pki.yaml", "pki.yaml")
    secret = secret_files(new)
    assert without_text(differing, secret) == without_text(planned, secret)
    reviewer = review(estate, new)
    assert without_text(outcome(reviewer, "plan", "--lock-only")) == without_text(known_to_the_lock(differing))
    if isinstance(planned, dict):
        a_saved_plan_holds(estate, reviewer, unseen=of_secrets_alone(differing))
        estate.apply(settled=False)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(before=st.lists(EDITS, max_size=3), after=st.lists(EDITS, min_size=1, max_size=3))
def test_diff_plan_and_apply_agree(folder: Path, before: list[Edit], after: list[Edit]) -> None:
    agree(folder, before, after)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(before=st.lists(SECRETS, max_size=2), after=st.lists(SECRETS, min_size=1, max_size=3))
def test_they_agree_about_secrets(folder: Path, before: list[Edit], after: list[Edit]) -> None:
    agree(folder, before, after)


def of_relay(name: str, value: Any) -> Edit:
    return put("services", "relay", name, value=value)


@pytest.mark.parametrize(
    "after",
    [
        [of_relay("note", "x")],
        [of_relay("note", "x"), of_relay("word", "two")],
        [of_relay("port", 26), of_relay("word", "two")],
        [of_relay("word", "two")],
        [put("files", "packs/relay/service.yaml", "files", 0, "mode", value="0600")],
        [put("files", "packs/irc/options.schema.json", "properties", "phrase", "writeOnly", value=True)],
    ],
    ids=["of no text", "of no text, and a secret", "of the text, and a secret", "a secret", "mode", "now a secret"],
)
def test_they_agree_about_an_edit_of(folder: Path, after: list[Edit]) -> None:
    agree(folder, [], after)


def a_saved_plan_holds(estate: Estate, reviewer: Estate, unseen: int) -> None:
    """Saved where the keys are, or from the lock alone; there `unseen` changes make it stale."""
    for saver, argv, status in ((estate, (), 0), (reviewer, ("--lock-only",), 5 if unseen else 0)):
        saved = saver.folder / "plan.json"
        saver.run("plan", "--out", str(saved), *argv, env=dict.fromkeys(estate.env, "")).ok()
        assert estate.run("apply", "--plan", str(saved), "--dry-run").status == status


def test_a_manifest_does_not_differ_from_itself(folder: Path) -> None:
    shutil.rmtree(folder / "same", ignore_errors=True)
    (folder / "same").mkdir()
    estate = Estate(Project(folder / "same"))
    write(estate, BASE)
    shutil.copy(estate.folder / "pki.yaml", estate.folder / "other.yaml")
    assert outcome(estate, "diff", "other.yaml", "pki.yaml")["actions"] == []
