"""Certificate revocation lists (RFC 5280 5), in PEM and in DER; one for each generation of an authority."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pkibuild.artifacts.certificate.kind import is_listed
from pkibuild.artifacts.crl.planning import plan_lists
from pkibuild.artifacts.crl.policies import list_renews_at
from pkibuild.artifacts.issuers import Issuers
from pkibuild.artifacts.kind import Kind, Need, PlanningContext, RecordEntries, Scope, stand_in
from pkibuild.artifacts.status import State, StatusTable, in_words
from pkibuild.artifacts.texts import Texts
from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.model import layout
from pkibuild.model.desired import Artifact, CrlArtifact, Rights, Unit
from pkibuild.model.facts import CrlFacts
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import Action, StatusRow
from pkibuild.observe.after_run import AfterRun
from pkibuild.review.causes import Causes
from pkibuild.state.lock.lock import LockEntry
from pkibuild.x509.attributes import format_subject


class CrlKind(Kind[CrlArtifact]):
    names = ("crl", "crl-der")
    has_status = True

    def desired(self, scope: Scope) -> Iterator[Artifact]:
        authority = scope.declaration
        if isinstance(authority, Authority) and authority.crl is not None:
            for kind in self.names:
                path = layout.output_path(authority, kind)
                place = (*authority.place, "crl")
                yield CrlArtifact(f"{authority.id}/{kind}", kind, path, Rights(), place, authority)

    def needs(self, artifact: CrlArtifact, issuers: Issuers) -> tuple[Need, ...]:
        own = artifact.authority.id
        if artifact.der:
            return ((f"{own}/crl", "bytes"),)
        return ((f"{own}/key", "public"), (f"{own}/certificate", "subject, key_id"))

    def plan(self, context: PlanningContext, artifact: CrlArtifact) -> None:
        if not artifact.der:  # both forms are decided on together, for each generation
            plan_lists(context, artifact, tuple(id for id, _ in self.needs(artifact, context)))

    def as_built(self, context: PlanningContext, artifact: CrlArtifact) -> CrlFacts:
        view = context.certificates[f"{artifact.authority.id}/certificate"]
        assert artifact.authority.crl is not None
        return CrlFacts(
            issuer_digest=view.subject or "",
            issuer_key_id=view.key_id or "",
            number=1,
            this_update=context.now,
            next_update=context.now + artifact.authority.crl.validity,
            revoked=(),
            digest=stand_in("list", artifact.authority.id),
        )

    def record(self, artifact: CrlArtifact, unit: Unit, after: AfterRun, texts: Texts) -> RecordEntries:
        authority = artifact.authority
        history = after.history(authority)
        entries = []
        for number, older in ((history.generation or 1, None), *((one.number, one.number) for one in history.older)):
            id = artifact.id + (f"@g{older}" if older is not None else "")
            path = layout.output_path(authority, artifact.kind, older)
            seen = after.crl(id, path, artifact.der, authority, number)
            if seen.facts is not None:
                entries.append(LockEntry(id, artifact.kind, path, seen.facts, generation=number))
        return RecordEntries(tuple(entries))

    def status(self, artifact: CrlArtifact, table: StatusTable, problem: Diagnostic | None) -> Iterator[StatusRow]:
        return iter(()) if artifact.der else crl_rows(artifact, table, problem)

    def asked_by(self, artifact: CrlArtifact, scope: Scope) -> Iterator[Place]:
        yield artifact.place

    def causes(self, reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
        own = causes.declaration(action)
        authority = f"authority/{own[1]}"
        if reason == "retired":
            return causes.first(f"{authority}/key")
        if reason == "issuer-rekeyed":
            return causes.first(f"{authority}/key", f"{authority}/certificate") or causes.field(own, "issuer")
        return causes.field(own, "crl", "validity") if reason == "validity-changed" else ()


KIND = CrlKind()


def crl_rows(crl: CrlArtifact, table: StatusTable, problem: Diagnostic | None) -> Iterator[StatusRow]:
    """A row for the list of each living generation. `problem` is an error about the authority."""
    authority = crl.authority
    if is_listed(authority, table, problem):
        yield _row(crl, table, table.issuers[authority.name].own.generation, None)
        older = table.source.history(authority).older
        yield from (_row(crl, table, one.number, one.number) for one in older if one.living)


def _row(crl: CrlArtifact, table: StatusTable, generation: int, older: int | None) -> StatusRow:
    authority = crl.authority
    assert authority.crl is not None
    suffix = "" if older is None else f"@g{older}"
    id = f"{crl.id}{suffix}"
    facts = table.source.crl(id, layout.output_path(authority, "crl", older), False, authority, generation).facts
    own = table.draft.actions.get(id)
    row = StatusRow(id, "crl", "ok", issuer=format_subject(authority.subject))
    if facts is None:
        state = "missing" if own is not None and own.verb in ("restore", "retire") else "not-built"
        message = table.waits(id) or (
            in_words(own.reasons) if own and state == "missing" else "`pkibuild apply` makes it"
        )
        return replace(row, state=state, message=message)
    renews = list_renews_at(facts, authority.crl.refresh_before)
    planned = table.planned(id, own, None, renews, facts.next_update)
    state, message = planned or _der(f"{authority.id}/crl-der{suffix}", table) or ("ok", "")
    return replace(  # a list's serial is its number (RFC 5280 5.2.3), its end when the next one is due
        row,
        state=state,
        message=message,
        serial=str(facts.number),
        not_before=facts.this_update,
        not_after=facts.next_update,
        renew_at=renews,
    )


def _der(id: str, table: StatusTable) -> State | None:
    """The same list in DER, where that alone is to be repaired."""
    action = table.draft.actions.get(id)
    if action is None:
        return None
    return "missing" if action.verb == "restore" else "wrong", f"in DER form: {in_words(action.reasons)}"
