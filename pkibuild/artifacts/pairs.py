"""A key and its certificate, decided together."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pkibuild.artifacts import keys
from pkibuild.artifacts.certificates import pair_of
from pkibuild.artifacts.changes import certificate_changes
from pkibuild.artifacts.draft import Draft
from pkibuild.artifacts.entries import certificate_entry, key_entry
from pkibuild.artifacts.keys import KeyState, KeyVerdict
from pkibuild.artifacts.moves import Moves, key_moves, moving, observed, only_moving
from pkibuild.artifacts.policies import Desired, Held, certificate_reasons, due, due_at
from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.times import format_date, format_time
from pkibuild.core.values import dataclass, replace
from pkibuild.keys import pem
from pkibuild.model.desired import KEY_MODE, CertificateWant, KeyWant, Pair
from pkibuild.model.layout import beside, public_path
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import NOT_BUILT, Action, Pending, Reason, Verb
from pkibuild.model.recipes import Adopt, FinishKey, MakeKey, SetMode, Sign, Stay, Write
from pkibuild.observe.source import CertificateSeen, Former, KeySeen, Source
from pkibuild.review.fields import name_list
from pkibuild.review.risks import Issued, issued_risks, key_risks
from pkibuild.state.journal.histories import TOP, journal_of
from pkibuild.x509.attributes import format_subject
from pkibuild.x509.validity import window

if TYPE_CHECKING:
    from pkibuild.artifacts.issuers import IssuerView


@dataclass(frozen=True, slots=True)
class PairView:
    """What a pair will be once the plan is carried out: the facets that others need. None is a future."""

    pair: Pair
    public: str | None
    fingerprint: str | None
    subject: str | None
    key_id: str | None
    issuer_key_id: str | None
    not_before: int
    not_after: int
    generation: int
    certificate: bool
    """False when there is no certificate, and none can be made now."""
    key_missing: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What every decision about a pair may look at."""

    source: Source
    draft: Draft
    now: int
    dated: int
    """The time by which what is signed is dated: an earlier one where a saved plan is carried out."""
    in_full: bool
    """Whether what a new certificate says is told field by field."""

    def renews(self, node: str, named: str, when: int) -> None:
        """What is to be signed (`node`, told as `named`) is due again at a time."""
        self.draft.due(named, when)
        if self.dated < when <= self.now:
            self.draft.aged.append(node)


@dataclass(frozen=True, slots=True)
class _Case:
    """One pair with everything that was observed of it."""

    pair: Pair
    authority: Authority | None
    """Set when the pair is an authority's own."""
    issuer: IssuerView | None
    """None when self-signed."""
    key: KeySeen
    seen: CertificateSeen
    held: Held | None
    lost: bool
    """The file is not what the journal says: absent, damaged, an earlier one, or changed by hand."""
    key_moves: Moves
    moves: Moves
    """What of the key and of the certificate lies at the path that it had before."""


def plan_pair(context: Context, pair: Pair, issuer: IssuerView | None, authority: Authority | None = None) -> PairView:
    """Decide on a key and its certificate, and add what is to be done to the draft."""
    case = _observe(context, pair, issuer, authority)
    verdict = keys.decide(_key_state(context, case))
    desired = _desired(case, context.dated, verdict.public)
    if verdict.problem is not None:
        context.draft.problems.found.append(verdict.problem)
    key_action = _key_action(context, case, verdict)
    certificate_action, view = _certificate(context, case, verdict, desired)
    blocked = certificate_action is None and verdict.verb in ("new", "rekey")
    if key_action is not None and not blocked:
        context.draft.add(moving(key_action, case.key_moves))
    elif key_action is not None:  # a key without a certificate to come is not made
        context.draft.wait(Pending(pair.key.id, "certificate-waits", "its certificate cannot be issued now"))
    elif case.key_moves:
        context.draft.add(only_moving(pair.key, "key", case.key_moves))
    else:
        _keep_key(context, case, verdict)
    if case.key.staging and not verdict.staged:
        context.draft.leftovers.append(pair.key.path)
    if certificate_action is not None:
        context.draft.add(moving(certificate_action, case.moves))
    return view


def _observe(context: Context, pair: Pair, issuer: IssuerView | None, authority: Authority | None) -> _Case:
    source = context.source
    seen, moves = observed(source, pair.certificate, source.certificate)
    key, key_moves = _observe_key(source, pair)
    held: Held | None = None
    lost = False
    if seen.recorded is not None:
        held = Held(seen.recorded.facts, seen.recorded.generation, seen.recorded.asked_end)
        lost = seen.facts is None or seen.facts.fingerprint != seen.recorded.facts.fingerprint
    elif seen.former is not None:
        held = Held(seen.former.recorded.facts, seen.former.recorded.generation, seen.former.recorded.asked_end)
    elif seen.facts is not None:
        held = Held(seen.facts)
    return _Case(pair, authority, issuer, key, seen, held, lost, key_moves, moves)


def _observe_key(source: Source, pair: Pair) -> tuple[KeySeen, Moves]:
    """As `observed`: a key may have several files."""
    want = pair.key
    seen = source.key(want, pair.certificate.id)
    old = source.moved_from(want.id, want.path) if seen.state == "absent" and not seen.staging else ""
    if not old:
        return seen, ()
    there = source.key(replace(want, path=old), pair.certificate.id)
    return there, key_moves(want, there, old)


def _desired(case: _Case, dated: int, public: str | None) -> Desired:
    want, issuer = case.pair.certificate, case.issuer
    not_before, not_after, asked_end = window(
        dated, want.validity, issuer.not_before if issuer else None, issuer.not_after if issuer else None
    )
    return Desired(
        profile=want.profile,
        public=public,
        self_signed=issuer is None,
        issuer_subject=issuer.subject if issuer else None,
        issuer_key_id=issuer.key_id if issuer else None,
        issuer_not_after=issuer.not_after if issuer else None,
        validity=want.validity,
        renew_before=want.renew_before,
        issued_since=want.issued_since,
        clock_renews=want.clock_renews,
        not_before=not_before,
        not_after=not_after,
        asked_end=asked_end,
    )


def _key_state(context: Context, case: _Case) -> KeyState:
    held, authority = case.held, case.authority
    rotates = case.pair.key.spec.rotate == "on-renewal"
    return KeyState(
        want=case.pair.key,
        seen=case.key,
        certified=held.facts.public if held else "",
        generation=held.generation if held else None,
        sacred=authority is not None,
        protected=authority is None or authority.protect,
        renewing=rotates and held is not None and due(_desired(case, context.dated, ""), held, context.now) is not None,
    )


# -- the key ---------------------------------------------------------------------------------------------


def _key_action(context: Context, case: _Case, verdict: KeyVerdict) -> Action | None:
    want, seen = case.pair.key, case.key
    retire = _retired(context, want, verdict.retire) if verdict.retire is not None else ""
    retired_public = public_path(retire) if retire and seen.facts and seen.facts.encrypted else ""
    public = want.public_path
    if verdict.verb in ("new", "rekey"):
        paths = tuple(path for path in (want.path, public, retire, retired_public) if path)
        recipe = MakeKey(
            want.path, want.spec.algorithm, want.spec.passphrase, verdict.generation, public, retire, retired_public,
            verdict.staged,
        )  # fmt: skip
        verb: Verb = "rekey" if verdict.verb == "rekey" else "new"
        before = _algorithm_before(case)
        risks = key_risks(case.authority is not None, before, want.spec.algorithm) if verb == "rekey" else ()
        told = describe_key(want)
        return Action(want.id, "key", verb, verdict.reasons, recipe, paths, (), told, (), want.place, risks)
    if verdict.verb == "finish":
        sealed = seen.staged is not None and seen.staged.encrypted
        public = public_path(want.path) if verdict.half or sealed else ""
        paths = tuple(path for path in ("" if verdict.half else want.path, public, retire, retired_public) if path)
        finish = FinishKey(want.path, public, retire, retired_public, verdict.half)
        return Action(want.id, "key", "restore", verdict.reasons, finish, paths, place=want.place)
    if seen.state == "present" and seen.mode is not None and seen.mode & 0o077:
        reason = Reason("mode-changed", f"its mode was {seen.mode:04o}, and others could read it")
        return Action(
            want.id, "key", "restore", (reason,), SetMode(want.path, KEY_MODE), (want.path,), place=want.place
        )
    return None


def _algorithm_before(case: _Case) -> str:
    if case.key.facts is not None:
        return case.key.facts.algorithm
    return case.held.facts.algorithm if case.held else ""


def _retired(context: Context, want: KeyWant, generation: int) -> str:
    """A free name for the key that is replaced: `x.g1.key`."""
    path = beside(want.path, generation)
    number = 2
    while context.source.taken(path, want.path):
        path = beside(want.path, generation).replace(f".g{generation}.", f".g{generation}-{number}.")
        number += 1
    return path


def _keep_key(context: Context, case: _Case, verdict: KeyVerdict) -> None:
    want, seen = case.pair.key, case.key
    if verdict.verb == "missing":
        context.draft.seen.add(want.id)
        return
    if seen.facts is not None and seen.facts.encrypted != (want.spec.passphrase is not None):
        state = "is encrypted, and the manifest gives no passphrase for it" if seen.facts.encrypted else (
            "lies in clear, and the manifest declares a passphrase"
        )  # fmt: skip
        context.draft.problems.warn(
            "key-encryption",
            f"`{want.path}` {state}",
            want.place,
            "only a new key (a raised `generation`) changes that",
        )
    if seen.facts is None:  # closed: what the lock remembers stays
        context.draft.seen.add(want.id)
        context.draft.unchanged += 1
    else:
        context.draft.keep(key_entry(want, seen.facts, verdict.generation))


def describe_key(want: KeyWant) -> str:
    """`RSA 4096, encrypted`."""
    return _described(want.spec.algorithm, want.spec.passphrase is not None)


@cache
def _described(algorithm: str, encrypted: bool) -> str:
    words = {"rsa": "RSA", "ecdsa": "ECDSA", "ml": "ML-DSA"}
    head, _, rest = algorithm.partition("-")
    text = "Ed25519" if algorithm == "ed25519" else f"{words[head]} {rest.removeprefix('dsa-').upper()}"
    return text + (", encrypted" if encrypted else "")


# -- the certificate -------------------------------------------------------------------------------------


def _certificate(
    context: Context, case: _Case, verdict: KeyVerdict, desired: Desired
) -> tuple[Action | None, PairView]:
    want, held, seen = case.pair.certificate, case.held, case.seen
    if (seen.state != "absent" and not seen.known and held is None) or (
        seen.recorded is None and seen.facts and not seen.known and seen.former is None
    ):
        _refuse_foreign(context, want)
        return None, _held_view(case, verdict, held)
    reasons = certificate_reasons(desired, held, context.now) if held else ()
    if held is not None and case.authority is not None and case.authority.protect:
        _guard(context, case, held)
    if held is None:
        return _issue(context, case, verdict, desired, "new", (NOT_BUILT,))
    if reasons:
        return _issue(context, case, verdict, desired, "reissue", _worded(reasons, verdict))
    view = _held_view(case, verdict, held)
    _note_revoked(context, case, held)
    _note_times(context, case, desired, held)
    if case.lost:
        signer = case.issuer.authority if case.issuer else case.authority
        if signer is not None:
            context.draft.restoring.add(signer.name)
        return _restore(case), view
    if seen.former is not None:
        return _adopt(context, case, seen.former), view
    if case.moves:
        return Action(want.id, "certificate", "restore", (), Stay(want.path), (want.path,), place=want.place), view
    context.draft.keep(certificate_entry(want, held.facts, verdict.generation, held.asked_end))
    return None, view


def _guard(context: Context, case: _Case, held: Held) -> None:
    """A protected authority keeps its subject, and stays a root or an intermediate (artifacts.md)."""
    want, facts = case.pair.certificate, held.facts
    before, after = format_subject(facts.subject), format_subject(want.profile.subject)
    was_root = facts.issuer_digest == facts.subject_digest
    if sorted(facts.subject) != sorted(want.profile.subject):
        what, place = f"its subject (`{before}` → `{after}`)", (*want.place, "subject")
    elif was_root != (case.issuer is None):
        what, place = "whether it is a root", (*want.place, "issuer")
    else:
        return
    context.draft.problems.error(
        "protected",
        f"this authority is protected, and the manifest changes {what}",
        place,
        "to change it, add `protect: false`: all that it issued is issued again; else take the change back",
    )


def _refuse_foreign(context: Context, want: CertificateWant) -> None:
    context.draft.seen.add(want.id)
    context.draft.problems.error(
        "not-ours",
        f"`{want.path}` is there already, and pkibuild did not make it",
        want.place,
        "move it away, or choose another `output:`; nothing that is not ours is overwritten",
    )


def _worded(reasons: tuple[Reason, ...], verdict: KeyVerdict) -> tuple[Reason, ...]:
    if verdict.public is None or verdict.verb != "keep":
        return reasons
    first = reasons[0]
    return (Reason(first.code, f"{first.message}, key kept", first.because), *reasons[1:])


def _issue(
    context: Context, case: _Case, verdict: KeyVerdict, desired: Desired, verb: str, reasons: tuple[Reason, ...]
) -> tuple[Action | None, PairView]:
    want, held, issuer = case.pair.certificate, case.held, case.issuer
    blocked = _blocked(context, case, verdict, desired)
    if blocked is not None:
        context.draft.wait(blocked)
        return None, _held_view(case, verdict, held)
    signer = issuer.id if issuer else case.pair.unit
    name = issuer.authority.subject if issuer else want.profile.subject
    same_subject = held is not None and sorted(held.facts.subject) == sorted(desired.profile.subject)
    same_key = held is not None and verdict.public is not None and verdict.public == held.facts.public
    generation = verdict.generation
    recipe = Sign(
        path=want.path,
        profile=want.profile,
        unit=case.pair.unit,
        key_path=case.pair.key.path,
        public_path=case.pair.key.public_path,
        issuer=signer,
        journal=issuer.journal if issuer else journal_of_self(case.authority),
        not_before=desired.not_before,
        not_after=desired.not_after,
        asked_end=desired.asked_end,
        generation=generation,
        keep_subject=same_subject,
        keep_key_id=same_key,
    )
    needs = (case.pair.key.id, issuer.key, issuer.link.id) if issuer else (case.pair.key.id,)
    if issuer or case.authority:
        context.draft.signing.setdefault(signer, []).append(want.id)
    _note_clamp(context, case, desired.asked_end, desired.not_after)
    if want.clock_renews:
        context.renews(want.id, case.pair.unit, desired.not_after - want.renew_before + 1)
    action = Action(
        want.id,
        "certificate",
        "new" if verb == "new" else "reissue",
        reasons,
        recipe,
        (want.path,),
        changes=certificate_changes(desired, held.facts if held else None, name) if held or context.in_full else (),
        detail=describe_certificate(want, desired.not_after),
        needs=needs,
        place=want.place,
        risks=_risks(case, reasons),
    )
    return action, PairView(
        pair=case.pair,
        public=verdict.public,
        fingerprint=None,
        subject=held.facts.subject_digest if held and same_subject else None,
        key_id=held.facts.key_id if held and same_key else None,
        issuer_key_id=issuer.key_id if issuer else None,
        not_before=desired.not_before,
        not_after=desired.not_after,
        generation=generation,
        certificate=True,
        key_missing=verdict.verb == "missing",
    )


def _risks(case: _Case, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    want, held = case.pair.certificate, case.held
    issuer = case.issuer.authority.id if case.issuer else ""
    before, asked_end = (held.facts, held.asked_end) if held else (None, None)
    return issued_risks(Issued(before, asked_end, want.profile, want.validity, issuer, reasons))


def journal_of_self(authority: Authority | None) -> str:
    """A root stands in its own journal, a self-signed leaf in the folder's."""
    return journal_of(authority.name) if authority else TOP


def _blocked(context: Context, case: _Case, verdict: KeyVerdict, desired: Desired) -> Pending | None:
    """Why nothing can be signed for this pair, if so."""
    want, issuer = case.pair.certificate, case.issuer
    if verdict.verb == "missing" and issuer is None:
        if verdict.problem is None:
            context.draft.once(missing_key(case.pair.key))
        return Pending(want.id, "key-missing", f"the key at `{case.pair.key.path}` is missing", want.place)
    if issuer is None:
        return None
    name = issuer.authority.name
    if not issuer.certificate:
        return Pending(want.id, "issuer-waits", f"authority `{name}` has no certificate yet", want.place)
    if issuer.not_after <= context.now:
        end = format_date(issuer.not_after)
        return Pending(want.id, "issuer-expired", f"authority `{name}` expired on {end} and signs nothing", want.place)
    if issuer.key_missing:
        context.draft.once(missing_key(pair_of(issuer.authority, None).key))
        return Pending(want.id, "key-missing", f"the key of authority `{name}` is missing", want.place)
    if desired.not_after <= desired.not_before:
        return Pending(want.id, "end-before-start", "its declared end is in the past", want.place)
    return None


def missing_key(want: KeyWant) -> Diagnostic:
    return Diagnostic(
        "key-missing",
        f"the key at `{want.path}` is missing, and something is to be signed with it",
        want.place,
        "bring it back from a backup, or run pkibuild where the key is; an authority's key is never re-made silently",
    )


def _held_view(case: _Case, verdict: KeyVerdict, held: Held | None) -> PairView:
    facts = held.facts if held else None
    return PairView(
        pair=case.pair,
        public=verdict.public,
        fingerprint=facts.fingerprint if facts else None,
        subject=facts.subject_digest if facts else None,
        key_id=facts.key_id if facts else None,
        issuer_key_id=facts.issuer_key_id if facts else None,
        not_before=facts.not_before if facts else 0,
        not_after=facts.not_after if facts else 0,
        generation=verdict.generation,
        certificate=facts is not None,
        key_missing=verdict.verb == "missing",
    )


def _restore(case: _Case) -> Action:
    """Bring the newest certificate back from the journal: it is right, and needs no new signature."""
    want, seen = case.pair.certificate, case.seen
    assert seen.recorded is not None
    if seen.state == "absent":
        first = case.key.state == "absent" or case.key.staged is not None
        reason = (
            Reason("interrupted", "an interrupted run is finished") if first else Reason("missing", "it is missing")
        )
    elif seen.earlier:
        reason = Reason("interrupted", "the journal has a newer one")
    else:
        reason = Reason("edited-by-hand", "it was changed by hand, and is put back")
    data = pem.to_pem(seen.recorded.der, pem.CERTIFICATE)
    recipe = Write(want.path, data, keep_copy=reason.code == "edited-by-hand")
    return Action(
        want.id, "certificate", "restore", (reason,), recipe, (want.path,), needs=(case.pair.key.id,), place=want.place
    )  # fmt: skip


def _adopt(context: Context, case: _Case, former: Former) -> Action:
    """Go on with a certificate that was issued when its service had another name."""
    want, issuer = case.pair.certificate, case.issuer
    reason = Reason("renamed", f"it was `{former.id}`, and stays as it is")
    if issuer:
        context.draft.signing.setdefault(issuer.authority.id, []).append(want.id)  # it writes to the journal
    recipe = Adopt(journal_of(issuer.authority.name) if issuer else TOP, former.recorded.facts.serial)
    return Action(want.id, "certificate", "adopt", (reason,), recipe, (), place=want.place)


def _note_times(context: Context, case: _Case, desired: Desired, held: Held) -> None:
    """When it is renewed next, and whether its issuer cut it short."""
    _note_clamp(context, case, held.asked_end or held.facts.not_after, held.facts.not_after)
    for moment in (held.facts.not_after + 1, desired.issued_since or 0):
        context.draft.until(moment, context.now)
    if case.pair.certificate.clock_renews:
        when = due_at(desired, held)
        if when > context.now:
            context.draft.due(case.pair.unit, when)


def _note_revoked(context: Context, case: _Case, held: Held) -> None:
    """A certificate that its issuer has revoked stays in use: only an edit replaces it."""
    found = case.issuer.revoked.get(held.facts.serial) if case.issuer else None
    if found is None:
        return
    want, on = case.pair.certificate, format_date(found.on)
    context.draft.problems.warn(
        "revoked-in-use",
        f"`{want.id}` was revoked on {on} (`{found.reason}`), and is still in use",
        want.place,
        f"`issued_since: {format_time(found.on)}` issues another one with the same key; "
        "if the key is no longer safe, raise `key.generation`",
    )


def _note_clamp(context: Context, case: _Case, asked_end: int, not_after: int) -> None:
    if case.issuer is not None and asked_end - not_after >= 60:
        context.draft.clamped.setdefault(case.issuer.authority.name, []).append(case.pair.unit)


def describe_certificate(want: CertificateWant, not_after: int) -> str:
    """`CN=ABC Company Root CA, until 2046-11-24`."""
    common = [(name, value) for name, value in want.profile.subject if name == "common_name"]
    who = format_subject(tuple(common or want.profile.subject)) or ", ".join(name_list(want.profile.names)[:1])
    return f"{who}, until {format_date(not_after)}"
