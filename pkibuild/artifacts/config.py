"""Configs of service packs: texts rendered from template, options and paths, and symbolic links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pkibuild.artifacts.certificate.kind import rights_on_host
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Kind, Need, PlanningContext, RecordEntries, Scope
from pkibuild.artifacts.moves import Moves, moving, observed, only_moving, refuse_foreign
from pkibuild.artifacts.texts import MASK, Texts
from pkibuild.core.diagnostics import UserError
from pkibuild.core.values import Record
from pkibuild.model import layout
from pkibuild.model.desired import Artifact, ConfigArtifact, Unit
from pkibuild.model.facts import FileFacts, sha
from pkibuild.model.manifest import Host
from pkibuild.model.plan import NOT_BUILT, Action, Change, Reason, Verb
from pkibuild.model.recipes import Link, Write
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.source import ObservedFile
from pkibuild.review.causes import Causes, changed_places, pointer
from pkibuild.review.changes import text_changes
from pkibuild.state.lock.lock import LockEntry
from pkibuild.state.receipt import ReceiptFile

_HEADER = b"pkibuild"
"""Stands in the first lines of every config that we write."""


class ConfigKind(Kind[ConfigArtifact]):
    names = ("config", "link")

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        for expansion in scope.expansions:
            if expansion.problems:  # it lacks paths as well, and its templates would only say so again
                continue
            for file, context in zip(expansion.files, expansion.contexts, strict=True):
                if file.kind in ("file", "link"):
                    assert isinstance(scope.declaration, Host)
                    yield _config(scope.declaration, expansion, file, context)

    def needs(self, artifact: ConfigArtifact, issuers: Issuers) -> tuple[Need, ...]:
        """The artifacts whose paths it sees: a config does not change when a certificate is renewed."""
        service = artifact.service
        host = f"host/{service.host}"
        own = [f"{host}/{kind}" for kind in ("key", "certificate", *service.formats)]
        requested = [f"{service.id}/{one.role}/{what}" for one in service.requests for what in ("key", "certificate")]
        copies = [f"{service.id}/{one.name}" for one in service.copies]
        return tuple((id, "path") for id in (*own, *requested, *copies))

    def plan(self, context: PlanningContext, artifact: ConfigArtifact) -> None:
        """What it was rendered from is compared first, and its text only when that differs."""
        texts = context.texts
        seen, moves = observed(context.source, artifact, lambda one: context.source.file(one, context.unit))
        public = texts.inputs(artifact, public=True)
        inputs = texts.inputs(artifact) if artifact.secret and not context.source.lock_only else public
        before = _before(context, artifact, seen)
        unedited = seen.built is not None or seen.digest == seen.written_digest
        if seen.state == "present" and before.inputs == inputs and unedited and _mode_fits(artifact, seen):
            masked = seen.masked or texts.masked(artifact)
            _keep(
                context, artifact, LockEntry.of(artifact, _facts(artifact, seen.digest, masked), inputs=public), moves
            )
            return
        text = before.render(context)
        data, masked = texts.render(artifact), texts.masked(artifact)
        digest = sha(text) if text is not None and seen.built is not None else seen.digest
        # The lock does not know what a secret was: what changes in nothing else is no change where it alone is asked.
        same = seen.state == "present" and (digest == sha(data) or bool(masked and seen.masked == masked))
        if same and _mode_fits(artifact, seen):
            _keep(context, artifact, LockEntry.of(artifact, _facts(artifact, digest, masked), inputs=public), moves)
            return
        if seen.state != "absent" and not _is_ours(seen):
            refuse_foreign(context, artifact)
            return
        verb, reason = _reason(seen, same, before)
        keep_copy = reason.code == "edited-by-hand"
        recipe: Write | Link = Write(artifact.path, data, artifact.mode, keep_copy, public)
        if artifact.link:
            recipe = Link(artifact.path, artifact.link, keep_copy)
        changes = () if verb == "new" else before.changes(context, text, data)
        name = f"→ {artifact.link}" if artifact.link else artifact.path.rpartition("/")[2]
        action = Action(
            artifact.id, artifact.kind, verb, (reason,), recipe, (artifact.path,), changes, name, place=artifact.place
        )
        context.draft.add(moving(action, moves))

    def as_built(self, context: PlanningContext, artifact: ConfigArtifact) -> None:
        return None

    def record(self, artifact: ConfigArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        behind = after.is_unfinished(artifact.id)
        if behind and artifact.id in after.lock:
            return RecordEntries()
        digest, inputs = after.made_digest(artifact.path), ""
        if digest is None:
            seen = after.file(artifact, unit)
            if seen.state == "present":
                digest, inputs = seen.digest, seen.inputs
        if digest is None:
            entries: tuple[LockEntry, ...] = ()
        elif behind:
            entries = (LockEntry.of(artifact, _facts(artifact, digest, ""), inputs=inputs),)
        else:
            public = texts.inputs(artifact, public=True)
            entries = (LockEntry.of(artifact, _facts(artifact, digest, texts.masked(artifact)), inputs=public),)
        if behind or not after.is_there(artifact.path):
            return RecordEntries(entries)
        # Of secrets nothing is noted that they could be guessed from; their text is compared, wherever it lies.
        noted = ReceiptFile.of(
            artifact.id,
            artifact.rights,
            secret=artifact.secret,
            digest="" if artifact.secret else after.digest(artifact.path) or "",
            inputs="" if artifact.secret else texts.inputs(artifact),
            link=artifact.link,
        )
        return RecordEntries(entries, {artifact.path: noted})

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        return (pointer(action.place),) if reason in ("inputs-changed", "parts-changed") else ()


def _config(host: Host, expansion: Any, file: Any, context: Mapping[str, Any] | None) -> ConfigArtifact:
    return ConfigArtifact(
        id=f"{expansion.id}/{file.name}",
        kind="link" if file.target else "config",
        path=f"{layout.unit_folder(host)}/{file.path}",
        rights=rights_on_host(file.rights),
        place=file.place,
        file=file,
        service=expansion,
        context=context,
    )


def _facts(artifact: ConfigArtifact, digest: str, masked: str) -> FileFacts:
    """What the lock remembers: of a config with a secret in it no digest but that of the masked text."""
    return FileFacts(masked=masked) if artifact.secret else FileFacts(digest)


class _Before(Record):
    """The config as it is there, or as the old manifest renders it."""

    artifact: ConfigArtifact
    seen: ObservedFile
    built: ConfigArtifact | None
    """That of the old manifest, in a diff."""
    inputs: str
    """Digest of what it was rendered from."""

    def render(self, context: PlanningContext) -> bytes | None:
        """Its text, where that is at hand. Raises UserError with a place in the old manifest."""
        if self.built is None:
            return self.seen.data
        return context.old_texts.render(self.built)

    @property
    def causes(self) -> tuple[str, ...]:
        """What of the manifest has changed that it was rendered from, where that is known."""
        return changed_places(self.built.context, self.artifact.context, self.artifact.place) if self.built else ()

    def changes(self, context: PlanningContext, text: bytes | None, data: bytes) -> tuple[Change, ...]:
        """What changes in the text. One that holds secrets is shown only where both sides can be masked."""
        secret = self.artifact.secret or self.seen.held_secret or (self.built is not None and self.built.secret)
        if text is None:
            return ()
        if not secret:
            return text_changes(text, data)
        if self.built is None:
            return ()
        try:
            before = context.old_texts.shown(self.built, self.artifact.file.secrets)
            changes = text_changes(before, context.texts.shown(self.artifact, self.built.file.secrets))
        except UserError:  # the template does more with a secret than to put it out
            return ()
        return changes or ((Change("secret options", (MASK,), (MASK,)),) if text != data else ())


def _before(context: PlanningContext, artifact: ConfigArtifact, seen: ObservedFile) -> _Before:
    built = seen.built if isinstance(seen.built, ConfigArtifact) else None
    inputs = seen.inputs
    if built is not None:
        inputs = context.old_texts.inputs(built)
    return _Before(artifact, seen, built, inputs)


def _is_ours(seen: ObservedFile) -> bool:
    """Whether it may be overwritten. An empty file is what is left of ours when the power fails."""
    if seen.built is not None or seen.in_receipt:
        return True
    return seen.state == "present" and (not seen.data or _HEADER in seen.data[:400] or seen.in_lock)


def _mode_fits(artifact: ConfigArtifact, seen: ObservedFile) -> bool:
    return seen.mode is None or not seen.mode & ~artifact.mode & 0o077


def _reason(seen: ObservedFile, same: bool, before: _Before) -> tuple[Verb, Reason]:
    if seen.state == "absent":
        return ("restore", Reason("missing", "it is missing")) if seen.in_receipt else ("new", NOT_BUILT)
    if seen.written_digest and seen.digest != seen.written_digest:
        return "restore", Reason("edited-by-hand", "it was changed by hand, and is put back")
    if same:
        return "restore", Reason("mode-changed", "its mode was changed")
    return "render", Reason("inputs-changed", "its options, paths or template changed", before.causes)


def _keep(context: PlanningContext, artifact: ConfigArtifact, entry: LockEntry, moves: Moves) -> None:
    if moves:
        context.draft.add(only_moving(artifact, moves))
    else:
        context.draft.keep(entry)


KIND = ConfigKind()
