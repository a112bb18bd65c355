"""An authority: its key and certificate, older generations, revocation lists, and what plain OpenSSL did beside us."""

from __future__ import annotations

from collections.abc import Mapping

from pkibuild.artifacts.certificates import pair_of
from pkibuild.artifacts.changes import crl_changes
from pkibuild.artifacts.entries import older_entry
from pkibuild.artifacts.issuers import IssuerView, Link
from pkibuild.artifacts.pairs import Context, PairView, missing_key, plan_pair
from pkibuild.artifacts.policies import DesiredCrl, crl_reasons, list_renews_at, root_is_due
from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.times import HOUR, YEAR, format_date, format_time, plural
from pkibuild.keys import pem
from pkibuild.model import layout
from pkibuild.model.desired import Unit
from pkibuild.model.facts import Revocation, sha
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import NOT_BUILT, Action, Pending, Reason, Verb
from pkibuild.model.recipes import Assemble, Import, Part, SignCrl, Write
from pkibuild.observe.source import CrlSeen, Generation, History
from pkibuild.review.risks import list_risks
from pkibuild.state.journal.histories import journal_of
from pkibuild.state.lock.lock import LockEntry


def plan_authority(context: Context, unit: Unit, views: Mapping[str, IssuerView]) -> tuple[IssuerView, PairView]:
    """Decide on everything that is an authority's own; what its children and its own bundles see of it."""
    authority = unit.authority
    assert authority is not None
    issuer = None if authority.is_root else views[authority.issuer]
    history = context.source.history(authority)
    if not history.known:
        context.draft.unbuilt[authority.name] = history.remembered
    context.draft.problems.extend(history.imported.problems)
    if history.imported:
        _import(context, authority, history)
    pair = unit.pairs[0]
    present = context.source.certificate(pair.certificate).recorded
    view = plan_pair(context, pair, issuer, authority)
    older = list(history.older)
    if present is not None and view.generation > (present.generation or 1):
        older.append(Generation(present.generation or 1, present, True))
    for generation in older:
        _plan_older(context, authority, generation)
    links = {
        one.certificate.facts.key_id: Link(
            f"{authority.id}/certificate@g{one.number}",
            layout.output_path(authority, "certificate", one.number),
            one.certificate.facts.fingerprint,
        )
        for one in older
    }
    _plan_lists(context, authority, view, history, older)
    _advise(context, authority, view)
    return IssuerView.of(authority, view, issuer, links, _revoked(context, authority, history)), view


def _revoked(context: Context, authority: Authority, history: History) -> tuple[Revocation, ...]:
    """What the authority has revoked: as journal and folder tell, or else what its list holds."""
    if history.revoked is not None:
        return (*history.revoked, *(one for _, some in history.revoked_by_older for one in some))
    if authority.crl is None:
        return ()
    path = layout.output_path(authority, "crl")
    seen = context.source.crl(f"{authority.id}/crl", path, False, authority, history.generation or 1)
    return seen.facts.revoked if seen.facts else ()


def check_signing(context: Context, authority: Authority) -> None:
    """What must hold before an authority's journal is written to, or files follow it: it is whole.

    And the clock goes forward.
    """
    history = context.source.history(authority)
    signing = authority.id in context.draft.signing
    if history.behind:
        context.draft.problems.found.append(
            Diagnostic(
                "journal-behind",
                f"the journal of `{authority.name}` lacks entries that the lock knows: it is behind, or another one",
                authority.place,
                f"bring `authorities/{authority.name}` up to date; after a real loss, "
                f"`apply --accept-lost-history {authority.name}` records the gap",
                "error" if signing or authority.name in context.draft.restoring else "warning",
            )
        )
    if not signing:
        return
    if history.last_time is not None and history.last_time - HOUR > context.now:
        context.draft.problems.error(
            "clock-went-back",
            f"the clock says {format_time(context.now)}, and the journal of `{authority.name}` has an entry of "
            f"{format_time(history.last_time)}",
            authority.place,
            "set the clock right; nothing is signed with a false one",
        )


def _advise(context: Context, authority: Authority, view: PairView) -> None:
    """Warnings about an authority's own state."""
    name = authority.name
    for when in (view.not_after + 1, view.not_after - YEAR + 1 if authority.is_root else 0):
        context.draft.until(when, context.now)
    if view.key_missing and view.certificate:
        context.draft.problems.warn(
            "key-away",
            f"the key of authority `{name}` is not here: nothing can be signed with it",
            (*authority.place, "key"),
            "bring it back from a backup before something is due",
        )
    if authority.is_root and view.certificate and root_is_due(view.not_after, context.now):
        ended = view.not_after <= context.now
        context.draft.problems.warn(
            "root-due",
            f"root `{name}` {'ended' if ended else 'ends'} on {format_date(view.not_after)}",
            authority.place,
            "a root is renewed by an edit: set `issued_since` to today (its key is kept), or plan a rollover",
        )
    problems = any(one.severity == "error" for one in context.draft.problems.found)
    if not authority.protect and not problems and f"{authority.id}/certificate" not in context.draft.actions:
        context.draft.problems.warn(
            "unprotected",
            f"`protect: false` on authority `{name}` has nothing to do",
            (*authority.place, "protect"),
            "take it out: it guards the authority's key and name against a slip",
        )


def _import(context: Context, authority: Authority, history: History) -> None:
    found = history.imported
    reasons = []
    if found.certificates:
        serials = ", ".join(one.serial for one in found.certificates[:3])
        reasons.append(
            Reason("openssl-issued", f"{plural(len(found.certificates), 'certificate')} of plain OpenSSL ({serials})")
        )
    if found.revocations:
        serials = ", ".join(one.serial for one in found.revocations[:3])
        reasons.append(
            Reason("openssl-revoked", f"{plural(len(found.revocations), 'revocation')} of plain OpenSSL ({serials})")
        )
    if found.crl_number is not None:
        reasons.append(Reason("openssl-crl", f"plain OpenSSL made revocation list number {found.crl_number}"))
    context.draft.signing.setdefault(authority.id, []).append(f"{authority.id}/import")  # it writes to the journal
    recipe = Import(authority.name, journal_of(authority.name))
    context.draft.add(
        Action(f"{authority.id}/import", "import", "import", tuple(reasons), recipe, (), place=authority.place)
    )


def _plan_older(context: Context, authority: Authority, one: Generation) -> None:
    """The certificate of an older generation stays while something under it is valid."""
    id = f"{authority.id}/certificate@g{one.number}"
    path = layout.output_path(authority, "certificate", one.number)
    recorded = one.certificate
    if context.source.older_certificate(path) == recorded.facts.fingerprint or not one.living:
        context.draft.keep(older_entry(authority, one))
        return
    reason = Reason("retired", f"generation {one.number} is kept while something under it is valid")
    recipe = Write(path, pem.to_pem(recorded.der, pem.CERTIFICATE))
    context.draft.add(Action(id, "certificate", "retire", (reason,), recipe, (path,), place=authority.place))


# -- revocation lists ------------------------------------------------------------------------------------


def _plan_lists(
    context: Context, authority: Authority, view: PairView, history: History, older: list[Generation]
) -> None:
    if authority.crl is None:
        return
    fresh = history.generation is not None and view.generation > history.generation  # it has signed nothing yet
    revoked_now = () if fresh else history.revoked
    desired = DesiredCrl(view.subject, view.key_id, revoked_now, authority.crl.validity, authority.crl.refresh_before)
    _plan_list(context, authority, desired, view.generation, None, _hindrance(context, authority, view))
    revoked = dict(history.revoked_by_older)
    for one in older:
        if one.living:
            facts = one.certificate.facts
            known = revoked.get(one.number, history.revoked)
            desired = DesiredCrl(
                facts.subject_digest, facts.key_id, known, authority.crl.validity, authority.crl.refresh_before
            )
            _plan_list(context, authority, desired, one.number, one.number, None)


def _hindrance(context: Context, authority: Authority, view: PairView) -> tuple[str, str] | None:
    """Why an authority signs no list now, as code and message."""
    name = authority.name
    if not view.certificate:
        return "issuer-waits", f"authority `{name}` has no certificate yet"
    if view.not_after <= context.now:
        return "issuer-expired", f"authority `{name}` expired on {format_date(view.not_after)} and signs nothing"
    if view.key_missing:
        return "key-missing", f"the key of authority `{name}` is not here"
    return None


def _plan_list(
    context: Context,
    authority: Authority,
    desired: DesiredCrl,
    generation: int,
    older: int | None,
    hindrance: tuple[str, str] | None,
) -> None:
    suffix = f"@g{older}" if older is not None else ""
    id = f"{authority.id}/crl{suffix}"
    path = layout.output_path(authority, "crl", older)
    assert authority.crl is not None
    seen = context.source.crl(id, path, False, authority, generation)
    facts = seen.facts
    reasons = crl_reasons(desired, facts, context.now) if facts else ()
    if (seen.recorded or seen.recorded_facts) and (restored := _restored(context, authority, desired, seen, id, path)):
        context.draft.add(restored)
    elif facts is not None and not reasons:
        context.draft.keep(LockEntry(id, "crl", path, facts, generation=generation))
        context.draft.due(id, list_renews_at(facts, authority.crl.refresh_before))
    elif hindrance is not None:
        context.draft.wait(Pending(id, *hindrance))
        if hindrance[0] == "key-missing":
            context.draft.once(missing_key(pair_of(authority, None).key))
    else:
        _sign_list(context, authority, desired, seen, id, path, generation, older, reasons)
    _plan_list_der(context, authority, id, path, older, generation, seen)


def _restored(
    context: Context, authority: Authority, desired: DesiredCrl, seen: CrlSeen, id: str, path: str
) -> Action | None:
    """The newest list of the journal, when it is still right and the file is not it."""
    from pkibuild.x509 import inspect

    try:
        recorded = seen.recorded_facts or inspect.crl_facts(seen.recorded)
    except ValueError:  # damaged, so another one is signed
        return None
    if crl_reasons(desired, recorded, context.now):
        return None
    verb: Verb = "restore"
    if seen.state == "absent" and id.replace("/crl@", "/certificate@") in context.draft.actions:
        verb, reason = "retire", Reason("retired", "its key was replaced; it is kept while something under it is valid")
    elif seen.state == "absent":
        reason = Reason("missing", "it is missing")
    elif seen.facts is not None and seen.facts.number < recorded.number:
        reason = Reason("interrupted", "the journal has a newer one")
    else:
        reason = Reason("edited-by-hand", "it was changed by hand, and is put back")
    data = pem.to_pem(seen.recorded, pem.CRL)
    recipe = Write(path, data, keep_copy=reason.code == "edited-by-hand")
    context.draft.restoring.add(authority.name)
    return Action(id, "crl", verb, (reason,), recipe, (path,), place=(*authority.place, "crl"))


def _sign_list(
    context: Context,
    authority: Authority,
    desired: DesiredCrl,
    seen: CrlSeen,
    id: str,
    path: str,
    generation: int,
    older: int | None,
    reasons: tuple[Reason, ...],
) -> None:
    assert authority.crl is not None
    verb: Verb = "refresh" if seen.state != "absent" else "new"
    next_update = context.dated + authority.crl.validity
    key_path = layout.output_path(authority, "key", older)
    recipe = SignCrl(
        path,
        authority.name,
        generation,
        journal_of(authority.name),
        context.dated,
        next_update,
        key_path,
        key_path.removesuffix(".key") + ".pub",
        layout.output_path(authority, "certificate", older),
    )
    context.draft.signing.setdefault(authority.id, []).append(id)
    context.renews(id, id, next_update - authority.crl.refresh_before)
    serials = None if desired.revoked is None else tuple(one.serial for one in desired.revoked)
    needs = [f"{authority.id}/certificate", f"{authority.id}/import"]
    if older is not None:
        needs.append(f"{authority.id}/certificate@g{older}")
    context.draft.add(
        Action(
            id,
            "crl",
            verb,
            reasons or (NOT_BUILT,),
            recipe,
            (path,),
            changes=crl_changes(seen.facts, serials, next_update) if seen.facts else (),
            detail=f"of {authority.name}, next one by {format_date(next_update)}",
            needs=context.draft.will(*needs),
            place=(*authority.place, "crl"),
            risks=list_risks(seen.facts, authority.crl.validity) if older is None else (),
        )
    )


def _plan_list_der(
    context: Context, authority: Authority, crl: str, path: str, older: int | None, generation: int, seen: CrlSeen
) -> None:
    """The same list in DER, as clients fetch it."""
    id = crl.replace("/crl", "/crl-der")
    der_path = layout.output_path(authority, "crl-der", older)
    if any(one.id == crl for one in context.draft.pending):
        context.draft.wait(Pending(id, "list-waits", "the list in PEM waits"))
        return
    der = context.source.crl(id, der_path, True, authority, generation)
    action = context.draft.actions.get(crl)
    current: str | None = None
    if action is None:
        current = seen.facts.digest if seen.facts else None
    elif isinstance(action.recipe, Write):
        current = seen.recorded_facts.digest if seen.recorded_facts else sha(seen.recorded)
    there = der.facts.digest if der.facts else None
    if there == current and der.facts is not None:
        context.draft.keep(LockEntry(id, "crl-der", der_path, der.facts, generation=generation))
        return
    if there is None and der.state == "absent":
        with_it = action is not None and action.verb in ("new", "retire")
        verb: Verb = action.verb if action is not None and with_it else "restore"
        reason = action.reasons[0] if action is not None and with_it else Reason("missing", "it is missing")
    else:
        verb, reason = "refresh", Reason("list-changed", "the list is a new one", (crl,))
    recipe = Assemble(der_path, (Part("crl", path),), der=True)
    context.draft.add(
        Action(id, "crl-der", verb, (reason,), recipe, (der_path,), needs=context.draft.will(crl), place=(
            *authority.place, "crl"))
    )  # fmt: skip
