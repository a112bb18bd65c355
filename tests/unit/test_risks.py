"""What a reviewer must not miss: each check alone, their order, and those that need the whole plan."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pkibuild.artifacts.certificate.review import IssuanceReview, issued_risks
from pkibuild.artifacts.crl.policies import list_risks
from pkibuild.artifacts.key.kind import STRENGTH, key_risks
from pkibuild.core.times import DAY, YEAR, parse_time
from pkibuild.model.facts import CertificateFacts, CrlFacts, Profile
from pkibuild.model.manifest import ALGORITHMS, Constraints, Names, Subtrees, Validity
from pkibuild.model.plan import Action, Change, Orphan, Plan, Reason
from pkibuild.model.recipes import Write
from pkibuild.review.risks import RISKS, found_risks, with_risks

NOW = parse_time("2030-01-01")
LEAF = Profile((("common_name", "www.abc.com"),), Names(dns=("www.abc.com",)), ("server",))
CA = Profile((("common_name", "CA"),), ca=True, path_length=0, constraints=Constraints(Subtrees(dns=("abc.com",))))


def facts(profile: Profile, span: int = 90 * DAY) -> CertificateFacts:
    """What a certificate of this profile says."""
    return CertificateFacts(
        "01", profile.subject, "s", profile.subject, "s", "p", "ecdsa-p256", "k", "k", NOW, NOW + span - 1, profile.ca,
        profile.path_length, profile.usages, profile.names, profile.constraints, (), (), (), "f",
    )  # fmt: skip


def issued(before: Profile | None, after: Profile, *codes: str, validity: Validity | None = None) -> IssuanceReview:
    reasons = tuple(Reason(code, code) for code in codes)
    return IssuanceReview(
        facts(before) if before else None, None, after, validity or Validity(90 * DAY), "authority/x", reasons
    )


def codes(found: tuple[Reason, ...]) -> list[str]:
    return [one.code for one in found]


def test_a_certificate_that_stays_as_it_was_has_no_risk() -> None:
    assert issued_risks(issued(LEAF, LEAF, "due")) == ()
    assert issued_risks(issued(CA, CA, "issuer-rekeyed")) == ()
    assert issued_risks(issued(None, LEAF, "not-built")) == ()


def test_an_authority_that_is_new() -> None:
    assert codes(issued_risks(issued(None, CA, "not-built"))) == ["new-authority"]
    root = replace(issued(None, replace(CA, constraints=Constraints()), "not-built"), issuer="")
    (risk,) = issued_risks(root)
    assert risk.message == "a new root, which may issue for any name"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(CA, constraints=Constraints()), ["constraints-widened"]),
        (replace(CA, constraints=Constraints(Subtrees(dns=("abc.com", "abc.org")))), ["constraints-widened"]),
        (replace(CA, constraints=Constraints(Subtrees(dns=("web.abc.com",)))), []),
        (replace(CA, path_length=1), ["path-length-widened"]),
        (replace(CA, path_length=None), ["path-length-widened"]),
    ],
)
def test_an_authority_that_may_do_more(after: Profile, expected: list[str]) -> None:
    assert codes(issued_risks(issued(CA, after, "constraints-changed"))) == expected


def test_less_is_no_risk() -> None:
    assert issued_risks(issued(replace(CA, path_length=None), CA, "path-length-changed")) == ()


@pytest.mark.parametrize("before", [None, LEAF])
def test_a_wildcard_that_comes(before: Profile | None) -> None:
    wild = replace(LEAF, names=Names(dns=("www.abc.com", "*.abc.com")))
    assert codes(issued_risks(issued(before, wild, "names-changed"))) == ["new-wildcard"]
    assert issued_risks(issued(wild, wild, "due")) == ()


@pytest.mark.parametrize(
    ("validity", "longer"),
    [
        (Validity(91 * DAY), True),
        (Validity(90 * DAY), False),
        (Validity(30 * DAY), False),
        (Validity(not_after=NOW + YEAR), True),
        (Validity(not_after=NOW + DAY), False),
    ],
)
def test_a_validity_that_is_longer(validity: Validity, longer: bool) -> None:
    found = codes(issued_risks(issued(LEAF, LEAF, "validity-changed", validity=validity)))
    assert found == (["longer-validity"] if longer else [])


def test_a_renewal_is_no_longer_validity() -> None:
    assert issued_risks(issued(LEAF, LEAF, "due", validity=Validity(not_after=NOW + YEAR))) == ()


def test_the_end_that_was_asked_for_counts_not_the_one_that_was_cut() -> None:
    one = replace(issued(LEAF, LEAF, "validity-changed", validity=Validity(300 * DAY)), asked_end=NOW + 397 * DAY)
    assert issued_risks(one) == ()


def test_a_usage_that_comes() -> None:
    both = replace(LEAF, usages=("server", "client"))
    (risk,) = issued_risks(issued(LEAF, both, "usage-changed"))
    assert (risk.code, "clientAuth" in risk.message) == ("usage-added", True)
    assert issued_risks(issued(both, LEAF, "usage-changed")) == ()


def test_several_risks_come_in_the_order_of_the_catalogue() -> None:
    after = replace(CA, constraints=Constraints(), path_length=None)
    found = codes(issued_risks(issued(CA, after, "validity-changed", validity=Validity(YEAR))))
    assert found == ["constraints-widened", "path-length-widened", "longer-validity"]
    assert sorted(found, key=list(RISKS).index) == found


# -- keys and lists ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ("rsa-4096", "rsa-2048", True),
        ("rsa-2048", "rsa-4096", False),
        ("ecdsa-p384", "ecdsa-p256", True),
        ("ecdsa-p256", "ed25519", False),
        ("ml-dsa-44", "ecdsa-p521", True),
        ("ecdsa-p256", "ml-dsa-44", False),
        ("rsa-1024", "rsa-2048", False),
    ],
)
def test_a_weaker_key(before: str, after: str, weaker: bool) -> None:
    assert codes(key_risks(False, before, after)) == (["weaker-algorithm"] if weaker else [])


def test_every_algorithm_has_a_strength() -> None:
    assert set(STRENGTH) == set(ALGORITHMS)


def test_an_authoritys_other_key() -> None:
    assert codes(key_risks(True, "rsa-4096", "rsa-2048")) == ["rekeyed-authority", "weaker-algorithm"]
    assert key_risks(False, "", "rsa-2048") == ()


def test_a_list_that_is_valid_for_longer() -> None:
    before = CrlFacts("i", "k", 1, NOW, NOW + 30 * DAY, (), "d")
    assert codes(list_risks(before, 60 * DAY)) == ["longer-validity"]
    assert list_risks(before, 30 * DAY) == list_risks(before, 7 * DAY) == list_risks(None, YEAR) == ()


# -- the whole plan ----------------------------------------------------------------------------------------------------


def reissue(name: str, before: tuple[str, ...], after: tuple[str, ...], code: str = "names-changed") -> Action:
    change = Change("subjectAltName", before, after)
    recipe = Write("x", b"")
    return Action(f"host/{name}/certificate", "certificate", "reissue", (Reason(code, code),), recipe, (), (change,))


def new(name: str, *dns: str) -> Action:
    names = Change("subjectAltName", (), tuple(f"DNS:{one}" for one in dns))
    reasons = (Reason("not-built", ""),)
    return Action(f"host/{name}/certificate", "certificate", "new", reasons, Write("x", b""), (), (names,))


def orphan(name: str, *names: str, valid: bool = True) -> Orphan:
    found = (Reason("removed-but-valid", ""),) if valid else ()
    return Orphan(f"host/{name}/certificate", "certificate", (), risks=found, names=names)


def moved(*actions: Action, orphans: tuple[Orphan, ...] = ()) -> dict[str, list[str]]:
    plan = with_risks(Plan("m", "o", NOW, actions, orphans), orphans, NOW)
    return {one.id: [risk.message for risk in one.risks if risk.code == "name-moved"] for one in plan.actions}


def test_a_name_that_goes_from_one_host_to_another() -> None:
    found = moved(reissue("a", ("DNS:a", "DNS:x"), ("DNS:a",)), reissue("b", ("DNS:b",), ("DNS:b", "DNS:x")))
    assert found["host/a/certificate"] == []
    (message,) = found["host/b/certificate"]
    assert message.startswith("`DNS:x` comes from `host/a`, whose certificate is still valid")
    assert "revoked: [{certificate: host/a, reason: superseded, on: 2030-01-01}]" in message


def test_a_name_of_a_host_that_is_removed() -> None:
    assert len(moved(new("b", "x"), orphans=(orphan("a", "DNS:x"),))["host/b/certificate"]) == 1
    assert moved(new("b", "x"), orphans=(orphan("a", "DNS:x", valid=False),))["host/b/certificate"] == []


def test_names_that_go_together_are_told_at_once() -> None:
    names = tuple(f"DNS:{one}" for one in "wxyz")
    planned = new("b", *"wxyz")
    (message,) = moved(planned, orphans=(orphan("a", *names),))["host/b/certificate"]
    assert message.startswith("`DNS:w`, `DNS:x` and 2 more come from `host/a`, whose certificate")
    assert moved(planned, orphans=(orphan("a", *names[:1]), orphan("c", *names[1:])))["host/b/certificate"] == [
        message.replace("`DNS:w`, `DNS:x` and 2 more come", "`DNS:w` comes"),
        message.replace("`DNS:w`, `DNS:x` and 2 more", "`DNS:x`, `DNS:y`, `DNS:z`").replace("host/a", "host/c"),
    ]


def test_a_name_that_two_hosts_share_has_not_moved() -> None:
    assert moved(reissue("b", (), ("DNS:x",)))["host/b/certificate"] == []
    assert moved(new("b", "x"), new("c", "x")) == {"host/b/certificate": [], "host/c/certificate": []}


def test_a_name_whose_certificate_has_expired() -> None:
    gone = reissue("a", ("DNS:x",), (), code="expired")
    assert moved(gone, new("b", "x"))["host/b/certificate"] == []


def test_what_was_edited_by_hand_is_marked() -> None:
    edited = Action("a", "config", "restore", (Reason("edited-by-hand", ""),), Write("x", b""), ())
    plan = with_risks(Plan("m", "o", NOW, (edited,)), (), NOW)
    assert codes(plan.actions[0].risks) == ["edited-by-hand"]


def test_risks_are_found_by_code_or_all() -> None:
    risky = replace(new("a", "x"), risks=(Reason("new-wildcard", ""), Reason("usage-added", "")))
    plan = Plan("m", "o", NOW, (risky,), (orphan("b"),))
    assert [risk.code for _, risk in found_risks(plan, ["usage-added"])] == ["usage-added"]
    assert len(found_risks(plan, ["risk"])) == 3
    assert found_risks(plan, ["name-moved"]) == []
