"""What a run is limited to: parts, what is due, what is pruned, how much at most; and how many work at it."""

from __future__ import annotations

from pathlib import Path

import pytest
from estate import Estate
from helpers import Project
from users import as_nobody, hand_over

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
  www: {fqdn: www.abc.com, formats: [fullchain, combined], validity: 90d}
  app: {fqdn: app.abc.com, validity: 90d}
  old: {fqdn: old.abc.com, formats: [combined]}
services:
  pop3: {type: qpopper, host: mail}
"""

MAIL = "  mail: {fqdn: mail.abc.com, issuer: root}\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    made = Estate(Project(tmp_path_factory.mktemp("built")))
    made.write(MANIFEST.replace("services:", f"{MAIL}services:"))
    made.apply()
    return made


def rename(estate: Estate, *names: str) -> None:
    """Give each of these hosts another alias."""
    for name in names:
        estate.edit(f"fqdn: {name}.abc.com", f"fqdn: {name}.abc.com, aliases: [{name}2.abc.com]")


# -- --only --------------------------------------------------------------------------------------------------------


def test_only_a_part_is_built(estate: Estate) -> None:
    rename(estate, "www", "app")
    run = estate.apply("--only", "host/app", settled=False)
    assert run.actions == [("host/app/certificate", "reissue")]
    assert "host/app/certificate" not in estate.apply().ids


def test_only_brings_what_it_depends_on(project: Project) -> None:
    estate = Estate(project)
    estate.write(MANIFEST.replace("services:", f"{MAIL}services:"))
    run = estate.apply("--only", "host/www/fullchain", settled=False)
    assert run.ids == {
        "authority/root/key", "authority/root/certificate", "authority/web-ca/key", "authority/web-ca/certificate",
        "host/www/key", "host/www/certificate", "host/www/fullchain",
    }  # fmt: skip
    estate.apply()


def test_only_a_key_brings_its_certificate(estate: Estate) -> None:
    estate.edit("fqdn: app.abc.com", "fqdn: app.abc.com, key: {generation: 2}")
    run = estate.apply("--only", "host/app/key", settled=False)
    assert run.actions == [("host/app/key", "rekey"), ("host/app/certificate", "reissue")]


def test_only_an_authority_leaves_its_leaves_for_later(estate: Estate) -> None:
    estate.later("1d")
    estate.edit(
        "subject: {common_name: ABC Web CA}",
        "subject: {common_name: ABC Web CA}\n    key: {generation: 2}\n    protect: false",
    )
    run = estate.apply("--only", "authority/web-ca", settled=False)
    assert {id.rpartition("/")[0] for id in run.ids} == {"authority/web-ca"}
    chain = ["authorities/web-ca/web-ca.g1.crt"]
    estate.verify("hosts/www/etc/ssl/certs/www.crt", chain=chain)
    run = estate.apply()
    assert {"host/www/certificate", "host/app/certificate", "host/old/certificate"} <= run.ids


def test_only_of_a_service(estate: Estate) -> None:
    estate.path("hosts/mail/etc/qpopper/qpopper.conf").unlink()
    estate.path("hosts/www/etc/ssl/certs/www.fullchain.crt").unlink()
    run = estate.apply("--only", "service/pop3@mail", settled=False)
    assert run.actions == [("service/pop3@mail/qpopper.conf", "restore")]


@pytest.mark.parametrize("lock", [True, False])
@pytest.mark.parametrize(
    ("edit", "part"),
    [
        ("fqdn: www.abc.com", "host/www/certificate"),
        ("fqdn: www.abc.com", "host/www/combined"),
        ("fqdn: www.abc.com", "service/web@www/web.conf"),
        ("web: {type: apache", "service/web@www/web.conf"),
    ],
)
def test_what_only_leaves_out_is_planned_as_before(project: Project, edit: str, part: str, lock: bool) -> None:
    """What else a host has of which a part is built; some of it was changed by hand."""
    estate = Estate(project)
    services = "services:\n  web: {type: apache, host: www}\n  intranet: {type: apache, host: www, port: 8443}\n"
    services += "  other: {type: apache, host: www, port: 8444}\n"
    estate.write(MANIFEST.partition("services:")[0] + services)
    estate.apply()
    estate.edit(edit, f"{edit}, aliases: [abc.com]" if "fqdn" in edit else f"{edit}, port: 444")
    file = next(estate.path("hosts/www").rglob("intranet.conf"))
    file.write_text(file.read_text() + "by hand\n")
    next(estate.path("hosts/www").rglob("other.conf")).unlink()
    combined = next(estate.path("hosts/www").rglob("www.pem"))
    combined.chmod(0o600)
    combined.write_bytes(combined.read_bytes().partition(b"-----BEGIN CERT")[0])
    if not lock:
        estate.lock.unlink()
    before = {one["id"]: one for one in estate.plan()["actions"]}
    run = estate.apply("--only", part, settled=False)
    after = {one["id"]: one for one in estate.plan()["actions"]}
    assert after.keys() == before.keys() - run.ids
    same = [one for one in after if before[one]["action"] in ("restore", "render")]
    assert same
    assert [after[one]["reasons"] for one in same] == [before[one]["reasons"] for one in same]
    told = {one["id"] for one in estate.plan("--lock-only")["actions"]}
    if "fqdn" in edit:
        assert told == after.keys()
    elif lock:  # which does not know what was changed by hand
        assert told == set()
    estate.apply()


def test_only_what_is_not_there_is_told(estate: Estate) -> None:
    rename(estate, "app")
    assert estate.refused("apply", "--only", "host/aap") == ["only-nothing"]
    assert "did you mean `host/app`?" in estate.run("plan", "--only", "host/aap").err
    estate.apply("--only", "host/old*", settled=False)


# -- --due ---------------------------------------------------------------------------------------------------------


def test_due_renews_and_leaves_edits_alone(estate: Estate) -> None:
    rename(estate, "old")
    estate.later("65d")
    run = estate.apply("--due", settled=False)
    assert {"host/www/certificate", "host/www/fullchain", "host/www/combined", "host/app/certificate"} <= run.ids
    assert {"authority/root/crl", "authority/web-ca/crl", "authority/web-ca/crl-der"} <= run.ids
    assert "host/old/certificate" not in run.ids
    assert estate.plan("--due")["actions"] == []
    assert "host/old/certificate" in estate.apply().ids


def test_what_is_due_and_edited_is_told_and_left(estate: Estate) -> None:
    rename(estate, "app")
    estate.later("65d")
    run = estate.apply("--due", settled=False)
    assert "host/app/certificate" not in run.ids
    assert "host/www/certificate" in run.ids
    assert "due-but-edited" in run.warnings()


def test_due_builds_nothing_new_and_puts_nothing_back(estate: Estate) -> None:
    estate.edit("services:", "  new: {fqdn: new.abc.com}\nservices:")
    estate.path("hosts/mail/etc/qpopper/qpopper.conf").unlink()
    assert estate.apply("--due", settled=False).actions == []


def test_due_finishes_what_an_interrupted_run_began(estate: Estate) -> None:
    path = estate.path("hosts/app/etc/ssl/certs/app.crt")
    older = path.read_bytes()
    estate.later("1h")
    rename(estate, "app")
    estate.apply()
    path.write_bytes(older)
    assert estate.apply("--due").actions == [("host/app/certificate", "restore")]


# -- orphans -------------------------------------------------------------------------------------------------------


def without_old(estate: Estate) -> None:
    estate.edit("  old: {fqdn: old.abc.com, formats: [combined]}\n", "")


def test_what_is_no_longer_declared_is_shown_and_kept(estate: Estate) -> None:
    without_old(estate)
    before = estate.everything()
    run = estate.apply()
    assert run.actions == []
    orphans = {one["id"]: one for one in run.plan["orphans"]}
    assert set(orphans) == {"host/old/key", "host/old/certificate", "host/old/combined"}
    certificate = orphans["host/old/certificate"]
    assert [risk["code"] for risk in certificate["risks"]] == ["removed-but-valid"]
    assert "{certificate: host/old, reason: cessation_of_operation" in certificate["hint"]
    assert {name for name in estate.everything() if name.startswith("hosts/old")} == {
        name for name in before if name.startswith("hosts/old")
    }


def test_orphans_are_known_without_the_lock(estate: Estate) -> None:
    without_old(estate)
    planned = estate.plan()
    with estate.without_lock():
        again = estate.plan()
    assert again["orphans"] == planned["orphans"]


def test_prune_removes_and_keeps_keys_in_the_attic(estate: Estate) -> None:
    key = estate.host_key("old")
    issued = len(estate.issued("host/old/certificate"))
    without_old(estate)
    run = estate.apply("--prune")
    assert {action for _, action in run.actions} == {"prune"}
    assert not estate.path("hosts/old").exists()
    attic = [path for path in estate.path(".attic").rglob("*") if path.is_file()]
    assert {path.name for path in attic} == {"old.key", "old.pem"}
    assert key in [path.read_bytes() for path in attic]
    assert estate.path(".attic").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in attic)
    assert len(estate.issued("host/old/certificate")) == issued, "the journal remembers it"
    assert estate.plan()["orphans"] == []


def test_the_attic_has_room_for_two_keys_of_a_name_in_a_day(estate: Estate) -> None:
    declared = (estate.folder / "pki.yaml").read_text()
    keys = {estate.host_key("old")}
    without_old(estate)
    estate.apply("--prune")
    estate.write(declared)
    estate.apply()
    keys.add(estate.host_key("old"))
    without_old(estate)
    estate.apply("--prune")
    assert len(keys) == 2
    assert keys == {path.read_bytes() for path in estate.path(".attic").rglob("old.key")}


def test_a_host_that_comes_back_is_new(estate: Estate) -> None:
    without_old(estate)
    estate.apply("--prune")
    estate.edit("services:", "  old: {fqdn: old.abc.com, formats: [combined]}\nservices:")
    estate.later("1d")
    run = estate.apply()
    assert {id for id, action in run.actions if action in ("new", "rekey", "reissue")} >= {
        "host/old/key", "host/old/certificate",
    }  # fmt: skip


def test_prune_with_a_glob(estate: Estate) -> None:
    without_old(estate)
    estate.edit("  app: {fqdn: app.abc.com, validity: 90d}\n", "")
    run = estate.apply("--prune=host/ap*")
    assert run.ids == {"host/app/key", "host/app/certificate"}
    assert {one["id"].rpartition("/")[0] for one in run.plan["orphans"]} == {"host/old"}


def test_more_than_ten_hosts_at_once_need_a_glob(project: Project) -> None:
    estate = Estate(project)
    fleet = MANIFEST.replace("services:", f'{MAIL}  "n[01:11]": {{fqdn: "n[01:11].abc.com"}}\nservices:')
    estate.write(fleet)
    estate.apply()
    estate.write(MANIFEST.replace("services:", f"{MAIL}services:"))
    assert "prune-many" in estate.refused("apply", "--prune")
    estate.apply("--prune=host/n*")
    assert not estate.path("hosts/n01").exists()


def test_an_authority_is_pruned_by_no_command(estate: Estate) -> None:
    estate.write("version: 1\nhosts:\n  self: {fqdn: self.abc.com, issuer: self}\n")
    estate.apply("--prune=*")
    for name in ("root", "web-ca"):
        assert estate.path(f"authorities/{name}/private/{name}.key").exists()
        assert estate.path(f"authorities/{name}/{name}.crt").exists()
        assert estate.path(f"authorities/{name}/journal.jsonl").exists()


def test_an_orphaned_format_is_pruned_and_its_host_stays(estate: Estate) -> None:
    estate.edit("formats: [fullchain, combined]", "formats: [fullchain]")
    run = estate.apply()
    assert [one["id"] for one in run.plan["orphans"]] == ["host/www/combined"]
    run = estate.apply("--prune")
    assert run.actions == [("host/www/combined", "prune")]
    assert estate.path("hosts/www/etc/ssl/private/www.key").exists()


def test_a_retired_key_is_no_orphan(estate: Estate) -> None:
    estate.edit("fqdn: app.abc.com", "fqdn: app.abc.com, key: {generation: 2}")
    estate.apply()
    assert estate.plan()["orphans"] == []
    estate.apply("--prune")
    assert estate.path("hosts/app/etc/ssl/private/app.g1.key").exists()


# -- limits --------------------------------------------------------------------------------------------------------


def test_too_many_reissues_stop_before_the_first_write(estate: Estate) -> None:
    rename(estate, "www", "app")
    assert estate.refused("apply", "--max-reissue", "1", status=5) == ["too-many-reissues"]
    estate.apply("--max-reissue", "2")


def test_strict_refuses_before_writing(estate: Estate) -> None:
    estate.edit("fqdn: app.abc.com", "fqdn: app.abc.com, key: ed25519")
    assert estate.refused("apply", "--strict")
    assert estate.refused("plan", "--strict")
    estate.apply()


def test_a_dry_run_is_a_plan(estate: Estate) -> None:
    rename(estate, "app")
    before = estate.everything()
    dry = estate.run("apply", "--dry-run").ok().out
    assert dry == estate.run("plan").ok().out
    assert estate.everything() == before


def test_the_clock_of_at_changes_nothing(estate: Estate) -> None:
    planned = estate.plan("--at", "65d")
    assert {"host/www/certificate", "host/app/certificate"} <= {one["id"] for one in planned["actions"]}
    estate.settled()


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "rsa-2048"])
def test_many_workers_make_the_same(project: Project, algorithm: str, tmp_path: Path) -> None:
    """More pairs than one process makes alone: workers take part, and nothing else differs."""
    number = 100 if algorithm == "ecdsa-p256" else 4
    manifest = MANIFEST.replace(
        "services:", f'{MAIL}  "n[001:{number:03}]": {{fqdn: "n[001:{number:03}].abc.com"}}\nservices:'
    )
    manifest = manifest.replace("defaults: {issuer: web-ca}", f"defaults: {{issuer: web-ca, key: {algorithm}}}")
    shapes = []
    for jobs in ("1", "4"):
        folder = tmp_path / jobs
        folder.mkdir()
        estate = Estate(Project(folder))
        estate.write(manifest)
        estate.apply("--jobs", jobs)
        names = {one["id"] for one in estate.journals()}
        files = {path.relative_to(folder).as_posix(): path.stat().st_mode for path in folder.rglob("*")}
        shapes.append((names, {name: mode for name, mode in files.items() if ".cache" not in name}))
        order = [one["id"] for one in estate.journal("web-ca") if one["event"] == "issue"]
        assert order == sorted(order, key=order.index), "the journal is in the plan's order"
    assert shapes[0] == shapes[1]


def test_a_run_without_a_writable_folder_can_still_plan(estate: Estate) -> None:
    hand_over((estate.folder, *estate.folder.rglob("*")))
    estate.path("").chmod(0o555)
    with as_nobody(estate.path("")):
        estate.settled()
    estate.path("").chmod(0o755)
