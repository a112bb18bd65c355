"""The workflow for GitHub and the jobs for GitLab in docs/ci: their scripts are run on a real repository."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, Project, environment
from repository import commit, git

MANIFEST = """\
version: 1
authorities: {ca: {subject: {common_name: CA}, key: ecdsa-p256}}
defaults: {issuer: ca, key: ecdsa-p256}
hosts:
  www: {fqdn: www.abc.com}
"""


def read(name: str) -> dict[str, Any]:
    """As the sites do: `on` is no truth value."""
    found: dict[str, Any] = yaml.load((ROOT / "docs" / "ci" / name).read_text(encoding="utf-8"), yaml.BaseLoader)
    return found


GITHUB, GITLAB = read("github.yml"), read("gitlab.yml")
STEPS = {step["name"]: step for job in GITHUB["jobs"].values() for step in job["steps"]}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the command `pkibuild`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pkibuild").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pkibuild "$@"\n')
    (folder / "pkibuild").chmod(0o755)
    return folder


@pytest.fixture
def origin(tmp_path: Path) -> Project:
    """What the site has: `main`, built and its lock committed, and a pull request with another commit."""
    folder = tmp_path / "origin"
    folder.mkdir()
    project = Project(folder)
    project.write(MANIFEST)
    project.run_here("apply").ok()
    git(folder, "init", "-qb", "main")
    git(folder, "add", "pki.yaml", "pki.lock")
    git(folder, "commit", "-qm", "first")
    git(folder, "checkout", "-qb", "change")
    return project


def propose(origin: Project, text: str) -> None:
    """The pull request has this manifest, and the main branch has gone on meanwhile."""
    origin.write(text)
    git(origin.folder, "commit", "-qam", "change")
    git(origin.folder, "update-ref", "refs/pull/1/head", "HEAD")
    git(origin.folder, "checkout", "-q", "main")
    git(origin.folder, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    git(origin.folder, "checkout", "-q", "change")


class Runner:
    """Runs steps as GitHub does: each in a shell of its own, with what earlier ones put out."""

    def __init__(self, program: Path, folder: Path, origin: Project) -> None:
        self.program, self.folder, self.origin = program, folder, origin
        self.summary, self.output = folder / "summary.md", folder / "output.txt"

    def step(self, name: str, folder: Path | None = None) -> None:
        step = STEPS[name]
        env = {
            "REPOSITORY": f"file://{self.origin.folder}",
            "BASE": git(self.origin.folder, "rev-parse", "main").strip(),
            "CHANGE": "refs/pull/1/head",
            "TOKEN": "sesame",
            "MANIFEST": "pki.yaml",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "PATH": f"{self.program}:{environment()['PATH']}",
            "GIT_CONFIG_COUNT": "1" if "GIT_CONFIG_COUNT" in step.get("env", {}) else "",
            "GIT_CONFIG_KEY_0": "http.https://example.org/.extraheader",
        }
        assert set(step.get("env", {})) <= set(env)
        where = folder or self.folder / step.get("working-directory", "")
        script = ["bash", "--noprofile", "--norc", "-e", "-c", step["run"]]
        done = subprocess.run(script, cwd=where, env=environment(env), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "sesame" not in done.stdout + done.stderr

    def compare(self) -> tuple[str, str]:
        """The status and the comment of the pull request."""
        self.step("Fetch both sides as git objects")
        self.step("Compare")
        return self.told("status"), (self.folder / "change.git" / "comment" / "comment.md").read_text()

    def told(self, name: str) -> str:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())[name]


@pytest.fixture
def runner(program: Path, tmp_path: Path, origin: Project) -> Runner:
    folder = tmp_path / "runner"
    folder.mkdir()
    return Runner(program, folder, origin)


CHANGES = {
    "nothing": (MANIFEST + "# a comment\n", "0", "No changes: 4 unchanged."),
    "alias": (MANIFEST.replace("abc.com}", "abc.com, aliases: [abc.com]}"), "2", "Diff: 1 changed; 3 unchanged."),
    "wildcard": (MANIFEST.replace("abc.com}", 'abc.com, aliases: ["*.abc.com"]}'), "5", "⚠️ **new-wildcard**"),
    "invalid": (MANIFEST.replace("issuer: ca", "issuer: ac"), "1", "    change:pki.yaml:3:20: error[unknown-issuer]"),
    "hostile": (MANIFEST.replace("issuer: ca", "issuer: '```</details>@all'"), "1", "error[unknown-issuer]"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_comment_on_github(runner: Runner, name: str) -> None:
    text, status, told = CHANGES[name]
    propose(runner.origin, text)
    found, comment = runner.compare()
    assert found == status
    assert comment.startswith("<!-- pkibuild -->\n### pkibuild: ")
    assert told in html.unescape(comment)
    assert runner.summary.read_text() == comment
    if status == "1":
        _, _, rest = comment.partition("\n\n")
        assert all(line.startswith("    ") for line in rest.splitlines()), "all of it is code"
    assert list(runner.folder.glob("change.git/**/pki.yaml")) == [], "nothing of the pull request is checked out"


def test_the_first_manifest_is_all_new_on_github(runner: Runner) -> None:
    git(runner.origin.folder, "checkout", "-q", "--orphan", "empty")
    git(runner.origin.folder, "rm", "-qrf", ".")
    git(runner.origin.folder, "commit", "-qm", "empty", "--allow-empty")
    git(runner.origin.folder, "branch", "-qf", "main")
    git(runner.origin.folder, "checkout", "-qB", "change")
    runner.origin.write(MANIFEST)
    commit(runner.origin.folder)
    git(runner.origin.folder, "update-ref", "refs/pull/1/head", "HEAD")
    status, comment = runner.compare()
    assert (status, "**new-authority**" in comment) == ("5", True)


def test_what_waits_is_told_on_github(runner: Runner) -> None:
    def state() -> str:
        runner.output.write_text("")
        checkout = runner.folder / git(runner.origin.folder, "rev-parse", "HEAD").strip()
        git(runner.folder, "clone", "-q", f"file://{runner.origin.folder}", checkout.name)
        runner.step("What waits for the signer", checkout)
        assert len(runner.told("told")) <= 140, "a status has no more room"
        return runner.told("state")

    assert state() == "success"
    runner.origin.write(CHANGES["alias"][0])
    git(runner.origin.folder, "commit", "-qam", "merged")
    assert state() == "pending"
    assert "host/www/certificate" in runner.summary.read_text()
    runner.origin.run_here("apply").ok()
    git(runner.origin.folder, "commit", "-qm", "applied", "pki.lock")
    assert state() == "success"
    (runner.origin.folder / "pki.lock").write_text("<<<<<<< HEAD\n")
    git(runner.origin.folder, "commit", "-qam", "merged")
    assert state() == "failure"


def test_the_workflow_can_do_no_more_than_it_must() -> None:
    assert GITHUB["permissions"] == {}
    jobs = GITHUB["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "diff": {"contents": "read"},
        "comment": {"pull-requests": "write"},
        "waiting": {"contents": "read", "statuses": "write"},
    }
    for step in STEPS.values():
        assert "${{" not in step.get("run", ""), "what comes from outside is handed over in variables"
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40)), "an action is pinned"
    checkouts = [name for name, job in jobs.items() for step in job["steps"] if "checkout@" in step.get("uses", "")]
    assert checkouts == ["waiting"], "a pull request is never checked out"
    secrets = re.findall(r"secrets\.\w+", (ROOT / "docs/ci/github.yml").read_text())
    assert secrets == []


@pytest.mark.parametrize("name", STEPS)
def test_the_scripts_for_github_are_shell(name: str) -> None:
    subprocess.run(["bash", "-n", "-c", STEPS[name].get("run", "")], check=True)


# -- GitLab ------------------------------------------------------------------------------------------------------------


class Notes(HTTPServer):
    """The part of GitLab's API that keeps notes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.notes = [{"id": 1, "author": {"id": 7}, "body": "hello"}]
        self.tokens: set[str] = set()


class Answer(BaseHTTPRequestHandler):
    server: Notes

    def do_GET(self) -> None:
        self._answer({"id": 8} if self.path == "/api/v4/user" else self.server.notes)

    def do_POST(self) -> None:
        assert self.path == "/api/v4/projects/3/merge_requests/5/notes"
        self.server.notes.append({"id": len(self.server.notes) + 1, "author": {"id": 8}, "body": self._body()})
        self._answer({})

    def do_PUT(self) -> None:
        self.server.notes[int(self.path.rpartition("/")[2]) - 1]["body"] = self._body()
        self._answer({})

    def _body(self) -> str:
        text: str = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        return text

    def _answer(self, value: Any) -> None:
        self.server.tokens.add(self.headers["PRIVATE-TOKEN"])
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def notes() -> Iterator[Notes]:
    server = Notes()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def job(name: str, folder: Path, program: Path, env: dict[str, str]) -> tuple[int, str]:
    """A job's script in one shell, as GitLab's runner has it; its status and output."""
    script = "\n".join(["set -eo pipefail", *GITLAB[name]["script"]])
    path = f"{program}:{environment()['PATH']}"
    env = environment({**GITLAB["variables"], **env, "PATH": path})
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", CHANGES)
def test_the_note_on_gitlab(origin: Project, program: Path, notes: Notes, name: str) -> None:
    text, status, told = CHANGES[name]
    propose(origin, text)
    env = {
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(origin.folder, "merge-base", "main", "change").strip(),
        "CI_COMMIT_SHA": git(origin.folder, "rev-parse", "change").strip(),
        "CI_API_V4_URL": f"http://127.0.0.1:{notes.server_address[1]}/api/v4",
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "5",
        "PKI_NOTES_TOKEN": "sesame",
    }
    wanted = int(status) if status in "15" else 0
    for _ in range(2):
        done, said = job("pki-diff", origin.folder, program, env)
        assert (done, "sesame" in said) == (wanted, False), said
    assert [one["id"] for one in notes.notes] == [1, 2], "one note, updated"
    assert notes.notes[1]["body"].startswith("<!-- pkibuild -->\n### pkibuild: ")
    assert told.replace("change:", f"{env['CI_COMMIT_SHA']}:") in html.unescape(notes.notes[1]["body"])
    assert (notes.notes[0]["body"], notes.tokens) == ("hello", {"sesame"})
    notes.notes.clear()
    assert job("pki-diff", origin.folder, program, {**env, "PKI_NOTES_TOKEN": ""})[0] == wanted
    assert notes.notes == [], "without a token there is the artifact alone"


def test_what_waits_is_told_on_gitlab(origin: Project, program: Path) -> None:
    assert job("pki-waiting", origin.folder, program, {})[0] == 0
    origin.write(CHANGES["alias"][0])
    status, said = job("pki-waiting", origin.folder, program, {})
    assert (status, "host/www/certificate" in said) == (2, True)
    assert GITLAB["pki-waiting"]["allow_failure"] == {"exit_codes": ["2"]}
