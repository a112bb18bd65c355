"""A kind of artifact that only this test knows goes through everything, registered in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256

import pytest
from helpers import Project

from pkibuild.artifacts import registry
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Kind, Need, PlanningContext, RecordEntries, Scope
from pkibuild.artifacts.texts import Texts
from pkibuild.keys.pem import Block
from pkibuild.model import layout
from pkibuild.model.desired import Artifact, CertificateArtifact, Unit
from pkibuild.model.facts import FileFacts
from pkibuild.model.manifest import Host
from pkibuild.model.plan import NOT_BUILT, Action, Reason
from pkibuild.model.recipes import Assemble, Part
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.parts import certificate_part
from pkibuild.state.lock.lock import LockEntry
from pkibuild.state.receipt import ReceiptFile

MANIFEST = """\
version: 1
authorities:
  ca: {subject: {common_name: A CA}, key: {algorithm: ecdsa-p256}}
hosts:
  www: {fqdn: www.example.com, issuer: ca, key: {algorithm: ecdsa-p256}}
"""
ID = "host/www/fingerprints"
PATH = "hosts/www/etc/ssl/certs/www.fingerprints"


class Fingerprints(Kind[Artifact]):
    """A file with the SHA-256 fingerprint of a host's certificate."""

    names = ("fingerprints",)

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        if isinstance(scope.declaration, Host):
            own = scope.certificate(scope.declaration.id)
            path = f"hosts/{scope.declaration.name}/{layout.certificate_folder(scope.declaration)}"
            whole = f"{path}/{scope.declaration.name}.fingerprints"
            yield Artifact(f"{own.unit}/fingerprints", "fingerprints", whole, own.rights, own.place)

    def needs(self, artifact: Artifact, issuers: Issuers) -> tuple[Need, ...]:
        return ((f"{artifact.id.rpartition('/')[0]}/certificate", "bytes"),)

    def plan(self, context: PlanningContext, artifact: Artifact) -> None:
        (wanted,) = self._parts(context, artifact)
        seen = context.source.file(artifact, context.unit)
        needs = context.draft.planned_among(*(id for id, _ in self.needs(artifact, context)))
        if not needs and seen.state == "present" and seen.written_parts == (wanted,):
            context.draft.keep(LockEntry.of(artifact, FileFacts("", (wanted,))))
            return
        certificate = next(context.unit.of(CertificateArtifact))
        recipe = Assemble(artifact.path, (Part("certificate", certificate.path),), "fingerprints")
        new = seen.state == "absent" and seen.written_parts is None
        reason = NOT_BUILT if new else Reason("parts-changed", "what is in it changes", needs)
        verb = "new" if new else "refresh" if needs else "restore"
        context.draft.add(
            Action(artifact.id, "fingerprints", verb, (reason,), recipe, (artifact.path,), needs=needs)  # type: ignore[arg-type]  # one of the three
        )

    @staticmethod
    def _parts(context: PlanningContext, artifact: Artifact) -> tuple[str]:
        view = context.certificates[f"{artifact.id.rpartition('/')[0]}/certificate"]
        return (certificate_part(view.fingerprint or ""),)

    def as_built(self, context: PlanningContext, artifact: Artifact) -> FileFacts:
        return FileFacts("", self._parts(context, artifact))

    def record(self, artifact: Artifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        parts = after.made_parts(artifact.path) or after.file(artifact, unit).written_parts
        digest = after.digest(artifact.path)
        if parts is None or digest is None:
            return RecordEntries()
        noted = ReceiptFile.of(artifact.id, artifact.rights, digest=digest, inputs=" ".join(parts))
        return RecordEntries((LockEntry.of(artifact, FileFacts("", parts)),), {artifact.path: noted})

    def forms(self) -> Mapping[str, Callable[[Sequence[Block]], bytes]]:
        return {"fingerprints": lambda blocks: sha256(blocks[0].der()).hexdigest().encode() + b"\n"}


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """With the kind registered, in this process."""
    monkeypatch.setattr(registry, "KINDS", [*registry.KINDS, Fingerprints()])
    project.write(MANIFEST)
    return project


def planned(project: Project, *argv: str) -> dict[str, str]:
    plan = json.loads(project.run_here(*argv, "--format", "json").ok().out)
    return {one["id"]: one["action"] for one in plan["actions"]}


def test_it_is_planned_built_and_then_up_to_date(project: Project) -> None:
    assert planned(project, "plan")[ID] == "new"
    project.run_here("apply").ok()
    assert len(project.path(PATH).read_text()) == 65
    assert planned(project, "plan") == planned(project, "plan", "--lock-only") == {}
    shutil.rmtree(project.path(".cache"))
    assert planned(project, "plan") == {}


def test_it_follows_its_certificate(project: Project) -> None:
    project.run_here("apply").ok()
    before = project.path(PATH).read_text()
    project.edit("fqdn: www.example.com", "fqdn: www.example.com, aliases: [w.example.com]")
    expected = {"host/www/certificate": "reissue", ID: "refresh"}
    assert planned(project, "plan") == planned(project, "plan", "--lock-only") == expected
    project.run_here("apply").ok()
    assert project.path(PATH).read_text() != before


def test_the_graph_shows_it(project: Project) -> None:
    why = project.run_here("graph", "--why", ID).ok().out
    assert "host/www/certificate (bytes)" in why
    assert ID in project.run_here("graph", "--why", "host/www/key").ok().out


def test_a_diff_shows_it(project: Project) -> None:
    project.write(MANIFEST, "old.yaml")
    project.edit("fqdn: www.example.com", "fqdn: www.example.com, aliases: [w.example.com]")
    assert planned(project, "diff", "old.yaml", "pki.yaml")[ID] == "refresh"


def test_it_is_delivered_and_its_loss_is_repaired(project: Project) -> None:
    project.run_here("apply").ok()
    project.path(PATH).unlink()
    assert planned(project, "apply") == {ID: "restore"}
    assert PATH.removeprefix("hosts/www/") in project.run_here("bundle", "www").ok().out


def test_it_is_an_orphan_when_its_host_goes_and_is_pruned(project: Project) -> None:
    project.run_here("apply").ok()
    project.write(MANIFEST.partition("hosts:")[0])
    plan = json.loads(project.run_here("plan", "--format", "json").ok().out)
    assert ID in {one["id"] for one in plan["orphans"]}
    project.run_here("apply", "--prune").ok()
    assert not project.path(PATH).exists()
