"""Authorities: what guards them, how their ends bound what they issue, hierarchies and algorithms."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.serialization import Encoding
from estate import Estate, dns, key_id, spki
from helpers import Project

from pkibuild.core.times import format_time

MANIFEST = """\
version: 1
defaults: {issuer: web-ca}
authorities:
  root:
    subject: {common_name: ABC Root CA}
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca:
    issuer: root
    subject: {common_name: ABC Web CA}
    crl: {url: "http://pki.abc.com/web-ca.crl"}
hosts:
  www: {fqdn: www.abc.com, formats: [fullchain]}
"""


WEB = "    subject: {common_name: ABC Web CA}\n"
ROOT = "    subject: {common_name: ABC Root CA}\n"


# -- what is protected ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(WEB, WEB + "    key: ecdsa-p384\n", id="algorithm"),
        pytest.param(WEB, WEB + "    key: {generation: 2}\n", id="generation"),
        pytest.param("ABC Web CA", "XYZ Web CA", id="subject"),
        pytest.param("    issuer: root\n" + WEB, WEB, id="root"),
        pytest.param("ABC Root CA", "XYZ Root CA", id="root-subject"),
        pytest.param(ROOT, ROOT + "    key: rsa-2048\n", id="root-algorithm"),
    ],
)
def test_a_protected_authority_is_not_changed_by_a_slip(estate: Estate, old: str, new: str) -> None:
    estate.edit(old, new)
    assert "protected" in estate.refused()
    assert "protected" in estate.refused("plan")


def test_unprotected_an_algorithm_alone_does_not_replace_the_key(estate: Estate) -> None:
    estate.edit(WEB, WEB + "    key: ecdsa-p384\n    protect: false\n")
    assert "protected" in estate.refused()


def test_a_new_key_may_have_another_algorithm(estate: Estate) -> None:
    estate.later("1d")
    estate.edit(WEB, WEB + "    key: {algorithm: ecdsa-p384, generation: 2}\n    protect: false\n")
    estate.apply()
    key = estate.authority("web-ca").public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp384r1"
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["authorities/web-ca/web-ca.crt"])


def test_unprotected_with_nothing_to_do_is_told(estate: Estate) -> None:
    estate.edit(WEB, WEB + "    protect: false\n")
    run = estate.apply()
    assert run.actions == []
    assert run.warnings() == ["unprotected"]


def test_a_lowered_generation_is_an_error(estate: Estate) -> None:
    estate.later("1d")
    estate.edit(WEB, WEB + "    key: {generation: 2}\n    protect: false\n")
    estate.apply()
    estate.edit("    key: {generation: 2}\n", "    key: {generation: 1}\n")
    assert "generation-lowered" in estate.refused()
    estate.edit("    key: {generation: 1}\n", "")
    assert "generation-lowered" in estate.refused()


def test_a_lowered_generation_of_a_host_is_an_error(estate: Estate) -> None:
    estate.edit("www: {fqdn: www.abc.com,", "www: {fqdn: www.abc.com, key: {generation: 3},")
    estate.apply()
    estate.edit("key: {generation: 3}", "key: {generation: 2}")
    assert "generation-lowered" in estate.refused()


def test_a_root_that_is_rekeyed_reissues_all(estate: Estate) -> None:
    old, www = estate.authority("root"), estate.host("www")
    estate.later("1d")
    estate.edit(ROOT, ROOT + "    key: {generation: 2}\n    protect: false\n")
    run = estate.apply()
    assert {("authority/root/key", "rekey"), ("authority/web-ca/certificate", "reissue")} <= set(run.actions)
    assert ("authority/web-ca/key", "rekey") not in run.actions
    assert spki(estate.authority("root")) != spki(old)
    assert estate.authority("root", 1) == old
    assert estate.host("www") == www, "its issuer has the same name and key: it holds under the new chain"
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["authorities/web-ca/web-ca.crt"])
    assert estate.path("hosts/www/etc/ssl/certs/www.fullchain.crt").read_bytes().count(b"BEGIN") == 2


# -- ends ----------------------------------------------------------------------------------------------------------


def test_a_leaf_never_outlives_its_issuer(estate: Estate) -> None:
    estate.edit(WEB, WEB + "    validity: 200d\n")
    run = estate.apply()
    assert run.reasons("authority/web-ca/certificate") == ["validity-changed"]
    assert run.reasons("host/www/certificate") == ["outlives-issuer"]
    assert {"clamped", "short"} <= set(run.warnings())
    assert estate.host("www").not_valid_after_utc == estate.authority("web-ca").not_valid_after_utc
    entry = estate.issued("host/www/certificate")[-1]
    assert entry["asked_end"] > entry["not_after"], "the declared end is remembered"


def test_a_longer_issuer_lengthens_its_leaves_at_their_own_renewals(estate: Estate) -> None:
    estate.edit(WEB, WEB + "    validity: 200d\n")
    estate.apply()
    clamped = estate.host("www")
    estate.later("10d")
    estate.edit("    validity: 200d\n", "    validity: 3650d\n")
    run = estate.apply()
    assert [id for id, action in run.actions if action == "reissue"] == ["authority/web-ca/certificate"]
    assert estate.host("www") == clamped
    estate.later("165d")
    run = estate.apply()
    assert run.reasons("host/www/certificate") == ["due"]
    assert estate.host("www").not_valid_after_utc > clamped.not_valid_after_utc


def test_a_root_is_never_renewed_by_the_clock(estate: Estate) -> None:
    root = estate.authority("root")
    estate.until("2049-06-01T00:00:00Z")
    run = estate.apply()
    assert "root-due" in run.warnings()
    assert estate.authority("root") == root
    estate.edit(ROOT, ROOT + "    issued_since: 2049-06-01\n")
    estate.later("1h")
    run = estate.apply()
    assert run.reasons("authority/root/certificate") == ["issued-since"]
    assert key_id(estate.authority("root")) == key_id(root)
    assert "root-due" not in estate.apply().warnings()


def test_an_expired_issuer_signs_nothing(estate: Estate) -> None:
    estate.until("2051-01-01T00:00:00Z")
    run = estate.apply(status=4)
    assert run.done == []
    assert {"authority/web-ca/certificate", "host/www/certificate"} <= run.pending


def test_a_certificate_that_is_issued_since_a_date_is_issued_once(estate: Estate) -> None:
    estate.later("1d")
    estate.edit("www: {fqdn: www.abc.com,", f"www: {{fqdn: www.abc.com, issued_since: {format_time(estate.now)},")
    run = estate.apply()
    assert run.reasons("host/www/certificate") == ["issued-since"]
    estate.later("1d")
    assert estate.apply().actions == []


def test_a_key_that_rotates_is_another_at_every_renewal(estate: Estate) -> None:
    estate.edit("www: {fqdn: www.abc.com,", "www: {fqdn: www.abc.com, key: {rotate: on-renewal}, validity: 90d,")
    assert ("host/www/key", "rekey") not in estate.apply().actions, "not before it is due"
    keys = {spki(estate.host("www"))}
    for _ in range(3):
        estate.later("65d")
        run = estate.apply("--due")
        assert ("host/www/key", "rekey") in run.actions
        assert "rotated" in run.reasons("host/www/key")
        keys.add(spki(estate.host("www")))
    assert len(keys) == 4
    assert len(list(estate.path("hosts/www/etc/ssl/private").glob("*.key"))) == 4


def test_a_fixed_end(estate: Estate) -> None:
    estate.edit("www: {fqdn: www.abc.com,", "www: {fqdn: www.abc.com, validity: {not_after: 2030-12-31T00:00:00Z},")
    estate.apply()
    assert format_time(int(estate.host("www").not_valid_after_utc.timestamp())) == "2030-12-31T00:00:00Z"
    estate.until("2030-12-30T00:00:00Z")
    assert not any(id == "host/www/certificate" for id, _ in estate.apply().actions), "no later end can be had"


# -- kinds ---------------------------------------------------------------------------------------------------------

KINDS = {
    "ed25519": ed25519.Ed25519PublicKey,
    "ecdsa-p384": ec.EllipticCurvePublicKey,
    "ecdsa-p521": ec.EllipticCurvePublicKey,
    "ml-dsa-44": mldsa.MLDSA44PublicKey,
    "ml-dsa-65": mldsa.MLDSA65PublicKey,
}


@pytest.mark.parametrize("algorithm", KINDS)
def test_every_algorithm_signs_below_itself(project: Project, algorithm: str) -> None:
    estate = Estate(project)
    estate.write(
        MANIFEST.replace(
            "version: 1\ndefaults: {issuer: web-ca}", f"version: 1\ndefaults: {{issuer: web-ca, key: {algorithm}}}"
        )
    )
    estate.apply()
    for certificate in (estate.authority("root"), estate.authority("web-ca"), estate.host("www")):
        assert isinstance(certificate.public_key(), KINDS[algorithm])
    estate.host("www").verify_directly_issued_by(estate.authority("web-ca"))
    estate.authority("web-ca").verify_directly_issued_by(estate.authority("root"))
    if not algorithm.startswith("ml-dsa"):  # the OpenSSL of the system knows none
        estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["authorities/web-ca/web-ca.crt"])
    estate.later("25d")
    estate.apply()
    assert estate.crl("web-ca").is_signature_valid(estate.authority("web-ca").public_key())  # type: ignore[arg-type]  # stubs lack ML-DSA
    estate.edit("www: {fqdn: www.abc.com,", "www: {fqdn: www.abc.com, aliases: [abc.com],")
    assert ("host/www/key", "rekey") not in estate.apply().actions


def test_four_tiers(project: Project) -> None:
    estate = Estate(project)
    estate.write("""\
version: 1
defaults: {issuer: c}
authorities:
  root: {subject: {common_name: Root}}
  a: {issuer: root, subject: {common_name: A}, path_length: 2}
  b: {issuer: a, subject: {common_name: B}, path_length: 1}
  c: {issuer: b, subject: {common_name: C}, crl: {url: "http://pki.abc.com/c.crl"}}
hosts:
  www: {fqdn: www.abc.com, formats: [fullchain, chain]}
""")
    estate.apply()
    chain = ["hosts/www/etc/ssl/certs/www.chain.crt"]
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=chain)
    parts = x509.load_pem_x509_certificates(estate.path("hosts/www/etc/ssl/certs/www.fullchain.crt").read_bytes())
    assert [one.subject.rfc4514_string() for one in parts] == ["CN=www.abc.com", "CN=C", "CN=B", "CN=A"]
    estate.later("1d")
    estate.edit("b: {issuer: a,", "b: {issuer: a, key: {generation: 2}, protect: false,")
    run = estate.apply()
    assert [id for id, action in run.actions if action == "reissue"] == [
        "authority/b/certificate",
        "authority/c/certificate",
    ]
    assert {id for id, action in run.actions if action == "refresh"} == {"host/www/fullchain", "host/www/chain"}
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=chain)


def test_a_host_that_signs_itself(project: Project) -> None:
    estate = Estate(project)
    estate.write("""\
version: 1
hosts:
  self: {fqdn: self.abc.com, issuer: self, formats: [fullchain, combined]}
""")
    estate.apply()
    one = estate.host("self")
    one.verify_directly_issued_by(one)
    assert not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert [entry["id"] for entry in estate.journal()] == ["host/self/certificate"]
    estate.later("370d")
    run = estate.apply()
    assert run.reasons("host/self/certificate") == ["due"]
    assert spki(estate.host("self")) == spki(one)
    estate.edit("fqdn: self.abc.com", "fqdn: self.abc.com, key: {generation: 2}")
    run = estate.apply()
    assert run.actions[:2] == [("host/self/key", "rekey"), ("host/self/certificate", "reissue")]
    new = estate.host("self")
    new.verify_directly_issued_by(new)


def test_wildcards(estate: Estate) -> None:
    estate.edit("www: {fqdn: www.abc.com,", 'www: {fqdn: www.abc.com, aliases: ["*.abc.com"],')
    estate.apply()
    assert dns(estate.host("www")) == ["www.abc.com", "*.abc.com"]
    done = subprocess.run(
        ["openssl", "x509", "-in", estate.path("hosts/www/etc/ssl/certs/www.crt"), "-noout", "-checkhost", "x.abc.com"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert b"does match" in done.stdout


def test_name_constraints_bind_before_anything_is_signed(estate: Estate) -> None:
    estate.edit(WEB, WEB + "    name_constraints: {permitted: {dns: [abc.com]}}\n")
    estate.apply()
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["authorities/web-ca/web-ca.crt"])
    estate.edit("www: {fqdn: www.abc.com,", "www: {fqdn: www.abc.com, aliases: [www.xyz.com],")
    assert estate.refused()


# -- lists ---------------------------------------------------------------------------------------------------------


def test_a_list_is_made_only_where_it_is_declared(estate: Estate) -> None:
    estate.edit('    crl: {url: "http://pki.abc.com/web-ca.crl"}\n', "")
    run = estate.apply(settled=False)
    assert ("host/www/certificate", "reissue") in run.actions, "its distribution point goes"
    assert not any(isinstance(one.value, x509.CRLDistributionPoints) for one in estate.host("www").extensions)
    estate.later("25d")
    assert estate.apply().actions == []


def test_a_list_is_refreshed_when_due(estate: Estate) -> None:
    before = estate.crl("web-ca")
    estate.later("19d")
    assert estate.apply().actions == []
    estate.later("2d")
    run = estate.apply()
    assert run.actions == [("authority/web-ca/crl", "refresh"), ("authority/web-ca/crl-der", "refresh")]
    assert run.reasons("authority/web-ca/crl") == ["crl-due"]
    after = estate.crl("web-ca")
    assert after.next_update_utc is not None
    assert before.next_update_utc is not None
    assert after.next_update_utc > before.next_update_utc
    assert estate.path("authorities/web-ca/web-ca.crl.der").read_bytes() == after.public_bytes(Encoding.DER)
