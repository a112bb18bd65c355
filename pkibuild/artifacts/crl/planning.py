"""Revocation lists: when one is signed, restored or kept, in PEM and in DER, of each living generation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from pkibuild.artifacts.certificate.generations import older_generations
from pkibuild.artifacts.crl.policies import DesiredCrl, crl_changes, crl_reasons, list_renews_at, list_risks
from pkibuild.artifacts.issuers import CertificateView
from pkibuild.artifacts.key.kind import missing_key
from pkibuild.artifacts.kind import PlanningContext
from pkibuild.core.times import format_date
from pkibuild.core.values import Record
from pkibuild.keys import pem
from pkibuild.model import layout
from pkibuild.model.desired import CertificateArtifact, CrlArtifact
from pkibuild.model.facts import sha
from pkibuild.model.manifest import Authority, Crl
from pkibuild.model.plan import NOT_BUILT, Action, Pending, Reason, Verb
from pkibuild.model.recipes import Assemble, Part, SignCrl, Signer, Write
from pkibuild.observe.source import ObservedCrl
from pkibuild.state.journal.histories import journal_of
from pkibuild.state.lock.lock import LockEntry


class GenerationList(Record):
    """The list of one generation of an authority."""

    authority: Authority
    crl: Crl
    generation: int
    older: int | None
    """The number of an older generation; None for the present one."""
    desired: DesiredCrl
    hindrance: tuple[str, str] | None = None
    """Why none can be signed now, as code and message."""

    @property
    def id(self) -> str:
        return self._id("crl")

    @property
    def der_id(self) -> str:
        return self._id("crl-der")

    def _id(self, kind: str) -> str:
        return f"{self.authority.id}/{kind}" + (f"@g{self.older}" if self.older is not None else "")

    def path(self, kind: str = "crl") -> str:
        return layout.output_path(self.authority, kind, self.older)

    @property
    def place(self) -> tuple[str | int, ...]:
        return (*self.authority.place, "crl")


def plan_lists(context: PlanningContext, artifact: CrlArtifact, needs: tuple[str, ...]) -> None:
    """Decide on the list of each living generation, and on its DER form."""
    certificate = next(context.unit.of(CertificateArtifact))
    view = context.certificates[certificate.id]
    numbers = count(max(context.source.history(artifact.authority).crl_number + 1, context.dated))
    for one in _lists(context, artifact.authority, certificate, view):
        seen = _plan_list(context, one, view, needs, numbers)
        _plan_der(context, one, seen)


def _lists(
    context: PlanningContext, authority: Authority, certificate: CertificateArtifact, view: CertificateView
) -> Iterator[GenerationList]:
    crl = authority.crl
    assert crl is not None
    history = context.source.history(authority)
    unused = history.generation is not None and view.generation > history.generation  # it has signed nothing yet
    revoked = () if unused else history.revoked
    desired = DesiredCrl(view.subject, view.key_id, revoked, crl.validity, crl.refresh_before)
    yield GenerationList(authority, crl, view.generation, None, desired, _hindrance(context, authority, view))
    by_older = dict(history.revoked_by_older)
    for one in older_generations(context, certificate, authority, view):
        if one.living:
            facts = one.certificate.facts
            revoked = by_older.get(one.number, history.revoked)
            desired = DesiredCrl(facts.subject_digest, facts.key_id, revoked, crl.validity, crl.refresh_before)
            yield GenerationList(authority, crl, one.number, one.number, desired)


def _hindrance(context: PlanningContext, authority: Authority, view: CertificateView) -> tuple[str, str] | None:
    name = authority.name
    if not view.exists:
        return "issuer-waits", f"authority `{name}` has no certificate yet"
    if view.not_after <= context.now:
        return "issuer-expired", f"authority `{name}` expired on {format_date(view.not_after)} and signs nothing"
    if view.key_missing:
        return "key-missing", f"the key of authority `{name}` is not here"
    return None


def _plan_list(
    context: PlanningContext, one: GenerationList, view: CertificateView, needs: tuple[str, ...], numbers: Iterator[int]
) -> ObservedCrl:
    """What is there of the list; what becomes of it is noted in the draft."""
    seen = context.source.crl(one.id, one.path(), False, one.authority, one.generation)
    facts = seen.facts
    reasons = crl_reasons(one.desired, facts, context.now) if facts else ()
    if (seen.recorded or seen.recorded_facts) and (restored := _restored(context, one, seen)):
        context.draft.add(restored)
    elif facts is not None and not reasons:
        context.draft.keep(LockEntry(one.id, "crl", one.path(), facts, generation=one.generation))
        context.draft.due(one.id, list_renews_at(facts, one.crl.refresh_before))
    elif one.hindrance is not None:
        context.draft.wait(Pending(one.id, *one.hindrance))
        if one.hindrance[0] == "key-missing":
            context.draft.once(missing_key(view.certificate.key))
    else:
        _sign_list(context, one, seen, reasons, needs, next(numbers))
    return seen


def _restored(context: PlanningContext, one: GenerationList, seen: ObservedCrl) -> Action | None:
    """The newest list of the journal, when it is still right and the file is not it."""
    from pkibuild.x509 import inspect

    try:
        recorded = seen.recorded_facts or inspect.crl_facts(seen.recorded)
    except ValueError:  # damaged, so another one is signed
        return None
    if crl_reasons(one.desired, recorded, context.now):
        return None
    verb: Verb = "restore"
    if seen.state == "absent" and one.id.replace("/crl@", "/certificate@") in context.draft.actions:
        verb, reason = "retire", Reason("retired", "its key was replaced; it is kept while something under it is valid")
    elif seen.state == "absent":
        reason = Reason("missing", "it is missing")
    elif seen.facts is not None and seen.facts.number < recorded.number:
        reason = Reason("interrupted", "the journal has a newer one")
    else:
        reason = Reason("edited-by-hand", "it was changed by hand, and is put back")
    recipe = Write(one.path(), pem.to_pem(seen.recorded, pem.CRL), keep_copy=reason.code == "edited-by-hand")
    context.draft.restoring.add(one.authority.name)
    return Action(one.id, "crl", verb, (reason,), recipe, (one.path(),), place=one.place)


def _sign_list(
    context: PlanningContext,
    one: GenerationList,
    seen: ObservedCrl,
    reasons: tuple[Reason, ...],
    needs: tuple[str, ...],
    number: int,
) -> None:
    verb: Verb = "refresh" if seen.state != "absent" else "new"
    next_update = context.dated + one.crl.validity
    revoked = one.desired.revoked
    recipe = SignCrl(
        path=one.path(),
        authority=one.authority.name,
        signer=Signer(one.authority.id, one.path("key"), one.path("certificate"), one.generation),
        journal=journal_of(one.authority.name),
        number=number,
        this_update=context.dated,
        next_update=next_update,
        # The clock may have gone back a little since; a list tells of nothing later than itself.
        revoked=tuple(replace(entry, on=min(entry.on, context.dated)) for entry in revoked or ()),
    )
    context.draft.signing.setdefault(one.authority.id, []).append(one.id)
    context.renews(one.id, one.id, next_update - one.crl.refresh_before)
    serials = None if revoked is None else tuple(revocation.serial for revocation in revoked)
    own = f"{one.authority.id}/certificate@g{one.older}" if one.older is not None else ""
    context.draft.add(
        Action(
            one.id,
            "crl",
            verb,
            reasons or (NOT_BUILT,),
            recipe,
            (one.path(),),
            changes=crl_changes(seen.facts, serials, next_update) if seen.facts else (),
            detail=f"of {one.authority.name}, next one by {format_date(next_update)}",
            needs=context.draft.planned_among(*needs, f"{one.authority.id}/import", own),
            place=one.place,
            risks=list_risks(seen.facts, one.crl.validity) if one.older is None else (),
        )
    )


def _plan_der(context: PlanningContext, one: GenerationList, seen: ObservedCrl) -> None:
    """The same list in DER, as clients fetch it."""
    path = one.path("crl-der")
    if any(waiting.id == one.id for waiting in context.draft.pending):
        context.draft.wait(Pending(one.der_id, "list-waits", "the list in PEM waits"))
        return
    der = context.source.crl(one.der_id, path, True, one.authority, one.generation)
    action = context.draft.actions.get(one.id)
    current: str | None = None
    if action is None:
        current = seen.facts.digest if seen.facts else None
    elif isinstance(action.recipe, Write):
        current = seen.recorded_facts.digest if seen.recorded_facts else sha(seen.recorded)
    there = der.facts.digest if der.facts else None
    if there == current and der.facts is not None:
        context.draft.keep(LockEntry(one.der_id, "crl-der", path, der.facts, generation=one.generation))
        return
    if there is None and der.state == "absent":
        with_it = action is not None and action.verb in ("new", "retire")
        verb: Verb = action.verb if action is not None and with_it else "restore"
        reason = action.reasons[0] if action is not None and with_it else Reason("missing", "it is missing")
    else:
        verb, reason = "refresh", Reason("list-changed", "the list is a new one", (one.id,))
    recipe = Assemble(path, (Part("crl", one.path()),), "der")
    needs = context.draft.planned_among(one.id)
    context.draft.add(Action(one.der_id, "crl-der", verb, (reason,), recipe, (path,), needs=needs, place=one.place))
