"""What becomes of a key: every state that it can be found in, for hosts and for authorities."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pkibuild.artifacts.key.verdict import KeyState, KeyVerdict, decide
from pkibuild.model.desired import KeyArtifact, Rights
from pkibuild.model.facts import KeyFacts
from pkibuild.model.manifest import KeySpec, Secret
from pkibuild.observe.source import ObservedKey

OWN = KeyFacts("ecdsa-p256", "own")
OTHER = KeyFacts("ecdsa-p256", "other")
STAGED = KeyFacts("ecdsa-p256", "staged")
RSA = KeyFacts("rsa-2048", "own")

PLACE = ("hosts", "www", "key")
HOST = KeyState(
    key=KeyArtifact(
        "host/www/key", "key", "hosts/www/www.key", Rights(), ("hosts", "www", "key"), KeySpec("ecdsa-p256")
    ),
    seen=ObservedKey("present", OWN, 0o400, known=True),
    certified="own",
    generation=1,
    is_authority=False,
    protected=True,
    renewing=False,
)
AUTHORITY = replace(HOST, is_authority=True)


def spec(state: KeyState, /, **fields: Any) -> KeyState:
    """The same, wanted otherwise."""
    return replace(state, key=replace(state.key, spec=replace(state.key.spec, **fields)))


def seen(state: KeyState, /, **fields: Any) -> KeyState:
    """The same, found otherwise."""
    return replace(state, seen=replace(state.seen, **fields))


def absent(state: KeyState, /, **fields: Any) -> KeyState:
    return replace(state, seen=ObservedKey("absent", known=True, **fields))


def codes(verdict: KeyVerdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


@pytest.mark.parametrize("state", [HOST, AUTHORITY], ids=["host", "authority"])
def test_a_key_that_fits_is_kept(state: KeyState) -> None:
    assert decide(state) == KeyVerdict("keep", "own", 1)


@pytest.mark.parametrize("state", [HOST, AUTHORITY], ids=["host", "authority"])
def test_a_key_that_cannot_be_read_is_taken_to_fit(state: KeyState) -> None:
    assert decide(seen(state, state="closed", facts=None)) == KeyVerdict("keep", "own", 1)


def test_what_was_never_made_is_new() -> None:
    state = replace(HOST, seen=ObservedKey("absent"), certified="", generation=None)
    verdict = decide(spec(state, generation=4))
    assert (verdict.verb, verdict.public, verdict.generation, codes(verdict)) == ("new", None, 4, ["not-built"])


def test_a_key_without_a_certificate_is_used() -> None:
    state = replace(HOST, certified="", generation=None)
    assert decide(spec(state, generation=2)) == KeyVerdict("keep", "own", 2)


def test_a_lost_key_of_a_host_is_made_anew() -> None:
    verdict = decide(absent(HOST))
    assert (verdict.verb, verdict.public, codes(verdict)) == ("rekey", None, ["key-missing"])
    assert verdict.retire is None, "there is nothing to keep aside"


def test_a_lost_key_of_an_authority_is_missed() -> None:
    assert decide(absent(AUTHORITY)) == KeyVerdict("missing", "own", 1)


def test_an_authority_that_was_heard_of_is_never_new() -> None:
    assert decide(replace(absent(AUTHORITY), certified="")).verb == "missing"


@pytest.mark.parametrize("generation", [1, 2])
def test_no_edit_makes_a_lost_authority_key_new(generation: int) -> None:
    state = replace(spec(absent(AUTHORITY), generation=generation), protected=False)
    assert decide(state).verb == "missing"


@pytest.mark.parametrize("found", [{"facts": OTHER}, {"state": "damaged", "facts": None}], ids=["other", "garbage"])
def test_a_stranger_at_a_hosts_place_is_kept_aside(found: dict[str, Any]) -> None:
    verdict = decide(seen(HOST, **found))
    assert (verdict.verb, verdict.public, codes(verdict), verdict.retire) == ("rekey", None, ["key-mismatch"], 1)


@pytest.mark.parametrize("found", [{"facts": OTHER}, {"state": "damaged", "facts": None}], ids=["other", "garbage"])
def test_a_stranger_at_an_authoritys_place_is_an_error(found: dict[str, Any]) -> None:
    verdict = decide(seen(AUTHORITY, **found))
    assert verdict.verb == "missing"
    assert verdict.problem is not None
    assert verdict.problem.code == "key-mismatch"


# -- what a killed run left ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [HOST, AUTHORITY], ids=["host", "authority"])
def test_a_committed_key_is_brought_to_its_place(state: KeyState) -> None:
    interrupted = replace(seen(state, staged=STAGED, staging=True), certified="staged", generation=2)
    verdict = decide(spec(interrupted, generation=2))
    assert (verdict.verb, verdict.public, codes(verdict)) == ("finish", "staged", ["interrupted"])
    assert (verdict.staged, verdict.retire) == (True, 1)


def test_the_replaced_key_keeps_the_name_of_its_own_generation() -> None:
    """Where generations were skipped, the one before the new one is not that of the key in place."""
    interrupted = replace(seen(AUTHORITY, staged=STAGED, staging=True, replaced=1), certified="staged", generation=3)
    assert decide(spec(interrupted, generation=3)).retire == 1


def test_the_first_key_retires_none() -> None:
    interrupted = replace(absent(HOST, staged=STAGED, staging=True), certified="staged")
    verdict = decide(interrupted)
    assert (verdict.verb, verdict.retire) == ("finish", None)


def test_half_a_key_is_finished() -> None:
    verdict = decide(seen(AUTHORITY, half=True))
    assert (verdict.verb, verdict.half, verdict.public) == ("finish", True, "own")


def test_a_staged_key_is_used_where_a_new_one_is_made() -> None:
    state = spec(seen(HOST, staged=STAGED, staging=True), generation=2)
    verdict = decide(state)
    assert (verdict.verb, verdict.public, verdict.staged, verdict.generation) == ("rekey", "staged", True, 2)


def test_a_staged_key_of_another_algorithm_is_not_used() -> None:
    state = spec(seen(HOST, staged=KeyFacts("rsa-2048", "staged"), staging=True), generation=2)
    verdict = decide(state)
    assert (verdict.verb, verdict.public, verdict.staged) == ("rekey", None, False)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_staged_key_is_not_used_where_its_passphrase_came_or_went(encrypted: bool) -> None:
    passphrase = None if encrypted else Secret("env", "X", ("place",))
    staged = KeyFacts("ecdsa-p256", "staged", encrypted)
    state = spec(seen(HOST, staged=staged, staging=True), generation=2, passphrase=passphrase)
    assert (decide(state).public, decide(state).staged) == (None, False)


def test_a_staged_key_alone_changes_nothing() -> None:
    assert decide(seen(HOST, staged=STAGED, staging=True)) == KeyVerdict("keep", "own", 1)


# -- edits ---------------------------------------------------------------------------------------------------------


def test_a_raised_generation_replaces_a_hosts_key() -> None:
    verdict = decide(spec(HOST, generation=3))
    assert (verdict.verb, verdict.generation, verdict.retire, codes(verdict)) == ("rekey", 3, 1, ["generation-raised"])


def test_another_algorithm_replaces_a_hosts_key() -> None:
    verdict = decide(seen(HOST, facts=RSA))
    assert (verdict.verb, verdict.generation, codes(verdict)) == ("rekey", 1, ["algorithm-changed"])


def test_without_a_record_the_generation_is_the_declared_one() -> None:
    assert decide(spec(replace(HOST, generation=None), generation=5)) == KeyVerdict("keep", "own", 5)


@pytest.mark.parametrize("state", [HOST, AUTHORITY, absent(HOST)], ids=["host", "authority", "lost"])
def test_a_lowered_generation_is_an_error(state: KeyState) -> None:
    verdict = decide(replace(state, generation=2))
    assert verdict.verb == "keep"
    assert verdict.problem is not None
    assert verdict.problem.code == "generation-lowered"


def test_a_rotating_key_changes_when_its_certificate_is_due() -> None:
    rotating = spec(HOST, rotate="on-renewal")
    assert decide(rotating).verb == "keep"
    verdict = decide(replace(rotating, renewing=True))
    assert (verdict.verb, codes(verdict)) == ("rekey", ["rotated"])


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        (spec(AUTHORITY, generation=2), {"protect: false"}),
        (seen(AUTHORITY, facts=RSA), {"protect: false", "generation: 2"}),
        (replace(seen(AUTHORITY, facts=RSA), protected=False), {"generation: 2"}),
    ],
)
def test_an_authoritys_key_is_replaced_only_with_both_edits(state: KeyState, missing: set[str]) -> None:
    verdict = decide(state)
    assert verdict.verb == "keep"
    assert verdict.problem is not None
    assert verdict.problem.code == "protected"
    assert all(one in verdict.problem.hint for one in missing)


def test_an_authoritys_key_is_replaced_with_both_edits() -> None:
    verdict = decide(replace(spec(AUTHORITY, generation=2), protected=False))
    assert (verdict.verb, verdict.generation, verdict.retire, codes(verdict)) == ("rekey", 2, 1, ["generation-raised"])
