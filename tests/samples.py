"""A sample authority and what it signs, for the tests of what reads and writes certificates."""

from __future__ import annotations

from typing import Any

from pkibuild.core.times import DAY, YEAR
from pkibuild.keys import backend
from pkibuild.model.facts import Profile, Revocation
from pkibuild.model.manifest import Names
from pkibuild.x509 import issue

NOW = 1_800_000_000
CA = Profile((("country", "TW"), ("organization", "ABC Company"), ("common_name", "ABC Company Root CA")), ca=True)
SERVER = Profile(
    (("country", "TW"), ("common_name", "www.abc.com")),
    Names(("www.abc.com", "*.abc.com"), ("192.0.2.10", "2001:db8::10"), ("a@abc.com",), ("https://abc.com/x",)),
    ("server", "client"),
    crl_url="http://pki.abc.com/a.crl",
    ca_issuers_url="http://pki.abc.com/a.crt",
    ocsp_url="http://ocsp.abc.com/",
)
KEY = backend.generate("ecdsa-p256")
ISSUER = issue.Issuer.new(CA, KEY.public_key())


def issued(profile: Profile, key: backend.PrivateKey = KEY, **more: Any) -> issue.Issued:
    """A certificate of `ISSUER`, unless `more` says otherwise."""
    wanted: dict[str, Any] = {
        "public_key": key.public_key(),
        "serial": 0x5F3A09,
        "not_before": NOW,
        "not_after": NOW + YEAR,
        "issuer": ISSUER,
        "signing_key": KEY,
    }
    return issue.issue_certificate(profile, **(wanted | more))


def sign(profile: Profile, key: backend.PrivateKey = KEY, **more: Any) -> bytes:
    """Its DER."""
    return issued(profile, key, **more).der


def crl(*revoked: Revocation, **more: int) -> bytes:
    """A list of `ISSUER`."""
    wanted = {"number": NOW, "this_update": NOW, "next_update": NOW + 30 * DAY} | more
    return issue.sign_crl(ISSUER, KEY, revoked=revoked, **wanted)
