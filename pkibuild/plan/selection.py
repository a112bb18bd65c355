"""Which actions of a plan are carried out: `--only`, `--due`, and the limits that stop a run before it writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, UserError, fail, nearest, warning
from pkibuild.core.times import plural
from pkibuild.model.plan import BY_TIME, Action, Plan, partner_of, unit_of
from pkibuild.review.risks import found_risks

FOLLOWING = frozenset({"key-changed", "parts-changed", "list-changed"})
"""Reasons that follow from another action of the plan: they are the clock's where that action is."""

STOPPED = 5
"""Exit status of `--fail-on` and `--max-reissue`."""


def check_named(patterns: Iterable[str], declared: Collection[str]) -> None:
    """Refuse a glob that names nothing: it is misspelt. Raises UserError."""
    for pattern in patterns:
        if not any(matches(id, pattern) for id in declared):
            close = nearest(pattern, {unit_of(id) for id in declared} | set(declared))
            hint = f"did you mean `{close}`?" if close else "`pkibuild graph` shows what there is"
            raise fail("only-nothing", f"`--only {pattern}` names nothing that is declared", hint=hint)


def only(plan: Plan, patterns: Iterable[str]) -> Plan:
    """What matches, with all that it depends on."""
    patterns = tuple(patterns)
    if not patterns:
        return plan
    by_id = {action.id: action for action in plan.actions}
    chosen: set[str] = set()
    stack = [action.id for action in plan.actions if any(matches(action.id, one) for one in patterns)]
    while stack:
        id = stack.pop()
        if id not in chosen:
            chosen.add(id)
            stack.extend(by_id[id].needs)
            partner = partner_of(id)
            if partner in by_id:
                stack.append(partner)
    return replace(plan, actions=tuple(action for action in plan.actions if action.id in chosen))


def matches(id: str, pattern: str) -> bool:
    """Whether a glob names an artifact: by its id, or that of its service (`service/web@myhost`) or unit."""
    service = "/".join(id.split("/", 2)[:2])
    return any(fnmatchcase(name, pattern) for name in (id, service, unit_of(id)))


def due(plan: Plan) -> Plan:
    """Only what time asks for, and what follows from it; never what an edit asks for."""
    kept: dict[str, Action] = {}
    edited: list[str] = []
    planned = {action.id for action in plan.actions}
    for action in plan.actions:
        codes = {reason.code for reason in action.reasons}
        others = codes - BY_TIME
        if all(need in kept or need not in planned for need in action.needs) and (
            not others or (others <= FOLLOWING and action.needs)
        ):
            kept[action.id] = action
        elif codes & BY_TIME:
            edited.append(action.id)
    planned = {action.id for action in plan.actions}
    lonely = {id for id in kept if partner_of(id) in planned and partner_of(id) not in kept}
    kept = {id: action for id, action in kept.items() if id not in lonely}
    warnings = plan.warnings
    if edited:
        text = f"`{edited[0]}`" + (f" and {len(edited) - 1} more" if len(edited) > 1 else "")
        message = f"{text} is due, and edited as well: `--due` leaves it to a whole `apply`"
        warnings = (*warnings, warning("due-but-edited", message))
    return replace(plan, actions=tuple(kept.values()), warnings=warnings, orphans=())


def check_limit(plan: Plan, most: int | None) -> None:
    """Stop before the first write when more certificates would be issued again than allowed."""
    count = sum(1 for action in plan.actions if action.kind == "certificate" and action.verb in ("reissue", "new"))
    again = sum(1 for action in plan.actions if action.kind == "certificate" and action.verb == "reissue")
    if most is not None and again > most:
        raise fail(
            "too-many-reissues",
            f"{plural(again, 'certificate')} would be issued again, and `--max-reissue` allows {most}",
            hint=f"look at `pkibuild plan` ({plural(count, 'certificate')} to be signed), then raise the limit",
            status=STOPPED,
        )


def stopping(plan: Plan, codes: Iterable[str]) -> list[Diagnostic]:
    """One error for every risk of the plan that has one of these codes (or any, with `risk`)."""
    return [
        Diagnostic(risk.code, f"`{one.id}`: {risk.message}", hint="`--fail-on` stops on it")
        for one, risk in found_risks(plan, codes)
    ]


def check_risks(plan: Plan, codes: Iterable[str]) -> None:
    """Stop before the first write on risks with these codes. Raises UserError."""
    found = stopping(plan, codes)
    if found:
        raise UserError(*found, status=STOPPED)
