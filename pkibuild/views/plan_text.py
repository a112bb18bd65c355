"""A plan as text, in the form shown in the manual: a marker, the id, what is done, why, and what changes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from pkibuild.core.times import DAY, HOUR, days_between, plural
from pkibuild.model.plan import Action, Change, Orphan, Pending, Plan, Reason
from pkibuild.views.fleet import FleetGroup, blocks
from pkibuild.views.terminal import PLAIN, Style, pad, visible, visible_line, width

_ID_COLUMNS = range(35, 61)
_VERB_COLUMNS = 10
_INDENT = " " * 8
_OF_A_NEW_ONE = ("subjectAltName", "nameConstraints")
"""Fields of a new certificate that are told without `-v`."""
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "?": "cyan"}


def marker(verb: str) -> str:
    """`+` for what is new, `-` for what goes away, `~` for what changes."""
    return {"new": "+", "prune": "-", "retire": "-"}.get(verb, "~")


def text(plan: Plan, style: Style = PLAIN, *, verbose: bool = False, word: str = "Plan") -> str:
    """The whole plan, ended by a newline. Runs of equal actions of a fleet are shown once unless `verbose`."""
    lines = [" → ".join(visible(side) for side in sides(plan)), ""]
    lines += [f"note: {visible(note)}" for note in plan.notes] + ([""] if plan.notes else [])
    body = _body(plan, style, verbose)
    lines += [*body, ""] if body else []
    lines.append(closing(plan, style, word))
    return "\n".join(lines) + "\n"


def sides(plan: Plan) -> tuple[str, str]:
    """From what to what: manifest and output folder, or the two manifests of a diff."""
    if plan.base:
        return plan.base, plan.manifest
    output = posixpath.normpath(posixpath.join(posixpath.dirname(plan.manifest), plan.output))
    return plan.manifest, f"{output.rstrip('/')}/"


def closing(plan: Plan, style: Style = PLAIN, word: str = "Plan") -> str:
    """`Plan: 2 new, 2 changed; 1 orphan; 41 up to date. Next renewal: host/myhost in 61 days.`

    Of a diff: `Diff: 2 new, 2 changed; 1 removed; 41 unchanged.`
    """
    summary = plan.summary
    doing = ", ".join(f"{summary[what]} {what}" for what in ("new", "changed") if summary[what])
    orphans, same, nothing = (
        (f"{summary['orphan']} removed", "unchanged", "No changes")
        if plan.base
        else (plural(summary["orphan"], "orphan"), "up to date", "Nothing to do")
    )
    apart = [orphans] if summary["orphan"] else []
    apart += [f"{summary['pending']} pending"] if summary["pending"] else []
    parts = [*([doing] if doing else []), *apart, f"{summary['unchanged']} {same}"]
    head = style(word if doing or (plan.base and apart) else nothing, "bold")
    return f"{head}: {'; '.join(parts)}.{_next_renewal(plan)}"


def _next_renewal(plan: Plan) -> str:
    if plan.next_due is None:
        return ""
    unit, when = plan.next_due
    return f" Next renewal: {visible(unit)} {distance(plan.now, when)}."


def distance(now: int, then: int) -> str:
    """`in 61 days`, `in 1 day`, `in 5 hours`, `now`."""
    if then <= now:
        return "now"
    if then - now < DAY:
        return f"in {plural(max(1, (then - now) // HOUR), 'hour')}"
    return f"in {plural(days_between(now, then), 'day')}"


# -- the lines ----------------------------------------------------------------------


def _body(plan: Plan, style: Style, verbose: bool) -> list[str]:
    shown: list[Action | FleetGroup] = list(plan.actions) if verbose else blocks(plan.actions)
    orphans: list[Orphan | FleetGroup] = list(plan.orphans) if verbose else blocks(plan.orphans)
    ids = [one.id for one in (*shown, *orphans, *plan.pending) if not isinstance(one, FleetGroup)]
    longest = max((width(visible(one)) for one in ids), default=0)
    columns = min(max(longest + 2, _ID_COLUMNS.start), _ID_COLUMNS.stop - 1)
    lines: list[str] = []
    for one in (*shown, *plan.pending, *orphans):
        if isinstance(one, Orphan):
            lines += _orphan(one, gone(plan), columns, style)
        else:
            lines += _lines(one, columns, style, verbose)
    return lines


def gone(plan: Plan) -> str:
    """What is told of something that is no longer declared: in a diff it is removed, in a folder it lies about."""
    return "removed" if plan.base else "orphan"


def _orphan(one: Orphan, word: str, columns: int, style: Style) -> list[str]:
    hint = [f"{_INDENT}{visible_line(line)}" for line in one.hint.splitlines()]
    return [_head("-", one.id, word, one.message, columns, style), *_risks(one.risks, style), *hint]


def _lines(one: Action | Pending | FleetGroup, columns: int, style: Style, verbose: bool) -> list[str]:
    match one:
        case FleetGroup():
            return [style(f"    … {_fleet_group(one)}", "dim")]
        case Action():
            head = _head(marker(one.verb), one.id, one.verb, explanation(one), columns, style)
            places = [f"{_INDENT}{style('because ' + one, 'dim')}" for one in places_of(one)] if verbose else []
            changes = one.changes if verbose or one.verb != "new" else _beyond_its_head(one)
            return [head, *places, *_changes(changes, style, verbose), *_risks(one.risks, style)]
        case Pending():
            return [_head("?", one.id, "pending", one.message, columns, style)]


def _beyond_its_head(action: Action) -> tuple[Change, ...]:
    """What a new certificate is good for, where its line does not tell it already."""
    changes = {change.field: change for change in action.changes}
    names = changes.get("subjectAltName")
    if names is not None and len(names.after) == 1 and action.detail.startswith(f"CN={names.after[0][4:]},"):
        del changes["subjectAltName"]  # `DNS:`, and the common name
    return tuple(changes[field] for field in _OF_A_NEW_ONE if field in changes)


def explanation(action: Action) -> str:
    """What a new artifact will be, or why another is made again."""
    why = "; ".join(reason.message for reason in action.reasons)
    causes = _causes(action)
    if action.verb == "new":
        return action.detail or why
    return f"{why} ← {causes}" if causes else why or action.detail


def _causes(action: Action) -> str:
    """The artifacts from which it follows: `authority/web-ca/key`, `host/myhost/certificate` and 2 more."""
    ids = [f"`{id}`" for id in dict.fromkeys(_because(action)) if not id.startswith("/")]
    return f"{', '.join(ids[:2])} and {len(ids) - 2} more" if len(ids) > 3 else ", ".join(ids)


def places_of(action: Action) -> list[str]:
    """The places in the manifest from which it follows."""
    return [visible(one) for one in dict.fromkeys(_because(action)) if one.startswith("/")]


def _because(action: Action) -> list[str]:
    return [one for reason in action.reasons for one in reason.because]


def _head(mark: str, name: str, verb: str, why: str, columns: int, style: Style) -> str:
    parts = [style(mark, _COLOURS[mark]), pad(visible(name), columns - 2) + " ", pad(verb, _VERB_COLUMNS - 1)]
    return f"  {' '.join(parts)} {visible(why)}".rstrip()


def _fleet_group(one: FleetGroup) -> str:
    first, last = visible(one.names[0]), visible(one.names[-1])
    return f"and {len(one.names)} more like {visible(one.like)}: {first} … {last} (-v shows all)"


def _risks(risks: Iterable[Reason], style: Style) -> list[str]:
    return [f"{_INDENT}{style(f'! {risk.code}', 'bold', 'red')}: {visible(risk.message)}" for risk in risks]


# -- what changes -------------------------------------------------------------------


def _changes(changes: tuple[Change, ...], style: Style, verbose: bool) -> list[str]:
    columns = max((width(visible(change.field)) for change in changes if change.field != "text"), default=0) + 2
    several = sum(1 for change in changes if change.field == "text") > 1
    lines: list[str] = []
    for change in changes:
        if change.field == "text":
            shown = diff_lines(change, context=verbose)
            if several and not verbose:
                shown = [*change.diff[:1], *shown]
            lines += [(_INDENT + _paint(line, style)).rstrip() for line in shown]
            continue
        name = pad(visible(change.field), columns)
        for told in told_change(change):
            lines.append(f"{_INDENT}{name}{_paint(told, style)}")
            name = " " * columns
    return lines


def _paint(line: str, style: Style) -> str:
    return style(line, *({"+": ["green"], "-": ["red"]}.get(line[:1], [])))


def diff_lines(change: Change, *, context: bool) -> list[str]:
    """The lines of a config's diff, each with its marker; with those around them, if `context` is wanted."""
    if change.diff:
        head, lines = change.diff[0], change.diff[1:]
        shown = [f"{line[:1]} {visible_line(line[1:])}" for line in lines if context or line[:1] != " "]
        return [head, *shown] if context else shown
    return [f"- {visible_line(line)}" for line in change.before] + [f"+ {visible_line(line)}" for line in change.after]


def told_change(change: Change) -> list[str]:
    """How one field changes: `a → b` for single values, else what leaves (`- a`) and what comes (`+ b`)."""
    before, after = change.before, change.after
    if len(before) == len(after) == 1:
        return [f"{visible(before[0])} → {visible(after[0])}"]
    gone = [f"- {visible(value)}" for value in change.gone]
    come = [f"+ {visible(value)}" for value in change.come]
    return gone + come or ["another order"]
