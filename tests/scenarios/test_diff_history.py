"""A repository with a history of changes of every kind: each diff names every artifact that `apply` then touches, and
none besides (`Estate.apply` holds the touched files to the plan's paths)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from estate import Estate
from helpers import Project
from repository import commit, git

FIRST = """\
version: 1
defaults: {subject: {organization: ABC Company}, issuer: web-ca}
authorities:
  root:
    subject: {common_name: Root}
    key: ecdsa-p256
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca:
    issuer: root
    subject: {common_name: Web}
    crl: {url: "http://pki.abc.com/web.crl"}
hosts:
  www: {fqdn: www.abc.com, aliases: [abc.com], formats: [pem, chain, combined]}
  mail: {fqdn: mail.abc.com, issuer: root}
  "app[1:3]": {fqdn: "app[1:3].abc.com"}
services:
  web: {type: apache, hosts: [www, "app*"]}
  pop: {type: qpopper, hosts: [mail], listen: [stls, pop3s]}
"""
CHANGES = (
    ("a name", "[abc.com]", "[abc.com, shop.abc.com]"),
    ("another host", '"app[1:3]": {fqdn: "app[1:3].abc.com"}', '"app[1:4]": {fqdn: "app[1:4].abc.com"}'),
    ("a port of a service", 'hosts: [www, "app*"]', 'hosts: [www, "app*"], tls_profile: modern'),
    ("a shorter validity for all", "issuer: web-ca}\nauth", "issuer: web-ca, validity: 200d}\nauth"),
    ("another key", "aliases: [abc.com, shop.abc.com],", "aliases: [abc.com, shop.abc.com], key: ed25519,"),
    ("issued again", "mail: {fqdn: mail.abc.com,", "mail: {fqdn: mail.abc.com, issued_since: 2030-01-06,"),
    ("the root once more", "    key: ecdsa-p256\n", "    key: ecdsa-p256\n    issued_since: 2030-01-07\n"),
    ("another authority", "hosts:\n", "  app-ca: {issuer: root, subject: {common_name: Apps}}\nhosts:\n"),
    ("another issuer", 'fqdn: "app[1:4].abc.com"', 'fqdn: "app[1:4].abc.com", issuer: app-ca'),
    ("a service goes", '"app*"], tls', "], tls"),
    ("an authority's key", "Web}\n", "Web}\n    key: {generation: 2}\n    protect: false\n"),
    ("it is protected again", "    protect: false\n", ""),
    ("lists live longer", "validity: 90d}\n", "validity: 120d}\n"),
    ("another platform", "mail: {fqdn", "mail: {platform: redhat, fqdn"),
    ("hosts go", '  "app[1:4]": {fqdn: "app[1:4].abc.com", issuer: app-ca}\n', ""),
    ("a service by another name", "  pop: {", "  mailbox: {"),
)  # fmt: skip


def told(plan: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(one["id"], one["action"], [reason["code"] for reason in one["reasons"]]) for one in plan["actions"]]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    made = Estate(Project(tmp_path_factory.mktemp("history")))
    made.write(FIRST)
    git(made.folder, "init", "-q")
    commit(made.folder, "pki.yaml")
    made.apply()
    return made


def test_each_change_is_told_before_it_is_made(estate: Estate) -> None:
    for what, old, new in CHANGES:
        estate.later("1d")
        estate.edit(old, new)
        commit(estate.folder, "pki.yaml")
        result = estate.run("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml", "--format", "json", env={"ROOT_PASSPHRASE": ""})
        assert result.status == 0, f"{what}: {result.err}"
        plan = json.loads(result.out)
        orphans = {one["id"] for one in plan["orphans"]}
        run = estate.apply()
        assert told(plan) == told(run.plan), what
        assert orphans <= {one["id"] for one in run.plan["orphans"]}, what
        assert bool(plan["actions"] or orphans) == (what != "it is protected again"), what
