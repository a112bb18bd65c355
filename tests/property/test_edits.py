"""Random manifests, random edits, random accidents: whatever happens, the rules of `estate` hold after every run."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from estate import Estate
from helpers import Project, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Data = dict[str, Any]

HOSTS = ("www", "mail", "app")
FORMATS = ("fullchain", "chain", "der", "combined")
ALGORITHMS = ("ecdsa-p256", "ecdsa-p384", "ed25519")
ALIASES = ("a.abc.com", "b.abc.com", "*.abc.com", "xn--bcher-kva.example")

ACCIDENTS = ("*.crt", "*.key", "*.der", "*.crl", "*.conf", "*.pem", "*.crl.der", ".install.json", "index.txt", "serial")


# -- manifests ---------------------------------------------------------------------------------------------------------

hosts = st.fixed_dictionaries(
    {},
    optional={
        "aliases": st.lists(st.sampled_from(ALIASES), unique=True, max_size=2),
        "issuer": st.sampled_from(["root", "web-ca", "deep-ca", "self"]),
        "formats": st.lists(st.sampled_from(FORMATS), unique=True, max_size=3),
        "validity": st.sampled_from(["30d", "90d", "397d", "36h"]),
        "usage": st.sampled_from([["server"], ["server", "client"]]),
        "key": st.fixed_dictionaries(
            {}, optional={"algorithm": st.sampled_from(ALGORITHMS), "rotate": st.sampled_from(["never", "on-renewal"])}
        ),
    },
)


@st.composite
def manifests(draw: st.DrawFn) -> Data:
    """A valid manifest: a root, two authorities below it, up to three hosts, a service or none, a person or none."""
    names = draw(st.lists(st.sampled_from(HOSTS), unique=True, min_size=1))
    data: Data = {
        "version": 1,
        "defaults": {"issuer": "web-ca", "subject": {"organization": "ABC Company"}},
        "authorities": {
            "root": {"subject": {"common_name": "Root"}, "crl": {"url": "http://pki.abc.com/root.crl"}},
            "web-ca": {"issuer": "root", "subject": {"common_name": "Web CA"}, "path_length": 1},
            "deep-ca": {"issuer": "web-ca", "subject": {"common_name": "Deep CA"}, "validity": "300d"},
        },
        "hosts": {name: {"fqdn": f"{name}.abc.com", **draw(hosts)} for name in names},
        "certificates": {"alice": {"usage": ["client"], "subject": {"common_name": "Alice"}}},
        "services": {"web": {"type": "apache", "host": names[0]}},
    }
    if draw(st.booleans()):
        data["authorities"]["web-ca"]["crl"] = {"url": "http://pki.abc.com/web-ca.crl", "validity": "10d"}
    for part in ("certificates", "services"):
        if draw(st.booleans()):
            del data[part]
    return data


# -- what happens ------------------------------------------------------------------------------------------------------

Event = tuple[str, Any]

events = st.one_of(
    st.tuples(st.just("time"), st.sampled_from(["1m", "2h", "1d", "25d", "70d", "300d"])),
    st.tuples(st.just("host"), st.tuples(st.sampled_from(HOSTS), hosts)),
    st.tuples(st.just("generation"), st.sampled_from(HOSTS)),
    st.tuples(st.just("rekey"), st.sampled_from(["root", "web-ca", "deep-ca"])),
    st.tuples(st.just("gone"), st.sampled_from(HOSTS)),
    st.tuples(st.just("lose"), st.tuples(st.sampled_from(ACCIDENTS), st.integers(0, 9))),
    st.tuples(st.just("edit"), st.tuples(st.sampled_from(ACCIDENTS), st.integers(0, 9))),
    st.tuples(st.just("lock"), st.none()),
    st.tuples(st.just("prune"), st.none()),
)


def happen(estate: Estate, data: Data, event: Event, argv: list[str], generations: dict[str, int]) -> None:
    """`generations` has those of hosts that are gone as well: a journal never forgets."""
    kind, what = event
    match kind:
        case "time":
            estate.later(what)
        case "host":
            name, host = what
            key = {**host.get("key", {}), "generation": generations.get(name, 1)}
            data["hosts"][name] = {"fqdn": f"{name}.abc.com", **host, "key": key}
        case "generation" if what in data["hosts"]:
            generations[what] = generations.get(what, 1) + 1
            data["hosts"][what]["key"] = {**data["hosts"][what].get("key", {}), "generation": generations[what]}
        case "rekey":
            authority = data["authorities"][what]
            authority["protect"] = False
            authority["key"] = {"generation": authority.get("key", {}).get("generation", 1) + 1}
        case "gone" if len(data["hosts"]) > 1 and what in data["hosts"]:
            del data["hosts"][what]
            if data.get("services") and data["services"]["web"]["host"] == what:
                del data["services"]
        case "lose" if path := victim(estate, *what):
            path.unlink()
        case "edit" if path := victim(estate, *what):
            mode = path.stat().st_mode
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-9])
            path.chmod(mode)
        case "lock":
            estate.lock.unlink(missing_ok=True)
        case "prune":
            argv.append("--prune=*")


def victim(estate: Estate, pattern: str, number: int) -> Path | None:
    """A file of ours; never an authority's key, nor the only memory of what OpenSSL did."""
    found = [
        path
        for path in sorted(estate.path("").rglob(pattern))
        if ".cache" not in path.parts
        and ".attic" not in path.parts
        and not (path.suffix in (".key", ".pem") and "authorities" in path.parts)
    ]
    return found[number % len(found)] if found else None


@pytest.fixture(scope="module")
def shelf() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def in_new_folder(shelf: Path, do: Callable[[Estate], None]) -> None:
    folder = Path(tempfile.mkdtemp(dir=shelf))
    try:
        do(Estate(Project(folder)))
    finally:
        shutil.rmtree(folder)


def written(estate: Estate, data: Data) -> None:
    estate.write(json.dumps(data, indent=1))


quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@quick
@given(data=manifests(), history=st.lists(events, min_size=1, max_size=6))
def test_whatever_happens_the_next_run_mends(shelf: Path, data: Data, history: list[Event]) -> None:
    def live(estate: Estate) -> None:
        written(estate, data)
        estate.apply()
        generations: dict[str, int] = {}
        for event in history:
            argv: list[str] = []
            happen(estate, data, event, argv, generations)
            written(estate, data)
            estate.apply(*argv)

    in_new_folder(shelf, live)


@quick
@given(data=manifests(), event=events, seed=st.integers(0, 1000))
def test_the_order_of_keys_does_not_matter(shelf: Path, data: Data, event: Event, seed: int) -> None:
    def live(estate: Estate) -> None:
        written(estate, data)
        estate.apply()
        written(estate, shuffled(data, random.Random(seed)))
        assert estate.plan()["actions"] == []
        happen(estate, data, event, [], {})
        written(estate, data)
        planned = {one["id"]: one for one in estate.plan()["actions"]}
        written(estate, shuffled(data, random.Random(seed + 1)))
        assert {one["id"]: one for one in estate.plan()["actions"]} == planned

    in_new_folder(shelf, live)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same mapping in another order, and so everything below it."""
    if not isinstance(value, dict):
        return value
    keys = list(value)
    chance.shuffle(keys)
    return {key: shuffled(value[key], chance) for key in keys}


@settings(quick, max_examples=3)
@given(data=manifests(), event=events)
def test_a_plan_is_the_same_in_every_process(shelf: Path, data: Data, event: Event) -> None:
    def live(estate: Estate) -> None:
        written(estate, data)
        estate.apply()
        happen(estate, data, event, [], {})
        written(estate, data)
        told = {
            run("plan", "--format", "json", env={**estate.environment(), "PYTHONHASHSEED": seed}, cwd=estate.folder).out
            for seed in ("0", "1", "2")
        }
        assert len(told) == 1

    in_new_folder(shelf, live)
