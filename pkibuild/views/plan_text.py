"""A plan as text, in the form shown in the manual: a marker, the id, what is done, why, and what changes."""

from __future__ import annotations

from collections.abc import Iterable

from pkibuild.nodes import Action, Change, Orphan, Pending, Plan, Reason
from pkibuild.units import DAY, HOUR, days_between
from pkibuild.views.diagnostics import plural
from pkibuild.views.fleet import Alike, blocks
from pkibuild.views.terminal import PLAIN, Style, pad, visible, visible_line, width

_ID_COLUMNS = range(35, 61)
_VERB_COLUMNS = 10
_INDENT = " " * 8
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "?": "cyan"}


def marker(verb: str) -> str:
    """`+` for what is new, `-` for what goes away, `~` for what changes."""
    return {"new": "+", "prune": "-", "retire": "-"}.get(verb, "~")


def text(plan: Plan, style: Style = PLAIN, *, verbose: bool = False, word: str = "Plan") -> str:
    """The whole plan, ended by a newline. Runs of equal actions of a fleet are shown once unless `verbose`."""
    lines = [f"{visible(plan.manifest)} → {visible(plan.output.rstrip('/'))}/", ""]
    lines += [f"note: {visible(note)}" for note in plan.notes] + ([""] if plan.notes else [])
    body = _body(plan, style, verbose)
    lines += [*body, ""] if body else []
    lines.append(closing(plan, style, word))
    return "\n".join(lines) + "\n"


def closing(plan: Plan, style: Style = PLAIN, word: str = "Plan") -> str:
    """`Plan: 2 new, 2 changed; 1 orphan; 41 up to date. Next renewal: host/myhost in 61 days.`"""
    summary = plan.summary
    doing = ", ".join(f"{summary[what]} {what}" for what in ("new", "changed") if summary[what])
    apart = [plural(summary["orphan"], "orphan")] if summary["orphan"] else []
    apart += [f"{summary['pending']} pending"] if summary["pending"] else []
    parts = [*([doing] if doing else []), *apart, f"{summary['unchanged']} up to date"]
    head = style(word if doing else "Nothing to do", "bold")
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
    shown: list[Action | Alike] = list(plan.actions) if verbose else blocks(plan.actions)
    orphans: list[Orphan | Alike] = list(plan.orphans) if verbose else blocks(plan.orphans)
    ids = [one.id for one in (*shown, *orphans, *plan.pending) if not isinstance(one, Alike)]
    longest = max((width(visible(one)) for one in ids), default=0)
    columns = min(max(longest + 2, _ID_COLUMNS.start), _ID_COLUMNS.stop - 1)
    lines: list[str] = []
    for one in (*shown, *plan.pending, *orphans):
        lines += _lines(one, columns, style)
    return lines


def _lines(one: Action | Pending | Orphan | Alike, columns: int, style: Style) -> list[str]:
    match one:
        case Alike():
            return [style(f"    … {_alike(one)}", "dim")]
        case Action():
            head = _head(marker(one.verb), one.id, one.verb, explanation(one), columns, style)
            return [head, *_changes(one.changes, style), *_risks(one.risks, style)]
        case Pending():
            return [_head("?", one.id, "pending", one.message, columns, style)]
        case Orphan():
            hint = [f"{_INDENT}{visible_line(line)}" for line in one.hint.splitlines()]
            head = _head("-", one.id, "orphan", one.message, columns, style)
            return [head, *_risks(one.risks, style), *hint]


def explanation(action: Action) -> str:
    """What a new artifact will be, or why another is made again."""
    why = "; ".join(reason.message for reason in action.reasons)
    return action.detail or why if action.verb == "new" else why or action.detail


def _head(mark: str, name: str, verb: str, why: str, columns: int, style: Style) -> str:
    parts = [style(mark, _COLOURS[mark]), pad(visible(name), columns - 2) + " ", pad(verb, _VERB_COLUMNS - 1)]
    return f"  {' '.join(parts)} {visible(why)}".rstrip()


def _alike(one: Alike) -> str:
    first, last = visible(one.names[0]), visible(one.names[-1])
    return f"and {len(one.names)} more like {visible(one.like)}: {first} … {last} (-v shows all)"


def _risks(risks: Iterable[Reason], style: Style) -> list[str]:
    return [f"{_INDENT}{style(f'! {risk.code}', 'bold', 'red')}: {visible(risk.message)}" for risk in risks]


# -- what changes -------------------------------------------------------------------


def _changes(changes: tuple[Change, ...], style: Style) -> list[str]:
    columns = max((width(visible(change.field)) for change in changes if change.field != "text"), default=0) + 2
    lines: list[str] = []
    for change in changes:
        if change.field == "text":
            lines += [_INDENT + _paint(line, style) for line in diff_lines(change)]
            continue
        name = pad(visible(change.field), columns)
        for told in told_change(change):
            lines.append(f"{_INDENT}{name}{_paint(told, style)}")
            name = " " * columns
    return lines


def _paint(line: str, style: Style) -> str:
    return style(line, *({"+": ["green"], "-": ["red"]}.get(line[:1], [])))


def diff_lines(change: Change) -> list[str]:
    """The lines of a config's diff, each with its marker."""
    return [f"- {visible_line(line)}" for line in change.before] + [f"+ {visible_line(line)}" for line in change.after]


def told_change(change: Change) -> list[str]:
    """How one field changes: `a → b` for single values, else what leaves (`- a`) and what comes (`+ b`)."""
    before, after = change.before, change.after
    if len(before) == len(after) == 1:
        return [f"{visible(before[0])} → {visible(after[0])}"]
    gone = [f"- {visible(value)}" for value in before if value not in after]
    come = [f"+ {visible(value)}" for value in after if value not in before]
    return gone + come or ["another order"]
