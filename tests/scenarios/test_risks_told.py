"""What a reviewer must not miss, in a tree that was built: `plan` tells it, `apply --fail-on` stops before writing."""

from __future__ import annotations

from typing import Any

import pytest
from estate import Estate
from helpers import changed

MANIFEST = """\
version: 1
defaults: {subject: {organization: ABC Company}, issuer: web-ca}
authorities:
  root:
    subject: {common_name: Root}
    key: ecdsa-p256
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
    path_length: 1
  web-ca:
    issuer: root
    subject: {common_name: Web}
    name_constraints: {permitted: {dns: [abc.com]}}
hosts:
  www: {fqdn: www.abc.com, aliases: [shop.abc.com], key: ecdsa-p384}
  app: {fqdn: app.abc.com, validity: 90d}
  old: {fqdn: old.abc.com}
services:
  web: {type: apache, host: www}
"""


def risks(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["id"], risk["code"]) for part in ("actions", "orphans") for one in plan[part] for risk in one["risks"]]


EDITS = {
    "new-authority": (
        "hosts:\n", "  more: {issuer: root, subject: {common_name: More}}\nhosts:\n", "authority/more/certificate"),
    "rekeyed-authority": (
        "    name_constraints", "    protect: false\n    key: {generation: 2}\n    name_constraints",
        "authority/web-ca/key"),
    "constraints-widened": ("dns: [abc.com]", "dns: [abc.com, abc.org]", "authority/web-ca/certificate"),
    "path-length-widened": ("path_length: 1", "path_length: 2", "authority/root/certificate"),
    "new-wildcard": ("[shop.abc.com]", '[shop.abc.com, "*.abc.com"]', "host/www/certificate"),
    "longer-validity": ("app.abc.com, validity: 90d", "app.abc.com, validity: 120d", "host/app/certificate"),
    "weaker-algorithm": ("key: ecdsa-p384", "key: ecdsa-p256", "host/www/key"),
    "usage-added": ("app.abc.com,", "app.abc.com, usage: [server, client],", "host/app/certificate"),
    "removed-but-valid": ("  old: {fqdn: old.abc.com}\n", "", "host/old/certificate"),
    "name-moved": (
        "aliases: [shop.abc.com], key: ecdsa-p384}\n  app: {fqdn: app.abc.com,",
        "key: ecdsa-p384}\n  app: {fqdn: app.abc.com, aliases: [shop.abc.com],", "host/app/certificate"),
}  # fmt: skip
"""By code: what is replaced in the manifest, by what, and which artifact is marked then."""


@pytest.mark.parametrize("code", list(EDITS))
def test_an_edit_with_a_risk(estate: Estate, code: str) -> None:
    old, new, id = EDITS[code]
    estate.edit(old, new)
    assert risks(estate.plan()) == [(id, code)]
    told = estate.run("plan", "--format", "markdown").out
    assert told.index(f"⚠️ **{code}**") < told.index("<details"), "it stands before what is folded"
    before = estate.everything()
    for option in (code, "risk", f"revocation-removed,{code}"):
        result = estate.run("apply", "--fail-on", option)
        assert (result.status, f"error[{code}]" in result.err) == (5, True), result.err
        assert estate.run("plan", "--fail-on", option).status == 5
    assert not changed(before, estate.everything()), "something was written"
    estate.apply("--fail-on", "revocation-removed")


def test_a_file_that_was_edited_by_hand(estate: Estate) -> None:
    path = estate.path("hosts/www/etc/apache2/sites-available/web.conf")
    path.write_text(path.read_text() + "# mine\n")
    assert risks(estate.plan()) == [("service/web@www/web.conf", "edited-by-hand")]
    assert estate.run("apply", "--fail-on=edited-by-hand").status == 5
    assert "# mine" in path.read_text()


def test_nothing_to_do_has_no_risk(estate: Estate) -> None:
    assert estate.run("apply", "--fail-on", "risk").status == 0
    assert estate.run("plan", "--fail-on", "risk", "--detailed-exitcode").status == 0


def test_a_renewal_has_no_risk(estate: Estate) -> None:
    estate.later("80d")
    run = estate.apply("--fail-on=risk")
    assert "host/app/certificate" in run.ids


def test_only_what_is_chosen_is_looked_at(estate: Estate) -> None:
    estate.edit("[shop.abc.com]", '[shop.abc.com, "*.abc.com"]')
    assert estate.run("plan", "--fail-on=risk", "--only", "host/app").status == 0
    assert estate.run("plan", "--fail-on=risk", "--only", "host/www").status == 5


def test_a_list_that_is_valid_for_longer(estate: Estate) -> None:
    estate.edit("validity: 90d}\n    path", "validity: 180d}\n    path")
    assert ("authority/root/crl", "longer-validity") in risks(estate.plan())


def test_a_moved_name_comes_with_the_line_to_paste(estate: Estate) -> None:
    estate.edit(*EDITS["name-moved"][:2])
    told = estate.run("plan").out
    assert "revoked: [{certificate: host/www, reason: superseded, on: 2030-01-01}]" in told
