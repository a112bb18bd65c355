"""Files put together from keys and certificates: chains, DER forms, key and chain in one, and packs' own materials.

A bundle is compared by what it holds, part by part (`observe.parts`), with the lock as well as with the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from pkibuild.artifacts.certificate.kind import rights_on_host
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Form, Kind, Need, PlanningContext, RecordEntries, Scope
from pkibuild.artifacts.moves import Moves, moving, observed, only_moving, refuse_foreign
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Place
from pkibuild.keys import pem
from pkibuild.model import layout
from pkibuild.model.desired import KEY_MODE, Artifact, BundleArtifact, CertificateArtifact, Rights, Unit
from pkibuild.model.facts import FileFacts
from pkibuild.model.manifest import Host
from pkibuild.model.plan import NOT_BUILT, Action, Pending, Reason, Verb
from pkibuild.model.recipes import Assemble, Part, SetMode
from pkibuild.observe.after_run import AfterRun
from pkibuild.observe.parts import certificate_part, key_part, parts_in
from pkibuild.observe.source import ObservedFile
from pkibuild.review.causes import Causes, pointer, written_at
from pkibuild.state.lock.lock import LockEntry
from pkibuild.state.receipt import ReceiptFile

PARTS: dict[str, tuple[str, ...]] = {
    "fullchain": ("leaf", "chain"),
    "chain": ("chain",),
    "der": ("leaf",),
    "combined": ("key", "leaf", "chain"),
}
"""The formats that a declaration can ask for, with their parts in order."""

_UNREADABLE = key_part("unreadable")

Source = tuple[str, str, str | None]
"""Id and path of an artifact that is put in, and what it is as a part: None while that is still to be made."""


class BundleKind(Kind[BundleArtifact]):
    names = (*PARTS, "material")
    holds_keys = frozenset({"combined"})

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        declaration = scope.declaration
        own = scope.certificate(declaration.id)
        asked = [*declaration.formats, *(kind for one in scope.expansions for kind in one.formats)]
        for kind in dict.fromkeys(kind for kind in asked if kind in PARTS):
            yield _format(own, kind, layout.output_path(declaration, kind))
        for expansion in scope.expansions:
            for copy in expansion.copies:
                assert isinstance(declaration, Host)
                of = own if copy.of == "host" else scope.certificate(f"{expansion.id}/{copy.of}")
                yield _material(declaration, expansion, copy, of)

    def needs(self, artifact: BundleArtifact, issuers: Issuers) -> tuple[Need, ...]:
        own = artifact.certificate
        needs: list[str] = []
        for part in artifact.parts:
            if part == "key":
                needs.append(own.key.id)
            elif part == "leaf":
                needs.append(own.id)
            elif part == "chain":
                needs += issuers.chain(own)
            elif part == "root":
                needs.append(issuers.root(own))
            else:
                needs.append(f"{part}/certificate")
        return tuple((id, "bytes") for id in needs)

    def plan(self, context: PlanningContext, artifact: BundleArtifact) -> None:
        draft = context.draft
        sources = self._sources(context, artifact)
        if sources is None or artifact.certificate.id in draft.waiting:
            message = "its certificate cannot be issued now"
            draft.wait(Pending(artifact.id, "certificate-waits", message, artifact.place))
            return
        wanted = tuple(part for _, _, part in sources)
        seen, moves = observed(context.source, artifact, lambda one: context.source.file(one, context.unit))
        needs = draft.planned_among(*(id for id, _, _ in sources))
        parts = _parts(artifact, seen, context.source.public_of)
        if seen.state == "present" and parts is None:
            seen = replace(seen, state="damaged")
        if seen.state == "closed" and not needs:  # a key that cannot be read here
            draft.planned_ids.add(artifact.id)
            draft.unchanged += 1
            return
        if seen.state == "present" and None not in wanted and parts == wanted:
            _keep(context, artifact, seen, parts, moves)
            return
        if not _is_ours(context, seen, parts):
            refuse_foreign(context, artifact)
            return
        verb, reason = _reason(seen, wanted, needs)
        recipe = Assemble(
            artifact.path,
            tuple(Part(_role(id), path) for id, path, _ in sources),
            "der" if artifact.der else "pem",
            artifact.mode,
            keep_copy=reason.code == "edited-by-hand",
        )
        action = Action(
            artifact.id, artifact.kind, verb, (reason,), recipe, (artifact.path,), needs=needs, place=artifact.place
        )
        draft.add(moving(action, moves))

    def _sources(self, context: PlanningContext, artifact: BundleArtifact) -> list[Source] | None:
        """Every block in order; None when one of them will not exist."""
        own = context.certificates[artifact.certificate.id]
        anchors = [part for part in artifact.parts if part not in ("key", "leaf", "chain", "root")]
        if not all(_exists(context, f"{part}/certificate") for part in anchors):
            return None
        if not own.exists and any(part in ("leaf", "chain", "root") for part in artifact.parts):
            return None
        sources: list[Source] = []
        for id, _ in self.needs(artifact, context):
            if id == artifact.certificate.key.id:
                public = key_part(own.public) if own.public else None
                sources.append((id, artifact.certificate.key.path, public))
            else:
                link = context.link(id)
                sources.append((id, link.path, certificate_part(link.fingerprint) if link.fingerprint else None))
        return sources

    def as_built(self, context: PlanningContext, artifact: BundleArtifact) -> FileFacts:
        sources = self._sources(context, artifact) or ()
        return FileFacts("", tuple(part or "" for _, _, part in sources))

    def record(self, artifact: BundleArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        behind = after.is_unfinished(artifact.id)
        if behind and artifact.id in after.lock:
            return RecordEntries()
        parts = after.made_parts(artifact.path)
        if parts is None:
            parts = _parts(artifact, after.file(artifact, unit), after.public_of)
        entries = (_entry(artifact, parts),) if parts is not None else ()
        if behind or not after.is_there(artifact.path):
            return RecordEntries(entries)
        digest = "" if artifact.secret else after.digest(artifact.path) or ""
        shown = " ".join([part for part in parts or () if not part.startswith(_UNREADABLE)])
        noted = ReceiptFile.of(artifact.id, artifact.rights, secret=artifact.secret, digest=digest, inputs=shown)
        return RecordEntries(entries, {artifact.path: noted})

    def forms(self) -> Mapping[str, Form]:
        return {"pem": _pem, "der": lambda blocks: blocks[0].der()}

    def asked_by(self, artifact: BundleArtifact, scope: Scope) -> Iterator[Place]:
        if artifact.kind in scope.declaration.formats:
            yield written_at(scope.manifest, scope.declaration.place, "formats")
        for expansion in scope.expansions:
            if artifact.kind in expansion.formats and artifact.id == f"{scope.declaration.id}/{artifact.kind}":
                yield scope.manifest.services[expansion.service].place

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        return (pointer(action.place),) if reason in ("inputs-changed", "parts-changed") else ()


def _format(certificate: CertificateArtifact, kind: str, path: str) -> BundleArtifact:
    """One of the formats that a declaration can ask for; its rights are those of the certificate."""
    rights = certificate.rights
    return BundleArtifact(
        id=f"{certificate.unit}/{kind}",
        kind=kind,
        path=path,
        rights=Rights(rights.owner, rights.group, KEY_MODE) if "key" in PARTS[kind] else rights,
        place=certificate.place,
        parts=PARTS[kind],
        certificate=certificate,
        der=kind == "der",
    )


def _material(host: Host, expansion: Any, copy: Any, of: CertificateArtifact) -> BundleArtifact:
    return BundleArtifact(
        id=f"{expansion.id}/{copy.name}",
        kind="material",
        path=f"{layout.unit_folder(host)}/{copy.path}",
        rights=rights_on_host(copy.rights),
        place=copy.place,
        parts=copy.parts,
        certificate=of,
    )


def _pem(blocks: Sequence[pem.Block]) -> bytes:
    return b"".join(block.text.strip() + b"\n" for block in blocks)


def _parts(artifact: BundleArtifact, seen: ObservedFile, public_of: Callable[[bytes], str]) -> tuple[str, ...] | None:
    """What its file holds, part by part; None where there is none, or it cannot be read."""
    if seen.state != "present" or seen.parts is not None:
        return seen.parts
    try:
        return parts_in(seen.data or b"", artifact.der, public_of)
    except ValueError:
        return None


def _exists(context: PlanningContext, id: str) -> bool:
    if id in context.certificates:
        return context.certificates[id].exists
    return context.issuers[id.split("/")[1]].own.exists


def _role(id: str) -> Any:
    return "key" if id.endswith("/key") else "certificate"


def _is_ours(context: PlanningContext, seen: ObservedFile, parts: Sequence[str] | None) -> bool:
    """Whether it may be overwritten: what is remembered, empty, or made of what was issued here."""
    if seen.in_receipt or seen.written_parts is not None or seen.state in ("absent", "closed"):
        return True
    return seen.state == "present" and (not parts or context.source.has_issued(parts))


def _reason(seen: ObservedFile, wanted: tuple[str | None, ...], needs: tuple[str, ...]) -> tuple[Verb, Reason]:
    if seen.state == "absent" and seen.written_parts is None:
        return "new", NOT_BUILT
    if needs:
        return "refresh", Reason("parts-changed", "what is in it changes", needs)
    if seen.state == "absent":
        return "restore", Reason("missing", "it is missing")
    if seen.written_parts == wanted:
        return "restore", Reason("edited-by-hand", "it was changed by hand, and is put back")
    return "refresh", Reason("parts-changed", "what is in it changed")


def _keep(
    context: PlanningContext, artifact: BundleArtifact, seen: ObservedFile, parts: tuple[str, ...], moves: Moves
) -> None:
    if artifact.secret and seen.mode is not None and seen.mode & 0o077:
        reason = Reason("mode-changed", f"its mode was {seen.mode:04o}, and others could read it")
        recipe = SetMode(artifact.path, KEY_MODE)
        action = Action(
            artifact.id, artifact.kind, "restore", (reason,), recipe, (artifact.path,), place=artifact.place
        )
        context.draft.add(moving(action, moves))
    elif moves:
        context.draft.add(only_moving(artifact, moves))
    else:
        context.draft.keep(_entry(artifact, parts))


def _entry(artifact: BundleArtifact, parts: tuple[str, ...]) -> LockEntry:
    return LockEntry.of(artifact, FileFacts("", parts))


KIND = BundleKind()
