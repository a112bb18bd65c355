"""Whole hierarchies held against every judge: pkilint, OpenSSL, GnuTLS, `cryptography`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import judges
import msgspec
import pytest

from pkibuild.core.times import DAY
from pkibuild.keys import backend, pem
from pkibuild.model.facts import Profile, Revocation
from pkibuild.model.manifest import Attributes, Constraints, Names, Subtrees, Validity
from pkibuild.x509 import inspect, issue
from pkibuild.x509.contents import window

pytestmark = [pytest.mark.server, judges.needed]

NOW = int(time.time())
COMPANY = (("country", "TW"), ("locality", "Taipei"), ("organization", "ABC Company"))
CRL_URL = "http://pki.abc.com/root.crl"
REVOKED = (
    Revocation("5f3a09", NOW - DAY, "superseded"),
    Revocation("00ff", NOW - 2 * DAY, "unspecified"),
    Revocation("7e57", NOW, "key_compromise"),
)


@dataclass(frozen=True)
class Entity:
    """A certificate, its key and who stands above it."""

    key: backend.PrivateKey
    der: bytes
    above: Entity | None = None

    @property
    def pem(self) -> bytes:
        return pem.to_pem(self.der, pem.CERTIFICATE)

    @property
    def root(self) -> Entity:
        return self.above.root if self.above else self

    def between(self) -> tuple[bytes, ...]:
        """The certificates from the issuer upwards, without the root."""
        here, found = self.above, []
        while here and here.above:
            found.append(here.pem)
            here = here.above
        return tuple(found)

    def crl(self, *revoked: Revocation) -> bytes:
        der = issue.sign_crl(
            issue.Issuer.of(self.der),
            self.key,
            number=NOW,
            this_update=NOW,
            next_update=NOW + 30 * DAY,
            revoked=revoked,
        )
        return pem.to_pem(der, pem.CRL)


def build(profile: Profile, algorithm: str, above: Entity | None = None, days: int = 397) -> Entity:
    key = backend.generate(algorithm)
    facts = inspect.certificate_facts(above.der) if above else None
    begin, end, _ = window(
        NOW, Validity(days * DAY), facts and facts.not_before, facts and facts.not_after
    )  # fmt: skip
    made = issue.issue_certificate(
        profile,
        public_key=key.public_key(),
        serial=issue.new_serial(lambda _: False),
        not_before=begin,
        not_after=end,
        issuer=issue.Issuer.of(above.der) if above else issue.Issuer.new(profile, key.public_key()),
        signing_key=above.key if above else key,
    )
    return Entity(key, made.der, above)


def authority(name: str, algorithm: str, above: Entity | None = None, **more: object) -> Entity:
    profile = Profile(subject=(*COMPANY, ("common_name", name)), ca=True)
    return build(msgspec.structs.replace(profile, **more), algorithm, above, 7305 if above is None else 3650)


def leaf(
    above: Entity, algorithm: str, names: Names, usages: tuple[str, ...] = ("server",), subject: Attributes = COMPANY
) -> Entity:
    return build(Profile(subject, names, usages, crl_url=CRL_URL), algorithm, above)


def chain(
    one: Entity, usage: str = "server", names: tuple[str, ...] = (), crls: tuple[bytes, ...] = ()
) -> judges.Chain:
    return judges.Chain(one.pem, one.root.pem, one.between(), usage, names, crls)


SERVER = Names(dns=("www.abc.com", "abc.com", "*.sites.abc.com"), ip=("192.0.2.10", "2001:db8::10"))


@pytest.mark.parametrize(
    ("root_key", "leaf_key"),
    [
        ("rsa-2048", "rsa-2048"),
        ("rsa-3072", "ecdsa-p256"),
        ("ecdsa-p256", "ecdsa-p256"),
        ("ecdsa-p384", "rsa-2048"),
        ("ecdsa-p384", "ecdsa-p384"),
        ("ml-dsa-44", "ml-dsa-44"),
        ("ml-dsa-87", "ecdsa-p256"),
    ],
)
def test_root_and_server(root_key: str, leaf_key: str) -> None:
    root = authority("ABC Company Root CA", root_key)
    server = leaf(root, leaf_key, SERVER, subject=(*COMPANY, ("common_name", "www.abc.com")))
    names = ("www.abc.com", "x.sites.abc.com", "192.0.2.10", "2001:db8::10")
    assert judges.objections(chain(server, names=names, crls=(root.crl(),))) == []


@pytest.mark.parametrize("algorithm", ["ecdsa-p521", "ed25519"])
def test_algorithms_that_the_web_does_not_take(algorithm: str) -> None:
    root = authority("ABC Company Root CA", algorithm)
    server = leaf(root, algorithm, SERVER, subject=(*COMPANY, ("common_name", "www.abc.com")))
    found = judges.objections(chain(server, names=("www.abc.com",), crls=(root.crl(),)))
    # `cryptography` verifies as the web does, and that takes neither (profile.md, "Who accepts what").
    assert [one for one in found if not one.startswith("cryptography: ")] == []
    assert all("Forbidden" in one for one in found)


def test_three_tiers_of_mixed_keys_with_lists() -> None:
    root = authority("ABC Company Root CA", "rsa-3072")
    policy = authority("ABC Company Policy CA", "ecdsa-p384", root, path_length=1, crl_url=CRL_URL)
    issuing = authority("ABC Company Issuing CA", "ecdsa-p256", policy, path_length=0, crl_url=CRL_URL)
    server = build(
        Profile(
            (*COMPANY, ("unit", "網路組"), ("common_name", "www.abc.com")),
            SERVER,
            ("server", "client"),
            crl_url=CRL_URL,
            ca_issuers_url="http://pki.abc.com/issuing.crt",
            ocsp_url="http://ocsp.abc.com/",
        ),
        "rsa-2048",
        issuing,
    )
    crls = (root.crl(*REVOKED), policy.crl(), issuing.crl(*REVOKED))
    for usage in ("server", "client"):
        assert judges.objections(chain(server, usage, ("www.abc.com",), crls)) == []
    for crl, signer in zip(crls, (root, policy, issuing), strict=True):
        assert judges.openssl_crl(crl, signer.pem) == []


def test_a_revoked_leaf_is_refused() -> None:
    root = authority("ABC Company Root CA", "ecdsa-p256")
    server = leaf(root, "ecdsa-p256", SERVER)
    serial = inspect.certificate_facts(server.der).serial
    crl = root.crl(Revocation(serial, NOW, "key_compromise"))
    assert "certificate revoked" in judges.openssl_verify(chain(server, names=("www.abc.com",), crls=(crl,)))[0]


def test_judges_object_to_what_is_wrong() -> None:
    root, other = (authority("ABC Company Root CA", "ecdsa-p256") for _ in range(2))
    server = leaf(root, "ecdsa-p256", SERVER)
    wrong = replace(chain(server, names=("www.abc.com",)), root=other.pem)
    for judge in (judges.openssl_verify, judges.certtool_verify, judges.library_verify):
        assert judge(wrong), judge.__name__
        assert judge(chain(server, names=("www.abd.com",))), judge.__name__
    assert judges.lint_pair(other.pem, server.pem)


@pytest.mark.parametrize("algorithm", ["rsa-2048", "ecdsa-p256"])
@pytest.mark.parametrize("usage", ["client", "email", "code"])
def test_people_and_programs(usage: str, algorithm: str) -> None:
    root = authority("ABC Company Root CA", "ecdsa-p256")
    issuing = authority("ABC Company People CA", "ecdsa-p256", root, path_length=0)
    subject = (*COMPANY, ("common_name", "Alice Wu"), ("email", "alice@abc.com"))
    alice = leaf(issuing, algorithm, Names(), (usage,), subject)
    assert inspect.certificate_facts(alice.der).names == Names(email=("alice@abc.com",))
    assert judges.objections(chain(alice, usage)) == []


@pytest.mark.parametrize("algorithm", ["rsa-2048", "ecdsa-p256"])
def test_self_signed_server(algorithm: str) -> None:
    profile = Profile((*COMPANY, ("common_name", "www.abc.com")), SERVER, ("server",))
    assert judges.objections(chain(build(profile, algorithm), names=("www.abc.com",))) == []


def test_name_constraints() -> None:
    root = authority("ABC Company Root CA", "ecdsa-p256")
    constraints = Constraints(
        permitted=Subtrees(dns=("abc.com",), ip=("192.0.2.0/24", "2001:db8::/32")),
        excluded=Subtrees(dns=("secret.abc.com",)),
    )
    issuing = authority("ABC Company Web CA", "ecdsa-p384", root, path_length=0, constraints=constraints)
    server = leaf(issuing, "ecdsa-p256", msgspec.structs.replace(SERVER, dns=("www.abc.com",)))
    assert judges.objections(chain(server, names=("www.abc.com", "192.0.2.10"))) == []
    outside = leaf(issuing, "ecdsa-p256", Names(dns=("www.abd.com",)))
    for judge in (judges.openssl_verify, judges.certtool_verify, judges.library_verify):
        assert judge(chain(outside, names=("www.abd.com",))), judge.__name__


LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 53, "abc.com"])


@pytest.mark.parametrize(
    ("subject", "names", "wanted"),
    [
        (COMPANY, Names(dns=(LONG,)), (LONG,)),
        ((), Names(dns=("xn--fiqs8s.abc.com",)), ("xn--fiqs8s.abc.com",)),
        ((("common_name", "192.0.2.10"),), Names(ip=("192.0.2.10",)), ("192.0.2.10",)),
        ((("organization", "中華民國" * 16),), Names(dns=("a.abc.com",)), ("a.abc.com",)),
        (
            (("domain_component", "com"), ("domain_component", "abc"), ("unit", "A"), ("unit", "B"), ("street", "X 1")),
            Names(dns=("a.abc.com",), email=("a@abc.com",), uri=("https://a.abc.com/x",)),
            ("a.abc.com",),
        ),
    ],
    ids=["long name", "no subject", "address", "long Chinese organization", "many attributes"],
)
def test_odd_subjects_and_names(subject: Attributes, names: Names, wanted: tuple[str, ...]) -> None:
    root = authority("中華民國某某股份有限公司網路憑證管理中心根憑證", "ecdsa-p256")
    assert judges.objections(chain(leaf(root, "ecdsa-p256", names, subject=subject), names=wanted)) == []
