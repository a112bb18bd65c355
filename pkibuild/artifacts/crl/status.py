"""The rows of an authority's revocation lists in `status`."""

from __future__ import annotations

from collections.abc import Iterator

from pkibuild.artifacts.certificate.status import is_listed
from pkibuild.artifacts.crl.policies import list_renews_at
from pkibuild.artifacts.status import State, StatusTable, in_words
from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.values import replace
from pkibuild.model import layout
from pkibuild.model.desired import CrlArtifact
from pkibuild.model.reports import StatusRow
from pkibuild.x509.attributes import format_subject


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
