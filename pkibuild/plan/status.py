"""The state of every certificate and revocation list, as the plan sees it: this module forms no opinion of its own.

What the plan would do with an artifact, and why, is its state: nothing means `ok`; what time asks for is `due`; what is
not as the manifest says is `wrong`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pkibuild.artifacts.configs import Texts
from pkibuild.artifacts.draft import Draft
from pkibuild.artifacts.issuers import IssuerView
from pkibuild.artifacts.policies import BY_TIME, list_renews_at, renews_at, root_is_due
from pkibuild.core.diagnostics import Diagnostic, Place, UserError
from pkibuild.model import layout
from pkibuild.model.desired import Pair, Unit
from pkibuild.model.facts import CertificateFacts, CrlFacts
from pkibuild.model.manifest import Authority, Crl, Manifest
from pkibuild.model.plan import Action, Reason
from pkibuild.model.reports import StatusRow
from pkibuild.observe.source import Generation, Source
from pkibuild.plan.planner import draft_plan
from pkibuild.state.lock.lock import Lock
from pkibuild.x509.attributes import format_subject

Told = tuple[str, str]
"""A state and what is said of it."""


def status(manifest: Manifest, units: Iterable[Unit], source: Source, lock: Lock, now: int) -> list[StatusRow]:
    """A row for every certificate and list, in the order of the units. Raises UserError for what concerns none."""
    bare = [replace(unit, bundles=(), configs=()) for unit in units]
    draft, views = draft_plan(manifest, bare, source, lock, now, Texts())
    table = _Table(source, draft, views, now)
    rows = [row for unit in bare for row in table.of(unit)]
    untold = [one for one in draft.problems.errors if one not in table.told]
    if untold:
        raise UserError(*map(manifest.located, untold))
    return rows


class _Table:
    """Makes rows of what the planner found and decided."""

    def __init__(self, source: Source, draft: Draft, views: Mapping[str, IssuerView], now: int) -> None:
        self._source = source
        self._draft = draft
        self._views = views
        self._now = now
        self._pending = {one.id: one for one in draft.pending}
        self._away = {one.place: one for one in draft.problems.warnings if one.code == "key-away"}
        self.told: list[Diagnostic] = []
        """The problems that a row tells."""

    def of(self, unit: Unit) -> Iterator[StatusRow]:
        problem = self._problem(unit.declaration.place)
        for pair in unit.pairs:
            yield self._certificate(pair, unit.authority, problem)
        authority = unit.authority
        spoilt = problem is not None and problem.code != "key-missing"
        if authority is None or spoilt or authority.name not in self._views:
            return
        history = self._source.history(authority)
        older = [one for one in history.older if one.living]
        yield from (self._older(authority, one) for one in older)
        if authority.crl is not None:
            present = self._views[authority.name].generation
            yield self._list(authority, authority.crl, present, None)
            yield from (self._list(authority, authority.crl, one.number, one.number) for one in older)

    def _problem(self, place: Place) -> Diagnostic | None:
        """The first error about a declaration."""
        found = [one for one in self._draft.problems.errors if one.place and one.place[: len(place)] == place]
        self.told += found
        return found[0] if found else None

    # -- certificates ------------------------------------------------------------------------------------

    def _certificate(self, pair: Pair, authority: Authority | None, problem: Diagnostic | None) -> StatusRow:
        want = pair.certificate
        facts = self._held(pair)
        state, message = self._state(pair, authority, facts, problem)
        row = StatusRow(want.id, "certificate", state, format_subject(want.profile.subject), message=message)
        if facts is None:
            return row
        renewed = want.clock_renews and not self._is_clamped(pair, facts)
        return replace(_dated(row, facts), renew_at=renews_at(facts, want.renew_before) if renewed else None)

    def _held(self, pair: Pair) -> CertificateFacts | None:
        """The certificate in question: the newest that the journal knows, else what is in the file."""
        try:
            seen = self._source.certificate(pair.certificate)
        except UserError:  # told as a problem
            return None
        return seen.recorded.facts if seen.recorded else seen.facts

    def _is_clamped(self, pair: Pair, facts: CertificateFacts) -> bool:
        """It ends with its issuer, so that a new one would end no later."""
        issuer = self._views.get(pair.certificate.issuer)
        return issuer is not None and issuer.not_after <= facts.not_after

    def _state(
        self, pair: Pair, authority: Authority | None, facts: CertificateFacts | None, problem: Diagnostic | None
    ) -> Told:
        if problem is not None:
            return "missing" if problem.code == "authority-missing" else "wrong", problem.message
        key, own = (self._draft.actions.get(one.id) for one in (pair.key, pair.certificate))
        if facts is None:
            return "not-built", self._waits(pair.certificate.id) or "`pkibuild apply` makes it"
        renews = renews_at(facts, pair.certificate.renew_before)
        planned = self._planned(pair.certificate.id, own, key, renews, facts.not_after)
        if planned is not None:
            return planned
        if authority is not None and authority.is_root and root_is_due(facts.not_after, self._now):
            return "due", "a root is renewed by an edit: `issued_since`, or a rollover"
        if authority is not None and authority.name in self._draft.clamped:
            return "short", "what it issues ends with it, before its declared end"
        away = self._away.get(pair.key.place)
        if away is not None:
            return "ok", away.message
        return "ok", f"it ends with `{pair.certificate.issuer}`" if self._is_clamped(pair, facts) else ""

    def _older(self, authority: Authority, one: Generation) -> StatusRow:
        """An earlier certificate of an authority, which is kept while something under it is valid."""
        id = f"{authority.id}/certificate@g{one.number}"
        facts = one.certificate.facts
        state, message = "ok", "kept while something under it is valid"
        if self._now > facts.not_after:
            state = "expired"
        elif id in self._draft.actions:
            state, message = "missing", _say(self._draft.actions[id].reasons)
        return _dated(StatusRow(id, "certificate", state, message=message), facts)

    # -- what both have in common ---------------------------------------------------------------------------

    def _waits(self, id: str) -> str:
        return self._pending[id].message if id in self._pending else ""

    def _planned(self, id: str, own: Action | None, key: Action | None, renews: int, ends: int) -> Told | None:
        """What the plan's action (or what it waits for) says; None where nothing is to be done.

        That the time has come needs no words: the times stand in the row.
        """
        reasons = (*(key.reasons if key else ()), *(own.reasons if own else ()))
        message = _say([one for one in reasons if one.code not in BY_TIME]) or self._waits(id)
        if self._now > ends:
            return "expired", message
        if own is None and id in self._pending:
            return "due" if self._now >= renews else "wrong", message
        if not reasons:
            return None
        codes = {reason.code for reason in reasons}
        if own is not None and own.verb in ("restore", "retire"):
            return "wrong" if "edited-by-hand" in codes else "missing", _say(reasons)
        if codes <= BY_TIME or ("rotated" in codes and codes <= BY_TIME | {"rotated", "key-changed"}):
            return "due", message
        return "wrong", message

    # -- revocation lists -------------------------------------------------------------------------------------

    def _list(self, authority: Authority, crl: Crl, generation: int, older: int | None) -> StatusRow:
        suffix = "" if older is None else f"@g{older}"
        id = f"{authority.id}/crl{suffix}"
        facts = self._source.crl(id, layout.output_path(authority, "crl", older), False, authority, generation).facts
        own = self._draft.actions.get(id)
        row = StatusRow(id, "crl", "ok", issuer=format_subject(authority.subject))
        if facts is None:
            state = "missing" if own is not None and own.verb in ("restore", "retire") else "not-built"
            message = self._waits(id) or (
                _say(own.reasons) if own and state == "missing" else "`pkibuild apply` makes it"
            )
            return replace(row, state=state, message=message)
        renews = list_renews_at(facts, crl.refresh_before)
        told = self._planned(id, own, None, renews, facts.next_update) or self._other_form(authority, suffix)
        state, message = told or ("ok", "")
        return _listed(replace(row, state=state, message=message), facts, renews)

    def _other_form(self, authority: Authority, suffix: str) -> Told | None:
        """The same list in DER, where that alone is to be mended."""
        action = self._draft.actions.get(f"{authority.id}/crl-der{suffix}")
        if action is None:
            return None
        return "missing" if action.verb == "restore" else "wrong", f"in DER form: {_say(action.reasons)}"


def _dated(row: StatusRow, facts: CertificateFacts) -> StatusRow:
    return replace(
        row,
        subject=format_subject(facts.subject),
        issuer=format_subject(facts.issuer),
        serial=facts.serial,
        not_before=facts.not_before,
        not_after=facts.not_after,
    )


def _listed(row: StatusRow, facts: CrlFacts, renews: int) -> StatusRow:
    """A list's serial is its number (RFC 5280 5.2.3), its end the promise of the next one."""
    return replace(
        row,
        serial=str(facts.number),
        not_before=facts.this_update,
        not_after=facts.next_update,
        renew_at=renews,
    )


def _say(reasons: Sequence[Reason]) -> str:
    return "; ".join(dict.fromkeys(reason.message for reason in reasons))
