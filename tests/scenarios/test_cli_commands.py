"""Every command on a real project, through the real command line."""

from __future__ import annotations

import fcntl
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import jsonschema
import pytest
from helpers import EXAMPLES, ROOT, Project, changed, environment, run_here

from pkibuild.cache import answer as quick

ENV = {"PKI_PASSPHRASE": "correct horse battery staple", "PKIBUILD_NOW": "2026-03-01T12:00:00Z"}
NOTE = "note: the clock is pinned by PKIBUILD_NOW to 2026-03-01T12:00:00Z\n"
SCHEMA = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())


@pytest.fixture
def started(project: Project) -> Project:
    """A project with the starter manifest."""
    project.run_here("init").ok()
    return project


@pytest.fixture
def built(started: Project) -> Project:
    started.run_here("apply", env=ENV).ok()
    return started


# -- validate -----------------------------------------------------------------------


def test_validate_counts_what_is_declared(started: Project) -> None:
    told = started.run_here("validate").ok()
    assert told.out == "pki.yaml: 1 authority, 1 host, 1 service: no problems\n"
    assert not told.err
    assert started.run_here("validate", "-q").ok().out == ""


def test_validate_tells_all_problems_with_their_lines(started: Project) -> None:
    started.edit("issuer: root ", "issuer: rot ")
    started.edit("host: www", "hots: www")
    told = started.run_here("validate")
    assert told.status == 1
    assert not told.out
    assert "error[" in told.err
    assert "did you mean `root`?" in told.err
    assert "unknown field `hots` in `site`" in told.err
    assert told.err.endswith("errors\n")


def test_validate_in_json_is_one_document_on_standard_output(started: Project) -> None:
    fine = json.loads(started.run_here("validate", "--format", "json").ok().out)
    assert fine == {"format_version": 1, "manifest": "pki.yaml", "diagnostics": []}
    started.edit("issuer: root ", "issuer: rot ")
    told = started.run_here("validate", "--format", "json")
    assert (told.status, told.err) == (1, "")
    (found, *_) = json.loads(told.out)["diagnostics"]
    assert (found["severity"], found["file"], found["line"]) == ("error", "pki.yaml", 8)


def codes_of(project: Project, *argv: str) -> tuple[int, list[tuple[str, str]]]:
    """How `validate` ends, and what it tells, each with its place."""
    told = project.run_here("validate", "--format", "json", *argv)
    found = json.loads(told.out)["diagnostics"]
    return told.status, [(one["code"], f"{one.get('file', '')}:{one.get('line', '')}") for one in found]


def with_marks(text: str) -> str:
    first, second, third, rest = text.split("\n", 3)
    return "\n".join([first, second, "<<<<<<< HEAD", third, "=======", ">>>>>>> theirs", rest])


LOCKS = {
    "conflict": (with_marks, [("lock-conflict", "pki.lock:3")]),
    "garbled": (lambda text: text.replace('{"id":"host/www/key"', '{"id"'), [("lock-garbled", "pki.lock:6")]),
    "bytes": (lambda text: text.replace('"kind":"key"', '"kind":3', 1), [("lock-garbled", ":")]),
    "newer": (lambda text: text.replace('"format":1', '"format":2'), [("lock-newer", ":")]),
    "foreign": (lambda text: text.replace('"pki.yaml"', '"lab.yaml"'), [("lock-foreign", ":")]),
    "empty": (lambda text: "", [("lock-garbled", "pki.lock:1")]),
}


@pytest.mark.parametrize("name", LOCKS)
def test_validate_tells_what_is_wrong_with_the_lock(built: Project, name: str) -> None:
    assert codes_of(built) == codes_of(built, "--lock") == (0, [])
    spoil, wanted = LOCKS[name]
    lock = built.folder / "pki.lock"
    lock.write_text(spoil(lock.read_text()))
    assert codes_of(built) == codes_of(built, "--lock") == (1, wanted)
    built.edit("version: 1\n", "version: 1\nwrong: x\n")
    assert {code for code, _ in codes_of(built)[1]} == {"unknown-field", wanted[0][0]}
    assert codes_of(built, "--lock") == (1, wanted)


def test_a_conflict_is_shown_with_its_line(built: Project) -> None:
    lock = built.folder / "pki.lock"
    lock.write_text(with_marks(lock.read_text()))
    assert built.run_here("validate", "--lock").err == (
        "pki.lock:3:1: error[lock-conflict]: git could not merge the lock, and left its conflict markers\n"
        "    3 | <<<<<<< HEAD\n"
        "      | ^^^^^^^\n"
        "  hint: take either side (`git checkout --ours -- pki.lock`), then run `pkibuild apply` where the output "
        "folder is: it brings the lock up to date\n"
        "pki.lock: 1 error\n"
    )


def test_a_lock_alone_needs_its_manifest(started: Project) -> None:
    assert started.run_here("validate", "--lock").ok().out == "pki.lock: no problems\n"  # nothing was built yet
    assert codes_of(started, "--lock", "other.yaml") == (1, [("no-manifest", ":")])


def test_another_output_folder_than_the_locks_is_a_warning(built: Project) -> None:
    built.edit("version: 1\n", "version: 1\noutput: elsewhere\n")
    assert codes_of(built) == (0, [("output-changed", "pki.yaml:4")])


def test_a_lock_that_was_moved_with_its_manifest_is_taken_over(built: Project) -> None:
    for name in ("yaml", "lock"):
        (built.folder / f"pki.{name}").rename(built.folder / f"new.{name}")
    assert codes_of(built, "new.yaml") == (1, [("lock-foreign", ":")])
    assert "error[lock-foreign]" in built.run_here("plan", "--lock-only", "new.yaml").err
    built.run_here("apply", "new.yaml", "--take-over", env=ENV).ok()
    assert codes_of(built, "new.yaml") == (0, [])


def test_validate_changes_nothing(started: Project) -> None:
    started.run_here("validate").ok()
    assert [path.name for path in started.folder.iterdir()] == ["pki.yaml"]


def test_strict_makes_warnings_errors(started: Project) -> None:
    started.edit("validity: 397d", "validity: 900d")
    for command in ("validate", "plan", "apply"):
        told = started.run_here(command, "--strict", env=ENV)
        assert told.status == 1, command
        assert "error[" in told.err
        assert not started.path("authorities").exists()
    assert "warning[" in started.run_here("validate").ok().err


def test_a_manifest_that_is_not_there(project: Project) -> None:
    for command in ("validate", "plan", "apply", "show", "graph", "status"):
        told = project.run_here(command, "nowhere.yaml", *([] if command != "show" else ["-f", "nowhere.yaml"]))
        assert told.status == 1, command
        assert "`nowhere.yaml`" in told.err
        assert "Traceback" not in told.err


# -- plan and apply -----------------------------------------------------------------


def test_plan_then_apply_then_nothing(started: Project) -> None:
    planned = started.run_here("plan", env=ENV).ok()
    assert planned.out.startswith("pki.yaml → pki/\n\n  + authority/root/key ")
    assert "Plan: 6 new; 0 up to date." in planned.out
    assert planned.err == NOTE
    assert not started.path("").exists()
    applied = started.run_here("apply", env=ENV).ok()
    assert applied.out == planned.out.replace("Plan:", "Applied:")
    before = started.snapshot()
    again = started.run_here("apply", env=ENV).ok()
    assert again.out.startswith("pki.yaml → pki/\n\nNothing to do: 6 up to date. Next renewal: host/www in ")
    assert not changed(before, started.snapshot())


def test_the_same_in_a_process_of_its_own(started: Project) -> None:
    assert "Applied: 6 new" in started.run("apply", env=ENV).ok().out
    assert "Nothing to do: 6 up to date" in started.run("plan", env=ENV).ok().out


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_plans_in_json_are_as_their_schema_says(started: Project, command: str) -> None:
    told = started.run_here(command, "--format", "json", env=ENV).ok()
    value = json.loads(told.out)
    jsonschema.validate(value, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert value["summary"] == {"new": 6, "changed": 0, "orphan": 0, "pending": 0, "unchanged": 0}
    paths = {path for action in value["actions"] for path in action["paths"]}
    assert "hosts/www/etc/ssl/certs/www.crt" in paths


def test_quiet_runs_say_only_what_needs_attention(built: Project) -> None:
    assert built.run_here("plan", "-q", env=ENV).ok().out.count("\n") == 1
    assert built.run_here("apply", "-q", env=ENV).ok().out == ""


def test_detailed_exit_code(started: Project) -> None:
    assert started.run_here("plan", "--detailed-exitcode", env=ENV).status == 2
    started.run_here("apply", env=ENV).ok()
    assert started.run_here("plan", "--detailed-exitcode", env=ENV).status == 0


def test_dry_run_changes_nothing(started: Project) -> None:
    assert "Plan: 6 new" in started.run_here("apply", "--dry-run", env=ENV).ok().out
    assert not started.path("").exists()


def test_a_passphrase_that_is_not_here_leaves_the_rest_pending(started: Project) -> None:
    told = started.run_here("apply", env=ENV | {"PKI_PASSPHRASE": ""})
    assert told.status == 4
    assert "  ? authority/root/certificate         pending   the environment variable `PKI_PASSPHRASE`" in told.out
    assert "  + authority/root/certificate" not in told.out
    assert "Applied: 1 new; 5 pending" in told.out
    assert "pki.yaml:18:19: warning[passphrase-unset]" in told.err
    assert not started.path("authorities/root/root.crt").exists()
    assert started.path("hosts/www/etc/apache2/sites-available/site.conf").exists()


def test_each_waits_for_its_own_passphrase(project: Project) -> None:
    keys = "".join(
        f"  {name}:\n    subject: {{common_name: {name}}}\n"
        f"    key: {{algorithm: ecdsa-p256, passphrase: {{env: {name.upper()}}}}}\n"
        for name in ("one", "two", "three")
    )
    hosts = "hosts:\n  a: {fqdn: a.abc.com, issuer: two}\n  b: {fqdn: b.abc.com, issuer: three}\n"
    project.write(f"version: 1\nauthorities:\n{keys}{hosts}")
    told = project.run_here("apply", "--format", "json", env={"TWO": "x"})
    assert told.status == 4
    waits = {one["id"]: one["message"] for one in json.loads(told.out)["pending"]}
    assert waits == {
        f"{unit}/{what}": f"the environment variable `{name}` is not set"
        for unit, name in (("authority/one", "ONE"), ("authority/three", "THREE"), ("host/b", "THREE"))
        for what in ("key", "certificate")
    }


def test_too_many_reissues_stop_before_the_first_write(built: Project) -> None:
    built.edit("aliases: [example.com]", "aliases: [example.com, mail.example.com]")
    before = built.snapshot()
    told = built.run_here("apply", "--max-reissue", "0", env=ENV)
    assert told.status == 5
    assert not changed(before, built.snapshot())


def test_an_edit_is_shown_as_a_diff(built: Project) -> None:
    built.edit("aliases: [example.com]", "aliases: [example.com, mail.example.com]")
    told = built.run_here("plan", env=ENV).ok().out
    assert "  ~ host/www/certificate               reissue   names changed, key kept\n" in told
    assert "        subjectAltName  + DNS:mail.example.com\n" in told
    assert "        + " in told.partition("site.conf")[2]


def test_a_time_of_ones_own(built: Project) -> None:
    due = built.run_here("plan", "--at", "380d", env=ENV).ok().out
    assert "host/www/certificate" in due
    assert built.run_here("plan", "--at", "2026-03-02", env=ENV).ok().out.count("Nothing to do") == 1
    wrong = built.run_here("plan", "--at", "soon", env=ENV)
    assert wrong.status == 64
    assert "`soon` is not a valid time" in wrong.err


def test_another_run_holds_the_folder(built: Project) -> None:
    (lock,) = (path for path in built.path(".cache").iterdir() if "lock" in path.name or "run" in path.name)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = built.run_here("apply", env=ENV)
    assert told.status == 3
    assert "error[output-locked]" in told.err


# -- show ---------------------------------------------------------------------------


def test_show_one_declaration(started: Project) -> None:
    whole = started.run_here("show", "host/www", "--format", "json").ok().out
    shown = json.loads(whole)["hosts"]["www"]
    assert shown["validity"] == "397d"
    assert shown["subject"] == {"organization": "Example Organisation", "common_name": "www.example.com"}
    assert started.run_here("show", "www", "--format", "json").ok().out == whole
    assert started.run_here("show", "host/www/certificate", "--format", "json").ok().out == whole
    wrong = started.run_here("show", "host/wwww")
    assert wrong.status == 1
    assert "did you mean `host/www`?" in wrong.err


def test_ids(started: Project) -> None:
    assert started.run_here("show", "--ids").ok().out == "authority/root\nhost/www\nservice/site\n"


@pytest.mark.parametrize("name", ["pki.yaml", "user.yaml", "fleet.yaml"])
def test_what_show_prints_is_a_manifest_with_the_same_meaning(name: str, tmp_path: Path) -> None:
    """It declares everything explicitly, so that showing it once more changes nothing."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("out", "*.lock"))
    first = run_here("show", "-f", folder / name).ok().out
    (folder / "again.yaml").write_text(first)
    assert run_here("show", "-f", folder / "again.yaml").ok().out == first


# -- status, graph, bundle ----------------------------------------------------------


def test_status_exits_with_2_when_something_is_due(built: Project) -> None:
    fine = built.run_here("status", env=ENV).ok().out
    assert "host/www/certificate" in fine
    assert "authority/root/certificate" in fine
    late = built.run_here("status", "--at", "390d", "--format", "json", env=ENV)
    assert late.status == 2
    rows = {row["id"]: row for row in json.loads(late.out)["rows"]}
    assert rows["host/www/certificate"]["state"] == "due"
    assert rows["authority/root/certificate"]["state"] == "ok"


@pytest.mark.parametrize("form", ["tree", "text", "dot", "mermaid", "svg", "json"])
def test_graph(started: Project, form: str) -> None:
    told = started.run_here("graph", "--format", form).ok().out
    assert "www" in told
    assert "site.conf" in told
    assert [path.name for path in started.folder.iterdir()] == ["pki.yaml"]


def test_bundle_is_a_tar_of_the_host(built: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pkibuild", "bundle", "www"], cwd=built.folder, env=environment(ENV), capture_output=True
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        names = archive.getnames()
    assert "etc/ssl/certs/www.crt" in names
    assert "etc/ssl/private/www.key" in names
    unknown = built.run_here("bundle", "wwww", env=ENV)
    assert unknown.status == 1
    assert "`wwww`" in unknown.err


# -- what is imported ---------------------------------------------------------------


@pytest.mark.parametrize("command", ["validate", "show", "graph", "plan", "apply"])
def test_cryptography_and_jinja2_are_imported_only_to_build(started: Project, command: str) -> None:
    now = {"PKIBUILD_NOW": ""}
    started.run_here("apply", env=ENV | now).ok()
    time.sleep(quick.TICK / 1e9 * 2)  # what was just written is not yet believed
    started.run("plan", env=now).ok()
    code = (
        f"import sys\nfrom pkibuild.cli import main\nassert main([{command!r}]) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=started.folder, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not set(done.stderr.splitlines()[-1].split()) & {"cryptography", "jinja2"}


def test_a_run_loads_what_it_says_and_does_alone(started: Project) -> None:
    """One edit: no other command's modules, no language but that of the one config, nothing of what tells problems."""
    started.run_here("apply", env=ENV).ok()
    started.edit("www.example.com", "web.example.com")
    code = (
        "import sys\nfrom pkibuild.cli import main\nassert main(['apply']) == 0\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=started.folder, env=environment(ENV), capture_output=True, text=True
    )
    loaded = {name.removeprefix("pkibuild.") for name in done.stderr.splitlines()[-1].split()}
    assert {"commands.apply", "rendering.languages.httpd", "execute.executor"} <= loaded
    assert not loaded & {"commands.plan", "plan.compare.as_built", "documents.yaml.region", "views.diagnostics"}
    assert not loaded & {f"rendering.languages.{name}" for name in ("data", "m4", "plain", "popper", "shell", "yaml")}


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_run_that_looks_at_everything_remembers_what_the_keys_are(started: Project, command: str) -> None:
    """When the local memory was deleted, the first run alone reads the keys, be there anything to do or not."""
    started.run_here("apply", env=ENV).ok()
    shutil.rmtree(started.path(".cache"))
    started.run_here(command, env=ENV).ok()
    for name in ("answer", "units"):
        started.path(f".cache/{name}").unlink(missing_ok=True)
    code = "import sys\nfrom pkibuild.cli import entry\nsys.argv = ['pkibuild', 'plan']\n"
    code += "try:\n    entry()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=started.folder, env=environment(ENV), capture_output=True, text=True
    )
    assert "Nothing to do" in done.stdout, done.stderr
    assert not set(done.stderr.splitlines()[-1].split()) & {"cryptography", "jinja2"}


def test_the_manifest_of_the_current_folder_is_not_needed_elsewhere(built: Project, tmp_path_factory) -> None:
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    told = run_here("plan", built.folder / "pki.yaml", env=ENV, cwd=elsewhere).ok()
    assert "Nothing to do" in told.out
    assert told.out.startswith(f"{built.folder}/pki.yaml → {built.folder}/pki/\n")
    assert not list(elsewhere.iterdir())
    told = run_here("plan", f"{built.folder.name}/pki.yaml", env=ENV, cwd=built.folder.parent).ok()
    assert told.out.startswith(f"{built.folder.name}/pki.yaml → {built.folder.name}/pki/\n")
