"""An edit rebuilds what it touches and nothing else; nothing to do means nothing is touched."""

from __future__ import annotations

import subprocess

from estate import PASSPHRASE, WEB_CA, Estate, dns, issuer_key_id, key_id, spki

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain, chain, der, combined]
  mail:
    fqdn: mail.abc.com
    issuer: root
  app: {fqdn: app.abc.com}
services:
  web: {type: apache, host: www}
  pop3: {type: qpopper, host: mail, listen: [stls, pop3s]}
  smtp: {type: sendmail, host: mail}
certificates:
  alice:
    usage: [client]
    subject: {common_name: Alice Wu}
    names: {email: [alice@abc.com]}
"""
)


def test_a_second_run_touches_nothing(estate: Estate) -> None:
    run = estate.apply(env={"ROOT_PASSPHRASE": ""})
    assert run.actions == []
    assert run.touched == frozenset()


def test_without_the_lock_nothing_is_built_again(estate: Estate) -> None:
    lock = estate.lock.read_bytes()
    estate.lock.unlink()
    run = estate.apply()
    assert run.actions == []
    assert run.touched == frozenset()
    assert estate.lock.read_bytes() == lock, "the lock is made again from the artifacts, as it was"


def test_an_alias_reissues_one_certificate_with_its_key(estate: Estate) -> None:
    before, key = estate.host("www"), estate.host_key("www")
    estate.edit("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]")
    run = estate.apply()
    assert run.actions == [
        ("host/www/certificate", "reissue"),
        ("host/www/fullchain", "refresh"),
        ("host/www/der", "refresh"),
        ("host/www/combined", "refresh"),
        ("service/web@www/web.conf", "render"),
    ]
    assert run.reasons("host/www/certificate") == ["names-changed"]
    after = estate.host("www")
    assert dns(after) == ["www.abc.com", "abc.com", "shop.abc.com"]
    assert after.serial_number != before.serial_number
    assert spki(after) == spki(before)
    assert estate.host_key("www") == key
    assert b"shop.abc.com" in estate.path("hosts/www/etc/apache2/sites-available/web.conf").read_bytes()
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["hosts/www/etc/ssl/certs/www.chain.crt"])


def test_a_config_that_does_not_show_the_names_stays(estate: Estate) -> None:
    estate.edit("  mail:\n    fqdn: mail.abc.com\n", "  mail:\n    fqdn: mail.abc.com\n    aliases: [pop.abc.com]\n")
    run = estate.apply()
    assert ("host/mail/certificate", "reissue") in run.actions
    assert not any("qpopper" in id for id in run.ids)


def test_an_option_of_a_service_renders_its_config_alone(estate: Estate) -> None:
    estate.edit("listen: [stls, pop3s]", "listen: [pop3s]")
    run = estate.apply("--prune")
    assert {id for id, action in run.actions if action != "prune"} <= {"service/pop3@mail/qpopper-s.conf"}
    assert ("service/pop3@mail/qpopper.conf", "prune") in run.actions


def test_a_root_renewed_with_its_key_reissues_no_leaf(estate: Estate) -> None:
    before = estate.authority("root")
    estate.later("10d")
    estate.edit(
        '    crl: {url: "http://pki.abc.com/root.crl"',
        '    issued_since: 2030-01-11\n    crl: {url: "http://pki.abc.com/root.crl"',
    )
    run = estate.apply()
    assert run.actions == [
        ("authority/root/certificate", "reissue"),
        ("service/smtp@mail/mail.ca.crt", "refresh"),
    ]
    assert run.reasons("authority/root/certificate") == ["issued-since"]
    after = estate.authority("root")
    assert after.serial_number != before.serial_number
    assert after.subject.public_bytes() == before.subject.public_bytes()
    assert key_id(after) == key_id(before)
    assert after.not_valid_after_utc > before.not_valid_after_utc
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=["hosts/www/etc/ssl/certs/www.chain.crt"])


REKEYED = """\
    subject: {common_name: ABC Web CA}
    key: {generation: 2}
    protect: false
"""


def test_an_intermediates_new_key_reissues_exactly_its_subtree(estate: Estate) -> None:
    old, leaf = estate.authority("web-ca"), estate.path("hosts/www/etc/ssl/certs/www.crt").read_bytes()
    old_key = estate.path("authorities/web-ca/private/web-ca.key").read_bytes()
    keys = {name: estate.host_key(name) for name in ("www", "app", "mail")}
    mail = estate.host("mail")
    estate.later("1d")
    estate.edit("    subject: {common_name: ABC Web CA}\n", REKEYED)
    run = estate.apply()
    assert set(run.actions) == {
        ("authority/web-ca/key", "rekey"),
        ("authority/web-ca/certificate", "reissue"),
        ("authority/web-ca/certificate@g1", "retire"),
        ("authority/web-ca/crl", "refresh"),
        ("authority/web-ca/crl-der", "refresh"),
        ("authority/web-ca/crl@g1", "retire"),
        ("authority/web-ca/crl-der@g1", "retire"),
        ("host/www/certificate", "reissue"),
        ("host/www/fullchain", "refresh"),
        ("host/www/chain", "refresh"),
        ("host/www/der", "refresh"),
        ("host/www/combined", "refresh"),
        ("host/app/certificate", "reissue"),
        ("certificate/alice/certificate", "reissue"),
    }
    new = estate.authority("web-ca")
    assert spki(new) != spki(old)
    assert estate.authority("web-ca", 1) == old
    assert estate.path("authorities/web-ca/private/web-ca.g1.key").read_bytes() == old_key
    assert estate.host("mail") == mail
    assert {name: estate.host_key(name) for name in keys} == keys
    for name in ("www", "app"):
        assert issuer_key_id(estate.host(name)) == key_id(new)
        estate.verify(f"hosts/{name}/etc/ssl/certs/{name}.crt", chain=["authorities/web-ca/web-ca.crt"])
    kept = estate.path("old-leaf.pem")
    kept.write_bytes(leaf)
    estate.verify("old-leaf.pem", chain=["authorities/web-ca/web-ca.g1.crt"])
    assert estate.openssl_verify("old-leaf.pem", chain=["authorities/web-ca/web-ca.crt"]).returncode != 0
    kept.unlink()
    assert estate.crl("web-ca", ".g1").is_signature_valid(old.public_key())
    assert estate.crl("web-ca").is_signature_valid(new.public_key())


def test_an_older_generation_is_kept_alive_while_something_under_it_is_valid(estate: Estate) -> None:
    estate.later("1d")
    estate.edit("    subject: {common_name: ABC Web CA}\n", REKEYED)
    estate.apply()
    estate.later("25d")
    run = estate.apply()
    assert ("authority/web-ca/crl@g1", "refresh") in run.actions
    assert ("authority/web-ca/crl-der@g1", "refresh") in run.actions
    first = estate.crl("web-ca", ".g1").next_update_utc
    estate.later("400d")  # by now every leaf of generation 1 has expired
    estate.apply()
    assert estate.crl("web-ca", ".g1").next_update_utc == first
    assert estate.path("authorities/web-ca/web-ca.g1.crt").exists()


def test_a_host_gets_a_new_key_by_its_generation(estate: Estate) -> None:
    key = estate.host_key("app")
    estate.edit("app: {fqdn: app.abc.com}", "app: {fqdn: app.abc.com, key: {generation: 2}}")
    run = estate.apply()
    assert run.actions == [("host/app/key", "rekey"), ("host/app/certificate", "reissue")]
    assert estate.host_key("app") != key
    assert estate.path("hosts/app/etc/ssl/private/app.g1.key").read_bytes() == key


def test_another_algorithm_gets_a_host_a_new_key(estate: Estate) -> None:
    key = estate.host_key("app")
    estate.edit("app: {fqdn: app.abc.com}", "app: {fqdn: app.abc.com, key: ecdsa-p384}")
    run = estate.apply()
    assert run.actions == [("host/app/key", "rekey"), ("host/app/certificate", "reissue")]
    assert run.reasons("host/app/key") == ["algorithm-changed"]
    assert estate.host("app").public_key().key_size == 384  # type: ignore[union-attr]  # it is an EC key
    assert key in [path.read_bytes() for path in estate.path("hosts/app/etc/ssl/private").glob("*.key")]


def test_another_issuer_reissues_with_the_key_kept(estate: Estate) -> None:
    key = estate.host_key("app")
    estate.edit("app: {fqdn: app.abc.com}", "app: {fqdn: app.abc.com, issuer: root}")
    run = estate.apply()
    assert run.actions == [("host/app/certificate", "reissue")]
    assert run.reasons("host/app/certificate") == ["issuer-changed", "urls-changed"]
    assert estate.host_key("app") == key
    estate.verify("hosts/app/etc/ssl/certs/app.crt")


def test_a_usage_a_subject_and_a_validity_each_reissue(estate: Estate) -> None:
    for old, new, reason in (
        ("{fqdn: app.abc.com}", "{fqdn: app.abc.com, usage: [server, client]}", "usage-changed"),
        ("usage: [server, client]}", "usage: [server, client], subject: {unit: Shop}}", "subject-changed"),
        ("subject: {unit: Shop}}", "subject: {unit: Shop}, validity: 90d}", "validity-changed"),
    ):
        estate.later("1h")
        estate.edit(old, new)
        run = estate.apply()
        assert run.actions == [("host/app/certificate", "reissue")]
        assert run.reasons("host/app/certificate") == [reason]


def test_a_new_list_url_reissues_what_the_authority_issued(estate: Estate) -> None:
    estate.edit("pki.abc.com/web-ca.crl", "crl.abc.com/web-ca.crl")
    run = estate.apply()
    assert {id for id, action in run.actions if action == "reissue"} == {
        "host/www/certificate",
        "host/app/certificate",
        "certificate/alice/certificate",
    }


# -- what other tools get wrong ----------------------------------------------------------------------------------


def test_a_removed_name_is_reissued_too(estate: Estate) -> None:
    estate.edit("aliases: [abc.com]", "aliases: []")
    run = estate.apply()
    assert ("host/www/certificate", "reissue") in run.actions
    assert dns(estate.host("www")) == ["www.abc.com"]


def test_names_in_another_order_are_the_same_names(estate: Estate) -> None:
    estate.edit("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]")
    estate.apply()
    estate.edit("aliases: [abc.com, shop.abc.com]", "aliases: [shop.abc.com, abc.com]")
    assert ("host/www/certificate", "reissue") not in estate.apply().actions


def test_an_expired_leaf_is_issued_again(estate: Estate) -> None:
    before = estate.host("app")
    estate.later("398d")
    run = estate.apply()
    assert run.reasons("host/app/certificate") == ["expired"]
    after = estate.host("app")
    assert after.serial_number != before.serial_number
    assert spki(after) == spki(before)
    estate.verify("hosts/app/etc/ssl/certs/app.crt", chain=["authorities/web-ca/web-ca.crt"])


def test_a_lost_root_key_is_never_answered_with_a_new_root(estate: Estate) -> None:
    root = estate.authority("root")
    estate.path("authorities/root/private/root.key").unlink()
    run = estate.apply()
    assert run.actions == []
    assert "key-away" in run.warnings()
    estate.edit("app: {fqdn: app.abc.com}", "app: {fqdn: app.abc.com, issuer: root}")
    assert estate.refused() == ["key-missing"]
    assert "key-away" not in estate.run("plan").err
    assert estate.authority("root") == root


def test_a_remade_authority_does_not_skip_its_children(estate: Estate) -> None:
    """A new certificate for an authority with its old key is no reason; a new key is one, for all of its children."""
    estate.later("1d")
    estate.edit(
        "    subject: {common_name: ABC Web CA}\n", "    subject: {common_name: ABC Web CA 2}\n    protect: false\n"
    )
    run = estate.apply()
    assert {("host/www/certificate", "reissue"), ("host/app/certificate", "reissue")} <= set(run.actions)
    assert ("authority/web-ca/key", "rekey") not in run.actions
    for name in ("www", "app"):
        estate.verify(f"hosts/{name}/etc/ssl/certs/{name}.crt", chain=["authorities/web-ca/web-ca.crt"])


def test_a_self_signed_mail_host_trusts_its_submission_program(estate: Estate) -> None:
    """Both certificates are their own roots: what the server verifies clients with has to hold both."""
    estate.edit("    issuer: root\n  app:", "    issuer: self\n  app:")
    estate.apply()
    folder = "hosts/mail/etc/mail/certs"
    anchors = f"{folder}/mail.ca.crt"
    for leaf in ("hosts/mail/etc/ssl/certs/mail.crt", f"{folder}/mail-msp.crt"):
        argv = ["openssl", "verify", "-attime", str(estate.now), "-CAfile", str(estate.path(anchors))]
        subprocess.run([*argv, str(estate.path(leaf))], check=True, capture_output=True)
    assert estate.plan("--lock-only")["actions"] == []
    estate.path(f"{folder}/../private/mail-msp.key").unlink()
    run = estate.apply()
    assert ("service/smtp@mail/mail.ca.crt", "refresh") in run.actions
    assert ("host/mail/certificate", "reissue") not in run.actions


def test_a_self_signed_certificate_is_issued_again_with_its_sealed_key(estate: Estate) -> None:
    own = "  own: {fqdn: own.abc.com, issuer: self, key: {algorithm: ecdsa-p256, passphrase: {env: OWN_PASSPHRASE}}}\n"
    estate.env["OWN_PASSPHRASE"] = PASSPHRASE
    estate.edit("  app: {fqdn: app.abc.com}\n", "  app: {fqdn: app.abc.com}\n" + own)
    estate.apply()
    certificate = "hosts/own/etc/ssl/certs/own.crt"
    key = spki(estate.certificate(certificate))
    estate.edit("fqdn: own.abc.com,", "fqdn: own.abc.com, aliases: [abc.net],")
    run = estate.apply(env={"OWN_PASSPHRASE": ""}, status=4, settled=False)
    assert run.pending == {"host/own/certificate"}
    assert "OWN_PASSPHRASE" in run.err
    run = estate.apply()
    assert run.done == [("host/own/certificate", "reissue")]
    assert spki(estate.certificate(certificate)) == key
