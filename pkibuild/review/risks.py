"""What a reviewer must not miss: ordered lists of small pure checks, each with a stable code.

A risk is no error. It is shown with its action in every plan and diff, and `--fail-on CODE` stops a run on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from pkibuild.core.times import DAY, format_date, format_duration, same_span
from pkibuild.core.values import dataclass, replace
from pkibuild.model.facts import CertificateFacts, CrlFacts, Profile
from pkibuild.model.manifest import Validity
from pkibuild.model.plan import Action, Orphan, Plan, Reason
from pkibuild.model.recipes import Sign
from pkibuild.review.fields import name_list, usage_list
from pkibuild.x509 import said

RISKS: Mapping[str, str] = MappingProxyType(
    {
        "new-authority": "an authority comes into being",
        "rekeyed-authority": "an authority gets another key; all that it issued is issued again",
        "constraints-widened": "an authority may issue for names that it could not issue for before",
        "path-length-widened": "more authorities may stand below an authority",
        "new-wildcard": "a certificate gets a name that stands for many",
        "longer-validity": "a certificate or a revocation list is declared to be valid for longer",
        "weaker-algorithm": "a key is replaced by a weaker one",
        "usage-added": "a certificate may be used for more",
        "revocation-removed": "a revocation is no longer declared",
        "anchor-added": "one more authority is handed out to be trusted",
        "anchor-removed": "an authority is no longer handed out to be trusted",
        "edited-by-hand": "a file was changed by hand, and is put back",
        "name-moved": "a name goes to another certificate while the one that had it is valid",
        "removed-but-valid": "something is removed while its certificate is valid",
    }
)
"""Every code with what it says, in the order in which they are asked and told."""

ANY = "risk"
"""Stands for all of them in `--fail-on`."""


# -- a certificate that is issued --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate before and after a plan."""

    before: CertificateFacts | None
    asked_end: int | None
    """The end that was declared for the one before; None where nothing is recorded."""
    after: Profile
    validity: Validity
    issuer: str
    """Id of the authority that signs; empty for a self-signed one."""
    reasons: tuple[Reason, ...]


def _new_authority(one: Issued) -> Reason | None:
    if one.before is not None or not one.after.ca:
        return None
    what = f"a new authority under `{one.issuer}`" if one.issuer else "a new root"
    limits = _limits(one.after)
    return Reason("new-authority", f"{what}{limits}")


def _limits(profile: Profile) -> str:
    if profile.constraints:
        return ", for the names that its constraints allow"
    return ", which may issue for any name"


def _constraints(one: Issued) -> Reason | None:
    if one.before is None or not one.after.ca:
        return None
    from pkibuild.review.widening import widened

    more = widened(one.before.constraints, one.after.constraints)
    return Reason("constraints-widened", f"it may issue for more names: {_listed(more)}") if more else None


def _path_length(one: Issued) -> Reason | None:
    if one.before is None or not one.after.ca or one.before.path_length is None:
        return None
    before, after = one.before.path_length, one.after.path_length
    if after is not None and after <= before:
        return None
    told = "any number of" if after is None else str(after)
    return Reason("path-length-widened", f"{told} levels of authorities may stand below it, {before} before")


def _wildcard(one: Issued) -> Reason | None:
    known = one.before.names.dns if one.before else ()
    new = [name for name in one.after.names.dns if name.startswith("*.") and name not in known]
    return Reason("new-wildcard", f"{_listed(new)} stands for every name of that level") if new else None


def _longer(one: Issued) -> Reason | None:
    if one.before is None or all(reason.code != "validity-changed" for reason in one.reasons):
        return None
    start, end = one.before.not_before, one.before.not_after if one.asked_end is None else one.asked_end
    if one.validity.seconds is not None:
        span = end - start + 1
        longer = one.validity.seconds > span and not same_span(one.validity.seconds, span)
        return _lengthened(span, one.validity.seconds) if longer else None
    assert one.validity.not_after is not None
    if one.validity.not_after <= end:
        return None
    return Reason("longer-validity", f"valid until {format_date(one.validity.not_after)}, {format_date(end)} before")


def _lengthened(before: int, after: int) -> Reason:
    return Reason("longer-validity", f"valid for {format_duration(after)}, {_days(before)} before")


def _days(span: int) -> str:
    """A span that was measured, not declared."""
    return format_duration(round(span / DAY) * DAY if span >= 2 * DAY else span)


def _usage(one: Issued) -> Reason | None:
    if one.before is None or one.after.ca:
        return None
    added = [usage for usage in said.usages(one.after) if usage not in one.before.usages]
    return Reason("usage-added", f"it may be used for {_listed(usage_list(tuple(added)))} as well") if added else None


ISSUED: tuple[Callable[[Issued], Reason | None], ...] = (
    _new_authority,
    _constraints,
    _path_length,
    _wildcard,
    _longer,
    _usage,
)


def issued_risks(one: Issued) -> tuple[Reason, ...]:
    return tuple(risk for check in ISSUED if (risk := check(one)) is not None)


# -- a key that is made ------------------------------------------------------------------------------------------------

STRENGTH: Mapping[str, int] = MappingProxyType(
    {"rsa-2048": 112, "rsa-3072": 128, "rsa-4096": 140}
    | {"ecdsa-p256": 128, "ecdsa-p384": 192, "ecdsa-p521": 256, "ed25519": 128}
    | {"ml-dsa-44": 128, "ml-dsa-65": 192, "ml-dsa-87": 256}
)
"""Bits of security against a classical attacker (NIST SP 800-57 part 1, 5.6.1; FIPS 204 table 1). Others count as 0."""


def key_risks(authority: bool, before: str, after: str) -> tuple[Reason, ...]:
    """Of a key that replaces another; `before` and `after` are algorithms, `before` is empty where it is not known."""
    found = []
    if authority:
        found.append(Reason("rekeyed-authority", "another key: all that it issued is issued again"))
    if before and is_weaker(before, after):
        found.append(Reason("weaker-algorithm", f"`{after}` is weaker than `{before}`"))
    return tuple(found)


def is_weaker(before: str, after: str) -> bool:
    """Fewer bits, or no longer safe from quantum computers."""
    if STRENGTH.get(after, 0) < STRENGTH.get(before, 0):
        return True
    return before.startswith("ml-dsa-") and not after.startswith("ml-dsa-")


# -- a revocation list -------------------------------------------------------------------------------------------------


def list_risks(before: CrlFacts | None, validity: int) -> tuple[Reason, ...]:
    """Of a list that is signed: the longer it is valid, the later a revocation is heard of."""
    if before is None:
        return ()
    span = before.next_update - before.this_update
    return (_lengthened(span, validity),) if validity > span and not same_span(validity, span) else ()


# -- the plan as a whole -----------------------------------------------------------------------------------------------


def with_risks(plan: Plan, orphans: Iterable[Orphan], dated: int) -> Plan:
    """The plan with what can only be seen of all of it; `orphans` are those found, pruned or not.

    What is to be written into the manifest is dated by `dated`.
    """
    moved = _moved(plan.actions, orphans, format_date(dated))
    actions = (one if one.verb == "new" and one.id not in moved else _marked(one, moved) for one in plan.actions)
    return replace(plan, actions=tuple(actions))


def _marked(action: Action, moved: Mapping[str, Sequence[Reason]]) -> Action:
    edited = [
        Reason(reason.code, "what somebody wrote there is put back, one copy is kept")
        for reason in action.reasons
        if reason.code == "edited-by-hand"
    ]
    more = (*edited, *moved.get(action.id, ()))
    return replace(action, risks=(*action.risks, *more)) if more else action


def _moved(actions: Iterable[Action], orphans: Iterable[Orphan], today: str) -> dict[str, list[Reason]]:
    """By action: the names that it takes over from a certificate that is still valid."""
    actions = list(actions)
    lost: dict[str, str] = {}
    for unit, name in (*_dropped(actions), *_orphaned(orphans)):
        lost.setdefault(name, unit)
    found: dict[str, list[Reason]] = {}
    for (id, before), names in _taken_from(actions, lost).items():
        line = f"revoked: [{{certificate: {before}, reason: superseded, on: {today}}}]"
        come = "comes" if len(names) == 1 else "come"
        message = f"{_listed(names)} {come} from `{before}`, whose certificate is still valid; to end it: `{line}`"
        found.setdefault(id, []).append(Reason("name-moved", message, (f"{before}/certificate",)))
    return found


def _taken_from(actions: Iterable[Action], lost: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """By action, and by the unit that had them: the names that it gets."""
    found: dict[tuple[str, str], list[str]] = {}
    for id, name in _taken(actions) if lost else ():
        before = lost.get(name)
        if before is not None and before != id.rpartition("/")[0]:
            found.setdefault((id, before), []).append(name)
    return found


def _dropped(actions: Iterable[Action]) -> Iterator[tuple[str, str]]:
    """Names that a certificate has no longer, with its unit."""
    for action in actions:
        if action.verb == "reissue" and all(reason.code != "expired" for reason in action.reasons):
            for change in action.changes:
                if change.field == "subjectAltName":
                    unit = action.id.rpartition("/")[0]
                    yield from ((unit, name) for name in change.before if name not in change.after)


def _orphaned(orphans: Iterable[Orphan]) -> Iterator[tuple[str, str]]:
    for one in orphans:
        if one.names and one.risks:
            unit = one.id.rpartition("/")[0]
            yield from ((unit, name) for name in one.names)


def _taken(actions: Iterable[Action]) -> Iterator[tuple[str, str]]:
    """Names that a certificate gets, with its action.

    Those of a new one are asked of its recipe: a plan that is not told in full leaves its changes out.
    """
    for action in actions:
        if action.verb == "new" and isinstance(action.recipe, Sign):
            yield from ((action.id, name) for name in name_list(said.alternative_names(action.recipe.profile)))
            continue
        for change in action.changes:
            if change.field == "subjectAltName":
                yield from ((action.id, name) for name in change.after if name not in change.before)


def found_risks(plan: Plan, codes: Iterable[str]) -> list[tuple[Action | Orphan, Reason]]:
    """Everything in a plan that is marked with one of these codes."""
    wanted = set(codes)
    items: tuple[Action | Orphan, ...] = (*plan.actions, *plan.orphans)
    return [(one, risk) for one in items for risk in one.risks if ANY in wanted or risk.code in wanted]


def _listed(values: Iterable[str]) -> str:
    """`a`, `b` and 3 more."""
    found = [f"`{one}`" for one in values]
    if len(found) > 3:
        return f"{', '.join(found[:2])} and {len(found) - 2} more"
    return ", ".join(found)
