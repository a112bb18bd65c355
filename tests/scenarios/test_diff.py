"""`pkibuild diff`: what changes between two manifests, told without artifacts, keys or lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from estate import WEB_CA, Estate
from helpers import ROOT, Project, Result
from repository import commit, git

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain]
  mail: {fqdn: mail.abc.com, issuer: root}
services:
  web: {type: apache, host: www}
  pop3: {type: qpopper, host: mail}
"""
)
SCHEMA = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())


@pytest.fixture
def sides(project: Project) -> Project:
    """A folder with the manifest as `old.yaml`, and once more as `pki.yaml`, to be edited."""
    project.write(MANIFEST, "old.yaml")
    project.write(MANIFEST)
    return project


def diff(project: Project, *argv: str, status: int = 0) -> dict[str, Any]:
    result = project.run_here("diff", *(argv or ("old.yaml", "pki.yaml")), "--format", "json")
    assert result.status == status, result.err
    plan: dict[str, Any] = json.loads(result.out)
    jsonschema.validate(plan, SCHEMA)
    return plan


def told(plan: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """`(id, action, causes)` of every action."""
    return [(one["id"], one["action"], list(dict.fromkeys(_causes(one)))) for one in plan["actions"]]


def _causes(action: dict[str, Any]) -> list[str]:
    return [cause for reason in action["reasons"] for cause in reason.get("because", [])]


def risks(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["id"], risk["code"]) for part in ("actions", "orphans") for one in plan[part] for risk in one["risks"]]


# -- what is told --------------------------------------------------------------------------------------------------


def test_nothing_is_told_of_what_stays(sides: Project) -> None:
    plan = diff(sides)
    assert (plan["actions"], plan["orphans"], plan["next_renewal"]) == ([], [], None)
    assert plan["summary"]["unchanged"] == 16
    result = sides.run_here("diff", "old.yaml", "pki.yaml", "--detailed-exitcode").ok()
    assert result.out == "old.yaml → pki.yaml\n\nNo changes: 16 unchanged.\n"
    assert not (sides.folder / "pki").exists()


def test_an_alias_and_all_that_follows_from_it(sides: Project) -> None:
    sides.edit("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]")
    plan = diff(sides)
    assert told(plan) == [
        ("host/www/certificate", "reissue", ["/hosts/www/aliases"]),
        ("host/www/fullchain", "refresh", ["host/www/certificate"]),
        ("service/web@www/web.conf", "render", ["/hosts/www/aliases"]),
    ]
    certificate, _, config = plan["actions"]
    assert [change["field"] for change in certificate["changes"]] == ["subjectAltName"]
    assert config["changes"][0]["diff"][0].startswith("@@ -")
    assert "+    ServerAlias shop.abc.com" in config["changes"][0]["diff"]
    assert (plan["base"], plan["manifest"]) == ("old.yaml", "pki.yaml")


def test_a_new_certificate_is_told_field_by_field(sides: Project) -> None:
    sides.edit("hosts:\n", "hosts:\n  shop: {fqdn: shop.abc.com, aliases: [bank.example], usage: [server, client]}\n")
    plan = diff(sides)
    assert [one["id"] for one in plan["actions"]] == ["host/shop/key", "host/shop/certificate"]
    fields = {one["field"]: one["after"] for one in plan["actions"][1]["changes"]}
    assert all(one["before"] == [] for one in plan["actions"][1]["changes"])
    assert fields.pop("notAfter")
    assert fields == {
        "subject": ["CN=shop.abc.com, O=ABC Company, C=TW"],
        "issuer": ["CN=ABC Web CA, O=ABC Company, C=TW"],
        "subjectAltName": ["DNS:shop.abc.com", "DNS:bank.example"],
        "extendedKeyUsage": ["serverAuth", "clientAuth"],
        "cRLDistributionPoints": ["http://pki.abc.com/web-ca.crl"],
    }
    for form in ("text", "markdown"):
        assert "DNS:bank.example" in sides.run_here("diff", "old.yaml", "pki.yaml", "--format", form).ok().out


def test_another_issuer_is_named(sides: Project) -> None:
    sides.edit("aliases: [abc.com]", "aliases: [abc.com]\n    issuer: root")
    changes = {one["field"]: (one["before"], one["after"]) for one in diff(sides)["actions"][0]["changes"]}
    assert changes["issuer"] == (["CN=ABC Web CA, O=ABC Company, C=TW"], ["CN=ABC Root CA, O=ABC Company, C=TW"])
    sides.edit("    issuer: root\n    formats", "    issuer: self\n    formats")
    changes = {one["field"]: (one["before"], one["after"]) for one in diff(sides)["actions"][0]["changes"]}
    assert changes["issuer"][1] == ["CN=www.abc.com, O=ABC Company, C=TW"]


def test_an_intermediates_new_key_and_its_subtree(sides: Project) -> None:
    sides.edit(
        "    subject: {common_name: ABC Web CA}\n",
        "    subject: {common_name: ABC Web CA}\n    key: {generation: 2}\n    protect: false\n",
    )
    plan = diff(sides)
    assert told(plan) == [
        ("authority/web-ca/key", "rekey", ["/authorities/web-ca/key/generation"]),
        ("authority/web-ca/certificate", "reissue", ["authority/web-ca/key"]),
        ("authority/web-ca/certificate@g1", "retire", ["authority/web-ca/key"]),
        ("authority/web-ca/crl", "refresh", ["authority/web-ca/key"]),
        ("authority/web-ca/crl-der", "refresh", ["authority/web-ca/crl"]),
        ("authority/web-ca/crl@g1", "retire", ["authority/web-ca/key"]),
        ("authority/web-ca/crl-der@g1", "retire", ["authority/web-ca/key"]),
        ("host/www/certificate", "reissue", ["authority/web-ca/key"]),
        ("host/www/fullchain", "refresh", ["host/www/certificate", "authority/web-ca/certificate"]),
    ]
    assert risks(plan) == [("authority/web-ca/key", "rekeyed-authority")]


def test_a_default_is_the_cause_where_it_is_inherited(sides: Project) -> None:
    sides.edit("  issuer: web-ca\nauth", "  issuer: web-ca\n  validity: 90d\nauth")
    assert ("host/mail/certificate", "reissue", ["/defaults/validity"]) in told(diff(sides))


def test_a_date_since_when_all_is_to_be_issued_again(sides: Project) -> None:
    """Nobody can tell here when it was issued: it was before the edit."""
    sides.edit("  mail: {fqdn: mail.abc.com,", "  mail: {fqdn: mail.abc.com, issued_since: 2026-03-01,")
    result = sides.run_here("diff", "old.yaml", "pki.yaml", "--format", "json", env={"PKIBUILD_NOW": "2026-03-01"})
    plan = json.loads(result.out)
    assert told(plan) == [("host/mail/certificate", "reissue", ["/hosts/mail/issued_since"])]
    assert plan["actions"][0]["changes"] == []


def test_what_is_removed(sides: Project) -> None:
    sides.edit("  mail: {fqdn: mail.abc.com, issuer: root}\n", "")
    sides.edit("  pop3: {type: qpopper, host: mail}\n", "")
    plan = diff(sides)
    assert plan["actions"] == []
    assert [one["id"] for one in plan["orphans"]] == [
        "host/mail/certificate", "host/mail/key", "service/pop3@mail/qpopper-s.conf", "service/pop3@mail/qpopper.conf"
    ]  # fmt: skip
    assert risks(plan) == [("host/mail/certificate", "removed-but-valid")]
    result = sides.run_here("diff", "old.yaml", "pki.yaml", "--detailed-exitcode")
    assert result.status == 2
    assert "  - host/mail/certificate              removed   no longer declared" in result.out
    assert result.out.endswith("Diff: 4 removed; 12 unchanged.\n")


def test_a_renamed_host_takes_its_names_over(sides: Project) -> None:
    sides.edit("  mail: {fqdn", "  post: {fqdn")
    sides.edit("host: mail", "host: post")
    assert [one for one in risks(diff(sides)) if one[1] == "name-moved"] == [("host/post/certificate", "name-moved")]


def test_an_authority_that_goes_while_it_is_valid(sides: Project) -> None:
    sides.edit("hosts:\n", "  more: {issuer: root, subject: {common_name: More}}\nhosts:\n")
    plan = diff(sides, "pki.yaml", "old.yaml")
    assert risks(plan) == [("authority/more/certificate", "removed-but-valid")]


def test_everything_is_new_against_nothing(sides: Project) -> None:
    plan = diff(sides, "/dev/null", "pki.yaml")
    assert {one["action"] for one in plan["actions"]} == {"new"}
    assert len(plan["actions"]) == 16
    assert ("authority/root/certificate", "new-authority") in risks(plan)


def test_what_would_be_refused_is_refused(sides: Project) -> None:
    sides.edit("{common_name: ABC Root CA}", "{common_name: Another Root}")
    result = sides.run_here("diff", "old.yaml", "pki.yaml")
    assert result.status == 1
    assert "pki.yaml:7:14: error[protected]" in result.err
    assert result.out == ""


def test_another_output_folder_is_said_and_changes_nothing(sides: Project) -> None:
    sides.edit("version: 1\n", "version: 1\noutput: elsewhere\n")
    plan = diff(sides)
    assert plan["actions"] == []
    assert len(plan["notes"]) == 1
    assert plan["notes"][0].startswith("the output folder changes from `pki` to `elsewhere`: move it")


def test_only_new_warnings_are_told(sides: Project) -> None:
    for name in ("old.yaml", "pki.yaml"):
        sides.edit("  www:\n", "  www:\n    key: ed25519\n", name)
    assert diff(sides)["warnings"] == []
    sides.edit("  mail: {", "  mail: {key: ed25519, ")
    assert [one["code"] for one in diff(sides)["warnings"]] != []


# -- secrets ---------------------------------------------------------------------------------------------------------

PACK = {
    "service.yaml": """\
type: proxy
version: 1
summary: a proxy
files:
  - path: /etc/proxy.conf
    template: proxy.conf.j2
    language: words
""",
    "options.schema.json": json.dumps(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "users": {"type": "object", "additionalProperties": {"$ref": "#/$defs/secret"}, "description": "who"},
                "word": {"anyOf": [{"$ref": "#/$defs/secret"}], "description": "password"},
                "port": {"type": "integer", "description": "port", "default": 80},
            },
            "$defs": {"secret": {"type": "string", "writeOnly": True}},
        }
    ),
    "proxy.conf.j2": "# pkibuild\nport {{ options.port }}\nword {{ options.word }}\n"
    "{% for name in options.users %}user {{ name }} {{ options.users[name] }}\n{% endfor %}",
}


def with_pack(project: Project) -> None:
    folder = project.folder / "packs" / "proxy"
    folder.mkdir(parents=True)
    for name, text in PACK.items():
        (folder / name).write_text(text)
    service = "  proxy: {type: proxy, host: www, word: swordfish, users: {ann: sesame}}\n"
    for name in ("old.yaml", "pki.yaml"):
        project.write(MANIFEST.replace("version: 1\n", "version: 1\npacks: [packs/proxy]\n") + service, name)


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_secrets_are_masked(sides: Project, form: str) -> None:
    with_pack(sides)
    sides.edit("word: swordfish, users: {ann: sesame}", "port: 81, word: xyzzy, users: {ann: plugh, bob: frotz}")
    result = sides.run_here("diff", "old.yaml", "pki.yaml", "--format", form, "-v").ok()
    assert not [word for word in ("swordfish", "sesame", "xyzzy", "plugh", "frotz") if word in result.out + result.err]
    assert "port 81" in result.out
    assert "user bob MASKED" in result.out


def test_a_secret_that_changes_is_said_without_saying_it(sides: Project) -> None:
    with_pack(sides)
    sides.edit("word: swordfish", "word: xyzzy")
    plan = diff(sides)
    assert told(plan) == [("service/proxy@www/proxy.conf", "render", ["/services/proxy/word"])]
    assert plan["actions"][0]["changes"] == [{"field": "secret options", "before": ["MASKED"], "after": ["MASKED"]}]


def test_a_template_of_a_pack_is_compared_too(sides: Project) -> None:
    with_pack(sides)
    elsewhere = sides.folder / "elsewhere"
    elsewhere.mkdir()
    for path in ("packs", "pki.yaml"):
        os.rename(sides.folder / path, elsewhere / path)
    with_pack(sides)
    template = elsewhere / "packs" / "proxy" / "proxy.conf.j2"
    template.write_text(template.read_text() + "end\n")
    plan = diff(sides, "old.yaml", "elsewhere/pki.yaml")
    assert told(plan) == [("service/proxy@www/proxy.conf", "render", ["/services/proxy"])]
    assert plan["actions"][0]["changes"][0]["after"] == ["end"]


# -- git ---------------------------------------------------------------------------------------------------------------


SPLIT = """\
version: 1
packs: [packs/proxy]
include: ["hosts/*.yaml"]
defaults: {subject: {organization: ABC}, issuer: root}
authorities:
  root: {subject: {common_name: Root}, key: ecdsa-p256}
services:
  proxy: {type: proxy, hosts: ["*"], word: swordfish, users: {}}
  own: {type: files, hosts: [a], files: [{template: x.j2, path: /etc/x, language: words}]}
"""


@pytest.fixture
def repository(project: Project) -> Project:
    """A repository whose manifest has includes, a pack and a template of its own."""
    folder = project.folder
    with_pack(project)
    (folder / "old.yaml").unlink()
    (folder / "hosts").mkdir()
    (folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: a.abc.com}}\n")
    (folder / "hosts" / "b.yaml").write_text("hosts: {b: {fqdn: b.abc.com}}\n")
    (folder / "x.j2").write_text("# pkibuild\nname {{ host.fqdn }}\n")
    project.write(SPLIT)
    git(folder, "init", "-qb", "main")
    commit(folder)
    return project


def test_includes_packs_and_templates_are_those_of_the_revision(repository: Project) -> None:
    folder = repository.folder
    (folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: z.abc.com}}\n")
    (folder / "hosts" / "b.yaml").unlink()
    (folder / "hosts" / "c.yaml").write_text("hosts: {c: {fqdn: c.abc.com}}\n")
    template = folder / "packs" / "proxy" / "proxy.conf.j2"
    template.write_text(template.read_text() + "end\n")
    (folder / "x.j2").write_text("# pkibuild\nmy name {{ host.fqdn }}\n")
    assert diff(repository, "HEAD:pki.yaml", "main:pki.yaml")["actions"] == []
    changes = told(diff(repository, "HEAD:pki.yaml", "pki.yaml"))
    second = commit(folder)
    (folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: not-this.abc.com}}\n")
    (folder / "x.j2").write_text("not this")
    assert told(diff(repository, "HEAD~1:pki.yaml", "HEAD:pki.yaml")) == changes
    assert told(diff(repository, "HEAD^:pki.yaml", f"{second[:10]}:pki.yaml")) == changes
    assert changes == [
        ("host/a/certificate", "reissue", ["/hosts/a/fqdn"]),
        ("service/proxy@a/proxy.conf", "render", ["/hosts/a/fqdn"]),
        ("service/own@a/x", "render", ["/hosts/a/fqdn"]),
        ("host/c/key", "new", []),
        ("host/c/certificate", "new", []),
        ("service/proxy@c/proxy.conf", "new", []),
    ]


def test_a_path_in_a_revision_begins_at_the_root_or_here(repository: Project) -> None:
    inner = Project(repository.folder / "hosts")
    for path in ("HEAD:pki.yaml", "HEAD:../pki.yaml", "HEAD:./../hosts/../pki.yaml"):
        assert diff(inner, path, "../pki.yaml")["actions"] == []
    result = inner.run_here("diff", "HEAD:../../pki.yaml", "../pki.yaml")
    assert (result.status, "no-manifest" in result.err) == (1, True)
    result = inner.run_here("diff", "HEAD:./pki.yaml", "../pki.yaml")
    assert "error[no-manifest]: there is no `./pki.yaml` in `HEAD`" in result.err


@pytest.mark.parametrize(
    ("name", "told", "hint"),
    [
        ("HEAD:/pki.yaml", "there is no `/pki.yaml` in `HEAD`", "without a slash: `HEAD:pki.yaml`"),
        ("HEAD:./no.yaml", "there is no `./no.yaml` in `HEAD`", "`HEAD:./` is the current folder"),
        ("HEAD:../no.yaml", "there is no `../no.yaml` in `HEAD`", "`HEAD:./` is the current folder"),
        ("HEAD:hosts", "cannot read `HEAD:hosts`: it is a folder", ""),
        ("HEAD", "cannot read `HEAD`", "is written `REV:PATH`, such as `HEAD:pki.yaml`"),
    ],
)
def test_a_path_that_is_none_is_told_as_it_was_meant(repository: Project, name: str, told: str, hint: str) -> None:
    result = repository.run_here("diff", name, "pki.yaml")
    assert (result.status, told in result.err, hint in result.err) == (1, True, True), result.err


def test_a_manifest_that_git_moves_is_told_with_all_that_follows(repository: Project) -> None:
    folder, estate = repository.folder, Estate(repository)
    (folder / "x.j2").write_text("{{ origin }} of {{ host.fqdn }}\n")
    commit(folder)
    estate.apply()
    git(folder, "mv", "pki.yaml", "lab.yaml")
    commit(folder, "lab.yaml")
    os.rename(folder / "pki.lock", folder / "lab.lock")
    for old, new in (("HEAD~1:pki.yaml", "lab.yaml"), ("HEAD~1:pki.yaml", "HEAD:lab.yaml")):
        plan = diff(repository, old, new)
        assert [one["id"] for one in plan["actions"]] == ["service/own@a/x"]
        assert plan["actions"][0]["changes"][0]["after"] == ["lab.yaml of a.abc.com"]
        assert "`pkibuild apply --take-over`" in plan["notes"][0]
    applied = json.loads(estate.run("apply", "lab.yaml", "--take-over", "--format", "json").ok().out)
    assert [one["id"] for one in applied["actions"]] == ["service/own@a/x"]


def test_a_manifest_that_git_moves_to_another_folder_takes_its_output_along(repository: Project) -> None:
    folder = repository.folder
    (folder / "conf").mkdir()
    git(folder, "mv", "pki.yaml", "packs", "hosts", "x.j2", "conf")
    commit(folder)
    plan = diff(repository, "HEAD~1:pki.yaml", "HEAD:conf/pki.yaml")
    assert plan["actions"] == []
    assert plan["notes"][0].startswith("the output folder changes from `pki` to `conf/pki`")


def test_problems_of_a_revision_name_it(repository: Project) -> None:
    (repository.folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: a.abc.com, isuer: root}}\n")
    commit(repository.folder)
    result = repository.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert result.status == 1
    assert "HEAD:hosts/a.yaml:1:30: error[unknown-field]" in result.err


@pytest.mark.parametrize(
    ("old", "status", "code"),
    [
        ("nothing:pki.yaml", 1, "no-revision"),
        ("HEAD:other.yaml", 1, "no-manifest"),
        ("HEAD:hosts", 1, "read-failed"),
        ("HEAD:", 64, "bad-revision"),
        (":", 64, "bad-revision"),
        (":other.yaml", 1, "no-manifest"),
        ("HEAD\n:pki.yaml", 64, "bad-revision"),
        ("HEAD --output=evil:pki.yaml", 1, "no-revision"),
    ],
)
def test_revisions_that_are_none(repository: Project, old: str, status: int, code: str) -> None:
    result = repository.run_here("diff", old, "pki.yaml")
    assert (result.status, f"error[{code}]" in result.err) == (status, True), result.err


def test_a_revision_cannot_be_an_option(repository: Project) -> None:
    assert repository.run_here("diff", "--output=evil:pki.yaml", "pki.yaml").status == 64
    result = repository.run_here("diff", "--", "--output=evil:pki.yaml", "pki.yaml")
    assert (result.status, "bad-revision" in result.err) == (64, True)
    assert not (repository.folder / "evil").exists()


def test_no_file_passes_for_a_revision(repository: Project) -> None:
    """A pull request that brings a file `HEAD:pki.yaml` cannot have itself compared with it."""
    (repository.folder / "HEAD:pki.yaml").write_text("version: 1\n")
    repository.edit("common_name: Root", "common_name: Root, country: TW")
    assert repository.run_here("diff", "HEAD:pki.yaml", "pki.yaml").status == 1
    assert "protected" in repository.run_here("diff", "HEAD:pki.yaml", "pki.yaml").err
    assert "empty-manifest" in repository.run_here("diff", "./HEAD:pki.yaml", "pki.yaml").err


def test_an_ambiguous_name_is_not_guessed(repository: Project) -> None:
    git(repository.folder, "tag", "main")
    result = repository.run_here("diff", "main:pki.yaml", "pki.yaml")
    assert (result.status, "ambiguous-revision" in result.err) == (1, True), result.err
    assert diff(repository, "refs/heads/main:pki.yaml", "pki.yaml")["actions"] == []


def test_the_index_is_what_is_about_to_be_committed(repository: Project) -> None:
    folder = repository.folder
    (folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: z.abc.com}}\n")
    (folder / "hosts" / "b.yaml").unlink()
    (folder / "x.j2").write_text("# pkibuild\nmy name {{ host.fqdn }}\n")
    git(folder, "add", "-A")
    whole = told(diff(repository, "HEAD:pki.yaml", "pki.yaml"))
    for name in ("hosts/a.yaml", "x.j2", "pki.yaml"):
        (folder / name).write_text("not this")
    (folder / "hosts" / "c.yaml").write_text("hosts: {c: {fqdn: c.abc.com}}\n")
    before = (folder / ".git" / "index").read_bytes()
    assert told(diff(repository, "HEAD:pki.yaml", ":pki.yaml")) == whole != []
    assert diff(Project(folder / "hosts"), ":pki.yaml", ":../pki.yaml")["actions"] == []
    assert (folder / ".git" / "index").read_bytes() == before
    git(folder, "commit", "-qm", "second")
    assert diff(repository, "HEAD:pki.yaml", ":pki.yaml")["actions"] == []


def test_problems_of_the_index_name_it(repository: Project, tmp_path: Path) -> None:
    (repository.folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: a.abc.com, isuer: root}}\n")
    git(repository.folder, "add", "-A")
    assert ":hosts/a.yaml:1:30: error[unknown-field]" in repository.run_here("diff", "HEAD:pki.yaml", ":pki.yaml").err
    git(repository.folder, "clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    result = Project(tmp_path / "bare.git").run_here("diff", "main:pki.yaml", ":pki.yaml")
    assert "error[no-manifest]: there is no `pki.yaml` in the index" in result.err


def test_a_merge_with_conflicts_is_not_taken_for_settled(repository: Project) -> None:
    folder = repository.folder
    for branch, name in (("theirs", "x"), ("ours", "y")):
        git(folder, "checkout", "-qb", branch, "main")
        (folder / "hosts" / "a.yaml").write_text(f"hosts: {{a: {{fqdn: {name}.abc.com}}}}\n")
        commit(folder)
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, "merge", "theirs")
    result = repository.run_here("diff", "HEAD:pki.yaml", ":pki.yaml")
    assert "it has conflicts that are not settled yet" in result.err
    assert "error[yaml-" in repository.run_here("diff", "HEAD:pki.yaml", "pki.yaml").err


# -- clones that do not have all ---------------------------------------------------------------------------------------


@pytest.fixture
def partial(repository: Project, tmp_path: Path) -> Project:
    """A clone of two revisions that has files of the second one only."""
    folder = repository.folder
    (folder / "hosts" / "a.yaml").write_text("hosts: {a: {fqdn: z.abc.com}}\n")
    (folder / "other.txt").write_text("only in the first revision\n")
    commit(folder)
    (folder / "other.txt").unlink()
    (folder / "hosts" / "b.yaml").unlink()
    commit(folder)
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{folder}", str(tmp_path / "partial"))
    return Project(tmp_path / "partial")


def test_a_partial_clone_fetches_nothing_by_itself(partial: Project) -> None:
    result = partial.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert result.status == 1
    assert "cannot read `hosts/b.yaml`: this clone does not have its contents; `git fetch --refetch" in result.err
    git(partial.folder, "show", "HEAD~1:hosts/b.yaml")  # what else is missing in that folder does not matter
    assert told(diff(partial, "HEAD~1:pki.yaml", "HEAD:pki.yaml")) == []
    git(partial.folder, "fetch", "-q", "--refetch", "--no-filter")
    assert told(diff(partial, "HEAD~2:pki.yaml", "HEAD:pki.yaml")) != []


def test_a_shallow_clone_knows_its_last_revisions(repository: Project, tmp_path: Path) -> None:
    repository.edit("common_name: Root", "common_name: Roots")
    commit(repository.folder)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    shallow = Project(tmp_path / "shallow")
    assert diff(shallow, "HEAD:pki.yaml", "origin/main:pki.yaml")["actions"] == []
    result = shallow.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert (result.status, "a shallow clone knows only its last revisions" in result.err) == (1, True)


@pytest.mark.parametrize("name", ["pki.yaml", "x.j2", "packs/proxy/proxy.conf.j2", "hosts/a.yaml"])
def test_a_pointer_of_git_lfs_is_not_taken_for_the_file(repository: Project, name: str) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (repository.folder / name).write_text(pointer)
    commit(repository.folder)
    result = repository.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert (result.status, "git has only a pointer to it" in result.err) == (1, True)


def test_a_submodule_is_another_repository(repository: Project, tmp_path: Path) -> None:
    folder = repository.folder
    shutil.copytree(folder, tmp_path / "inner")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(tmp_path / "inner"), "inner")
    commit(folder)
    for side in ("HEAD:inner/pki.yaml", ":inner/pki.yaml"):
        assert "error[no-manifest]" in repository.run_here("diff", side, "pki.yaml").err
    assert diff(Project(folder / "inner"), "HEAD:pki.yaml", "pki.yaml")["actions"] == []


def test_line_ends_of_a_checkout_change_nothing(repository: Project) -> None:
    folder = repository.folder
    (folder / ".gitattributes").write_text("* text=auto eol=crlf\n")
    commit(folder)
    for path in ["pki.yaml", "x.j2", *(f"hosts/{one}.yaml" for one in "ab"), "packs/proxy/proxy.conf.j2"]:
        (folder / path).unlink()
        git(folder, "checkout", "--", path)
        assert b"\r\n" in (folder / path).read_bytes()
    assert diff(repository, "HEAD:pki.yaml", "pki.yaml")["actions"] == []


def test_a_tree_that_has_itself_in_many_places_is_not_walked(repository: Project) -> None:
    """Twelve objects that make 10^12 folders."""
    folder = repository.folder
    entry = f"100644 blob {git(folder, 'hash-object', '-w', 'hosts/a.yaml').strip()}\tx.yaml\n"
    for _ in range(12):
        tree = subprocess.run(["git", "mktree"], cwd=folder, input=entry, capture_output=True, text=True, check=True)
        entry = "".join(f"040000 tree {tree.stdout.strip()}\t{name}\n" for name in "abcdefghij")
    repository.edit('include: ["hosts/*.yaml"]', f'include: ["{"*/" * 12}x.yaml"]')
    manifest = git(folder, "hash-object", "-w", "pki.yaml").strip()
    whole = f"100644 blob {manifest}\tpki.yaml\n040000 tree {tree.stdout.strip()}\tbomb\n"
    made = subprocess.run(["git", "mktree"], cwd=folder, input=whole, capture_output=True, text=True, check=True)
    started = time.process_time()
    result = repository.run_here("diff", "/dev/null", f"{made.stdout.strip()}:pki.yaml")
    assert (result.status, "it leads into more than 10000 folders" in result.err) == (1, True), result.err
    assert time.process_time() - started < 30


def test_a_huge_file_is_not_read(repository: Project) -> None:
    (repository.folder / "hosts" / "a.yaml").write_bytes(b"#" * 120_000_000)
    commit(repository.folder)
    result = repository.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert (result.status, "too large" in result.err) == (1, True), result.err


# -- an old manifest with problems -------------------------------------------------------------------------------------


def test_an_old_manifest_with_problems_is_told_apart(sides: Project) -> None:
    sides.edit("  mail: {fqdn", "  mail: {isuer: x, fqdn", "old.yaml")
    result = sides.run_here("diff", "old.yaml", "pki.yaml")
    assert result.status == 1
    assert "old.yaml:19:10: error[unknown-field]" in result.err
    assert "error[old-invalid]: nothing can be compared with `old.yaml`" in result.err
    assert "`pkibuild plan --lock-only` tells" in result.err
    sides.edit("host: www}", "host: wwww}")
    both = sides.run_here("diff", "old.yaml", "pki.yaml")
    assert "pki.yaml:21:" in both.err, "what is wrong with the new one is told at once"
    assert "old.yaml:19:10" in both.err


def test_a_template_of_a_revision_is_named_with_it(repository: Project) -> None:
    (repository.folder / "x.j2").write_text("# pkibuild\n{{ host.nope }}\n")
    commit(repository.folder)
    (repository.folder / "x.j2").write_text("# pkibuild\n{{ host.fqdn }}\n")
    for argv in (("HEAD:pki.yaml", "pki.yaml"), ("HEAD~1:pki.yaml", "HEAD:pki.yaml")):
        assert "HEAD:x.j2:2:1: error[template]: there is no `nope`" in repository.run_here("diff", *argv).err


def test_a_template_that_is_gone_is_missed_by_the_side_that_lacks_it(repository: Project) -> None:
    (repository.folder / "x.j2").unlink()
    commit(repository.folder)
    for argv in (("HEAD~1:pki.yaml", "HEAD:pki.yaml"), ("HEAD:pki.yaml", "HEAD~1:pki.yaml")):
        told = repository.run_here("diff", *argv).err
        assert "HEAD:pki.yaml:9:42: error[template]: cannot read the template `HEAD:x.j2`" in told, argv


def test_an_old_manifest_whose_services_do_not_fit_is_told_apart(sides: Project) -> None:
    sides.edit("host: mail}", "host: www}", "old.yaml")  # Qpopper sends no chain
    assert "error[old-invalid]" in sides.run_here("diff", "old.yaml", "pki.yaml").err
    assert "old-invalid" not in sides.run_here("diff", "pki.yaml", "old.yaml").err
    assert "old-invalid" not in sides.run_here("diff", "none.yaml", "pki.yaml").err


def test_outside_of_a_repository(sides: Project) -> None:
    here = {"GIT_CEILING_DIRECTORIES": str(sides.folder.parent)}
    result = sides.run_here("diff", "HEAD:pki.yaml", "pki.yaml", env=here)
    assert (result.status, "error[no-repository]" in result.err) == (1, True), result.err


def test_a_bare_repository_serves_as_well(repository: Project, tmp_path: Path) -> None:
    bare = Project(tmp_path / "bare.git")
    git(repository.folder, "clone", "-q", "--bare", ".", str(bare.folder))
    assert diff(bare, "main:pki.yaml", "HEAD:pki.yaml")["summary"]["unchanged"] == 9


def test_links_are_followed_within_the_revision_only(repository: Project) -> None:
    folder = repository.folder
    outside = folder.parent / "outside.yaml"
    outside.write_text("hosts: {x: {fqdn: x.abc.com}}\n")
    (folder / "real").mkdir()
    os.rename(folder / "hosts" / "b.yaml", folder / "real" / "b.yaml")
    (folder / "hosts" / "b.yaml").symlink_to("../real/b.yaml")
    commit(folder)
    assert diff(repository, "HEAD~1:pki.yaml", "HEAD:pki.yaml")["actions"] == []
    (folder / "hosts" / "c.yaml").symlink_to(outside)
    (folder / "hosts" / "d.yaml").symlink_to("d.yaml")
    commit(folder)
    result = repository.run_here("diff", "HEAD~1:pki.yaml", "HEAD:pki.yaml")
    assert result.status == 1
    assert "x.abc.com" not in result.out + result.err
    assert result.err.count("error[read-failed]") == 2, result.err


def test_a_hostile_repository_starts_nothing(repository: Project) -> None:
    folder = repository.folder
    trap = folder.parent / "trap.sh"
    sprung = folder.parent / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\nexit 1\n")
    trap.chmod(0o755)
    (folder / ".gitattributes").write_text("* filter=evil diff=evil export-subst\n")
    commit(folder)
    for name, value in {
        "filter.evil.smudge": trap, "filter.evil.clean": trap, "filter.evil.process": trap, "diff.evil.textconv": trap,
        "diff.evil.command": trap, "diff.external": trap, "core.fsmonitor": trap, "core.pager": trap,
        "pager.ls-tree": trap,
        "core.editor": trap, "core.sshCommand": trap, "core.hooksPath": folder.parent, "gpg.program": trap,
        "credential.helper": trap, "core.alternateRefsCommand": trap, "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{trap}", "remote.origin.promisor": "true", "extensions.partialClone": "origin",
        "core.repositoryformatversion": "1", "remote.origin.uploadpack": trap, "alias.cat-file": f"!{trap}",
        "uploadpack.packObjectsHook": trap, "log.showSignature": "true",
    }.items():  # fmt: skip
        git(folder, "config", name, str(value))
    assert diff(repository, "HEAD~1:pki.yaml", "HEAD:pki.yaml")["actions"] == []
    blob = git(folder, "rev-parse", "HEAD:x.j2").strip()
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()  # a partial clone would fetch it
    result = repository.run_here("diff", "HEAD:pki.yaml", "pki.yaml")
    assert (result.status, "error[template]" in result.err) == (1, True), result.err
    assert not sprung.exists()


def test_no_process_is_started_for_two_files(sides: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    diff(sides)


# -- stopping on risks -------------------------------------------------------------------------------------------------


def fail_on(project: Project, *codes: str) -> Result:
    return project.run_here("diff", "old.yaml", "pki.yaml", *(f"--fail-on={code}" for code in codes))


def test_fail_on_tells_the_diff_and_stops(sides: Project) -> None:
    sides.edit("aliases: [abc.com]", 'aliases: [abc.com, "*.shop.abc.com"]')
    result = fail_on(sides, "weaker-algorithm,new-wildcard")
    assert result.status == 5
    assert "        ! new-wildcard: `*.shop.abc.com` stands for every name of that level\n" in result.out
    assert "error[new-wildcard]: `host/www/certificate`:" in result.err
    assert fail_on(sides, "risk").status == 5
    assert fail_on(sides, "weaker-algorithm", "name-moved").status == 0


def test_an_unknown_code_is_wrong_usage(sides: Project) -> None:
    result = fail_on(sides, "new-wildcards")
    assert result.status == 64
    assert "did you mean `new-wildcard`?" in result.err
