"""The policies one by one, and their order. A certificate that fits is changed in one point, and one check speaks."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pkibuild.artifacts.certificate import policies
from pkibuild.artifacts.certificate.policies import Desired, Held
from pkibuild.artifacts.crl import policies as crl_policies
from pkibuild.artifacts.crl.policies import DesiredCrl
from pkibuild.core.times import DAY, HOUR, MINUTE
from pkibuild.model.facts import CertificateFacts, CrlFacts, Profile, Revocation
from pkibuild.model.manifest import Constraints, Names, Subtrees, Validity

NOW = 1_893_456_000
START = NOW - 10 * DAY
SPAN = 397 * DAY
END = START + SPAN - 1
SUBJECT = (("country", "TW"), ("common_name", "www.abc.com"))
ISSUER_END = NOW + 3000 * DAY

FACTS = CertificateFacts(
    serial="01",
    subject=SUBJECT,
    subject_digest="subject",
    issuer=(("common_name", "CA"),),
    issuer_digest="issuer",
    public="public",
    algorithm="ecdsa-p256",
    key_id="aa",
    issuer_key_id="bb",
    not_before=START,
    not_after=END,
    ca=False,
    path_length=None,
    usages=("server",),
    names=Names(("www.abc.com", "abc.com"), ("192.0.2.1",)),
    constraints=Constraints(),
    crl_urls=("http://pki.abc.com/ca.crl",),
    ca_issuers_urls=(),
    ocsp_urls=(),
    fingerprint="fingerprint",
)
PROFILE = Profile(
    SUBJECT, Names(("www.abc.com", "abc.com"), ("192.0.2.1",)), ("server",), crl_url="http://pki.abc.com/ca.crl"
)
DESIRED = Desired(
    profile=PROFILE,
    public="public",
    self_signed=False,
    issuer_subject="issuer",
    issuer_key_id="bb",
    issuer_not_after=ISSUER_END,
    validity=Validity(SPAN),
    renew_before=30 * DAY,
    issued_since=None,
    clock_renews=True,
    not_before=NOW - 300,
    not_after=NOW - 300 + SPAN - 1,
    asked_end=NOW - 300 + SPAN - 1,
)
HELD = Held(FACTS, 1, END)


def codes(desired: Desired = DESIRED, held: Held = HELD, now: int = NOW) -> list[str]:
    return [reason.code for reason in policies.certificate_reasons(desired, held, now)]


def wanting(**fields: Any) -> Desired:
    return replace(DESIRED, **fields)


def saying(**fields: Any) -> Desired:
    return replace(DESIRED, profile=replace(PROFILE, **fields))


def holding(**fields: Any) -> Held:
    return replace(HELD, facts=replace(FACTS, **fields))


def test_a_certificate_that_fits_is_left_alone() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("desired", "code"),
    [
        (wanting(public=None), "key-changed"),
        (wanting(public="other"), "key-changed"),
        (saying(subject=(("country", "TW"), ("common_name", "web.abc.com"))), "subject-changed"),
        (saying(subject=(("common_name", "www.abc.com"),)), "subject-changed"),
        (wanting(issuer_subject="other"), "issuer-changed"),
        (wanting(issuer_subject=None), "issuer-changed"),
        (wanting(issuer_key_id="cc"), "issuer-rekeyed"),
        (wanting(issuer_key_id=None), "issuer-rekeyed"),
        (wanting(self_signed=True, issuer_not_after=None), "issuer-changed"),
        (saying(names=Names(("www.abc.com",), ("192.0.2.1",))), "names-changed"),
        (saying(names=Names(("www.abc.com", "abc.com", "x.abc.com"), ("192.0.2.1",))), "names-changed"),
        (saying(names=Names(("www.abc.com", "abc.com"), ("192.0.2.2",))), "names-changed"),
        (saying(usages=("server", "client")), "usage-changed"),
        (saying(crl_url="http://pki.abc.com/other.crl"), "urls-changed"),
        (saying(crl_url=""), "urls-changed"),
        (saying(ocsp_url="http://ocsp.abc.com"), "urls-changed"),
        (saying(ca_issuers_url="http://pki.abc.com/ca.crt"), "urls-changed"),
        (wanting(issuer_not_after=END - 1), "outlives-issuer"),
        (wanting(validity=Validity(90 * DAY)), "validity-changed"),
        (wanting(validity=Validity(not_after=END + 2 * DAY)), "validity-changed"),
        (wanting(issued_since=NOW - DAY), "issued-since"),
        (wanting(renew_before=390 * DAY), "due"),
    ],
)
def test_each_change_has_its_reason(desired: Desired, code: str) -> None:
    assert codes(desired) == [code]


@pytest.mark.parametrize(
    "desired",
    [
        pytest.param(saying(subject=tuple(reversed(SUBJECT))), id="attributes in another order"),
        pytest.param(saying(names=Names(("abc.com", "www.abc.com"), ("192.0.2.1",))), id="names in another order"),
        pytest.param(wanting(validity=Validity(SPAN + HOUR)), id="a span that is the same to the day"),
        pytest.param(wanting(issued_since=START), id="issued at that very time"),
        pytest.param(wanting(issued_since=START + 5 * MINUTE), id="issued at that time, and backdated"),
        pytest.param(wanting(issued_since=NOW + DAY), id="a date to come"),
        pytest.param(wanting(validity=Validity(not_after=END)), id="the same end, fixed"),
    ],
)
def test_what_is_no_change(desired: Desired) -> None:
    assert codes(desired) == []


def test_short_spans_are_compared_to_the_minute() -> None:
    held = Held(replace(FACTS, not_before=NOW, not_after=NOW + 36 * HOUR - 1), 1, NOW + 36 * HOUR - 1)
    assert codes(wanting(validity=Validity(36 * HOUR), renew_before=HOUR), held) == []
    assert codes(wanting(validity=Validity(36 * HOUR + 2 * MINUTE), renew_before=HOUR), held) == ["validity-changed"]


def test_authorities_compare_what_bounds_them() -> None:
    facts = replace(FACTS, ca=True, path_length=0, usages=(), names=Names(), crl_urls=())
    profile = Profile(SUBJECT, ca=True, path_length=0)
    desired, held = replace(DESIRED, profile=profile), replace(HELD, facts=facts)
    assert codes(desired, held) == []
    within = Constraints(permitted=Subtrees(dns=("abc.com",)))
    assert codes(replace(desired, profile=replace(profile, path_length=1)), held) == ["path-length-changed"]
    assert codes(replace(desired, profile=replace(profile, constraints=within)), held) == ["constraints-changed"]
    assert codes(replace(desired, profile=replace(profile, ca=False, path_length=None)), held)[0] == "usage-changed"


def test_constraints_may_be_written_in_another_order() -> None:
    one, other = (Constraints(permitted=Subtrees(dns=names)) for names in (("a.com", "b.com"), ("b.com", "a.com")))
    held = replace(HELD, facts=replace(FACTS, ca=True, usages=(), names=Names(), crl_urls=(), constraints=one))
    desired = replace(DESIRED, profile=Profile(SUBJECT, ca=True, constraints=other))
    assert codes(desired, held) == []
    swapped = replace(desired, profile=replace(desired.profile, constraints=Constraints(excluded=one.permitted)))
    assert codes(swapped, held) == ["constraints-changed"]


def test_an_adopted_certificate_without_a_key_id_of_its_issuer_is_held() -> None:
    assert codes(held=holding(issuer_key_id="")) == []


# -- time ----------------------------------------------------------------------------------------------------------


def test_due_begins_with_a_second() -> None:
    begins = END - DESIRED.renew_before + 1
    fresh = wanting(not_after=END + 300 * DAY)
    assert codes(fresh, now=begins - 1) == []
    assert codes(fresh, now=begins) == ["due"]
    assert codes(fresh, now=END) == ["due"]
    assert codes(fresh, now=END + 1) == ["expired"]


def test_what_would_end_no_later_is_not_due() -> None:
    clamped = wanting(not_after=END, issuer_not_after=END)
    assert codes(clamped, now=END - DAY) == []
    assert codes(clamped, now=END + DAY) == []


def test_a_root_is_never_due() -> None:
    desired = wanting(clock_renews=False, not_after=END + 300 * DAY)
    assert codes(desired, now=END + DAY) == []


def test_a_clamped_end_counts_as_the_declared_one() -> None:
    end = START + 100 * DAY
    clamped = Held(replace(FACTS, not_after=end), 1, END)
    assert codes(wanting(issuer_not_after=end), clamped) == []
    assert codes(wanting(issuer_not_after=end + 900 * DAY), clamped) == [], "a longer issuer is no reason by itself"


def test_without_a_record_an_end_with_the_issuers_was_clamped() -> None:
    end = START + 100 * DAY
    unrecorded = Held(replace(FACTS, not_after=end), None, None)
    assert codes(wanting(issuer_not_after=end, renew_before=DAY), unrecorded) == []
    assert codes(wanting(renew_before=DAY), unrecorded) == ["validity-changed"]


# -- the order -----------------------------------------------------------------------------------------------------


def test_reasons_come_in_the_order_of_the_design() -> None:
    desired = wanting(
        public="other",
        issuer_subject="other",
        issuer_not_after=END - 1,
        validity=Validity(90 * DAY),
        issued_since=NOW - DAY,
        renew_before=390 * DAY,
        not_after=END + DAY,
        profile=Profile(
            (("common_name", "x"),), Names(("x",)), ("client",), ca=True, path_length=3, crl_url="http://x/y"
        ),
    )
    assert codes(desired) == [
        "key-changed", "subject-changed", "issuer-changed", "usage-changed", "names-changed", "usage-changed",
        "urls-changed", "outlives-issuer", "validity-changed", "issued-since", "due",
    ]  # fmt: skip


def test_every_reason_says_something_in_lower_case() -> None:
    desired = wanting(public=None, issuer_key_id=None, issued_since=NOW - DAY, renew_before=390 * DAY)
    for reason in policies.certificate_reasons(desired, HELD, NOW):
        assert reason.message
        assert reason.message[0].islower()
        assert not reason.message.endswith(".")


# -- lists ---------------------------------------------------------------------------------------------------------

REVOKED = (Revocation("05", NOW - DAY, "superseded"),)
LIST = CrlFacts("issuer", "bb", NOW, NOW - DAY, NOW + 29 * DAY, REVOKED, "digest")
WANTED = DesiredCrl("issuer", "bb", REVOKED, 30 * DAY, 10 * DAY)


def list_codes(desired: DesiredCrl = WANTED, held: CrlFacts = LIST, now: int = NOW) -> list[str]:
    return [reason.code for reason in crl_policies.crl_reasons(desired, held, now)]


def test_a_list_that_fits_is_left_alone() -> None:
    assert list_codes() == []


@pytest.mark.parametrize(
    ("desired", "code"),
    [
        (replace(WANTED, issuer_key_id="cc"), "issuer-rekeyed"),
        (replace(WANTED, issuer_key_id=None), "issuer-rekeyed"),
        (replace(WANTED, issuer_subject="other"), "issuer-rekeyed"),
        (replace(WANTED, revoked=(*REVOKED, Revocation("06", NOW, "unspecified"))), "revocations-changed"),
        (replace(WANTED, revoked=(Revocation("05", NOW - DAY, "key_compromise"),)), "revocations-changed"),
        (replace(WANTED, validity=60 * DAY), "validity-changed"),
        (replace(WANTED, refresh_before=29 * DAY), "crl-due"),
    ],
)
def test_each_change_of_a_list_has_its_reason(desired: DesiredCrl, code: str) -> None:
    assert list_codes(desired) == [code]


def test_an_expired_revocation_may_stay_until_the_next_refresh() -> None:
    """RFC 5280 5: it leaves with the next list; that it has expired is no reason for one."""
    assert list_codes(replace(WANTED, revoked=())) == []


def test_unknown_revocations_are_no_change() -> None:
    assert list_codes(replace(WANTED, revoked=None)) == []


def test_a_list_is_due_from_a_second_on() -> None:
    begins = LIST.next_update - WANTED.refresh_before
    assert list_codes(now=begins - 1) == []
    assert list_codes(now=begins) == ["crl-due"]
