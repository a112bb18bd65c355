"""What a reviewer must not miss: ordered lists of small pure checks, each with a stable code.

A risk is no error. It is shown with its action in every plan and diff, and `--fail-on CODE` stops a run on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from pkibuild.core.times import DAY, format_date, format_duration
from pkibuild.model.plan import Action, Orphan, Plan, Reason
from pkibuild.model.recipes import Sign
from pkibuild.review.changes import name_list
from pkibuild.x509 import contents

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


def lengthened(before: int, after: int) -> Reason:
    """The risk of a longer validity; both in seconds."""
    return Reason("longer-validity", f"valid for {format_duration(after)}, {_days(before)} before")


def _days(span: int) -> str:
    """A span that was measured, not declared."""
    return format_duration(round(span / DAY) * DAY if span >= 2 * DAY else span)


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
        message = f"{quoted_list(names)} {come} from `{before}`, whose certificate is still valid; to end it: `{line}`"
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
            yield from ((action.id, name) for name in name_list(contents.alternative_names(action.recipe.profile)))
            continue
        for change in action.changes:
            if change.field == "subjectAltName":
                yield from ((action.id, name) for name in change.after if name not in change.before)


def found_risks(plan: Plan, codes: Iterable[str]) -> list[tuple[Action | Orphan, Reason]]:
    """Everything in a plan that is marked with one of these codes."""
    wanted = set(codes)
    items: tuple[Action | Orphan, ...] = (*plan.actions, *plan.orphans)
    return [(one, risk) for one in items for risk in one.risks if ANY in wanted or risk.code in wanted]


def quoted_list(values: Iterable[str]) -> str:
    """`a`, `b` and 3 more."""
    found = [f"`{one}`" for one in values]
    if len(found) > 3:
        return f"{', '.join(found[:2])} and {len(found) - 2} more"
    return ", ".join(found)
