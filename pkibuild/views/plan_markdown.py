"""A plan as Markdown for a pull request's comment: a summary table, what a reviewer must not miss, details folded.

No value can break the markup or speak with its own: outside of code every punctuation mark is a character reference,
and what GitHub or GitLab make links or pictures of (mentions, references, addresses) stands in code, where neither does
so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pkibuild.core.diagnostics import Diagnostic
from pkibuild.model.plan import Action, Orphan, Pending, Plan, Reason
from pkibuild.views.diagnostics import in_order
from pkibuild.views.fleet import FleetGroup, blocks
from pkibuild.views.plan_text import closing, diff_lines, explanation, gone, marker, places_of, sides, told_change
from pkibuild.views.terminal import visible

_LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536 at most."""
_SHORT = 20
"""So many lines of details are open from the beginning."""


_REFERENCES = re.compile(r"([@#!~$%&^\[]|:(?=//|\w+:|\d)|\b(?:gh-(?=\d)|www(?=\.)|[0-9a-f]{7,64}\b))", re.IGNORECASE)
"""Mentions, issues, labels, milestones, snippets, alerts, commits, addresses, emoji: where they begin, or all of it."""
_LIST = re.compile(r"^(\s*[0-9]*)([-+.)])(?=\s|$)")
"""What begins an item of a list (CommonMark 0.31, 5.2) where a text begins a line."""


def text(plan: Plan, *, verbose: bool = False, word: str = "Plan") -> str:
    head = [_title(plan), "", *_summary(plan), *_risks(plan), *_warnings(plan.warnings), *_waiting(plan.pending)]
    tail = ["", prose(closing(plan, word=word)), ""]
    room = _LONGEST - _size([*head, *tail])
    return "\n".join([*head, *_details(plan, room, verbose), *tail])


def _title(plan: Plan) -> str:
    return f"### pkibuild: {' → '.join(code(side) for side in sides(plan))}"


def _summary(plan: Plan) -> list[str]:
    counts = plan.summary
    risks = len(_all_risks(plan))
    titles = ["new", "changed", gone(plan), "pending", "unchanged" if plan.base else "up to date", "risks"]
    numbers = [*(str(counts[key]) for key in ("new", "changed", "orphan", "pending", "unchanged")), str(risks)]
    notes = [line for note in plan.notes for line in (f"> {prose(note)}", "")]
    return [*notes, f"| {' | '.join(titles)} |", "|" + " --: |" * len(titles), f"| {' | '.join(numbers)} |", ""]


def _risks(plan: Plan) -> list[str]:
    """Those of authorities first."""
    found = sorted(_all_risks(plan), key=lambda one: not one[0].startswith("authority/"))
    return _listed("Not to be missed", [_risk(name, risk) for name, risk in found], _LONGEST // 3)


def _all_risks(plan: Plan) -> list[tuple[str, Reason]]:
    acting = [(one.id, risk) for one in plan.actions for risk in one.risks]
    return acting + [(one.id, risk) for one in plan.orphans for risk in one.risks]


def _risk(name: str, risk: Reason) -> str:
    return f"- ⚠️ **{prose(risk.code)}** {code(name)}: {prose(risk.message)}"


def _warnings(warnings: Iterable[Diagnostic]) -> list[str]:
    lines = [f"- {_place(one)}{prose(one.message)} ({code(one.code)})" for one in in_order(warnings)]
    return _listed("Warnings", lines, _LONGEST // 6)


def _place(one: Diagnostic) -> str:
    return f"{code(f'{one.span.file}:{one.span.line}')} " if one.span else ""


def _waiting(pending: tuple[Pending, ...]) -> list[str]:
    return _listed("Waits", [f"- {code(one.id)}: {prose(one.message)}" for one in pending], _LONGEST // 6)


def _listed(title: str, lines: list[str], room: int) -> list[str]:
    """A list under a title; what does not fit in so many characters is counted."""
    if not lines:
        return []
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    left = len(lines) - len(shown)
    return [f"**{title}**", "", *shown, *([f"- *and {left} more, left out here*"] if left else []), ""]


# -- folded details -----------------------------------------------------------------


def _details(plan: Plan, room: int, verbose: bool) -> list[str]:
    actions: list[Action | FleetGroup] = list(plan.actions) if verbose else blocks(plan.actions)
    orphans: list[Orphan | FleetGroup] = list(plan.orphans) if verbose else blocks(plan.orphans)
    everything = [*actions, *orphans]
    if not everything:
        return []
    short = [_detail(one, gone(plan), full=False) for one in everything]
    spare = room - sum(map(_size, short))
    lines: list[str] = []
    for number, one in enumerate(everything):
        more = _detail(one, gone(plan))
        longer = _size(more) - _size(short[number])
        if longer > spare:  # that something is done comes before what it is in detail
            more, longer = short[number], 0
        spare -= longer
        room -= _size(more)
        if room < 0:
            command = code("pkibuild diff" if plan.base else "pkibuild plan")
            lines.append(f"- *{len(everything) - number} more are left out here: run* {command}")
            break
        lines += more
    opened = " open" if len(everything) <= _SHORT else ""
    title = "What changes" if plan.base else "What is done"
    return [f"<details{opened}><summary>{title}</summary>", "", *lines, "", "</details>"]


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _detail(one: Action | Orphan | FleetGroup, gone: str, *, full: bool = True) -> list[str]:
    match one:
        case FleetGroup():
            others = f"{code(one.names[0])} … {code(one.names[-1])}"
            return [f"- *and {len(one.names)} more like* {code(one.like)}: {others}"]
        case Orphan():
            return _folded("-", one.id, gone, one.message, [f"# {visible(line)}" for line in one.hint.splitlines()])
        case Action():
            return _folded(marker(one.verb), one.id, one.verb, explanation(one), _body(one), full=full)


def _body(action: Action) -> list[str]:
    body = [f"# because {place}" for place in places_of(action)]
    for change in action.changes:
        if change.field == "text":
            body += diff_lines(change, context=True)
        else:
            body += [_field(change.field, told) for told in told_change(change)]
    return body


def _field(field: str, told: str) -> str:
    """A line of a `diff` block: its first character colours it."""
    mark, rest = (told[0], told[2:]) if told.startswith(("+ ", "- ")) else ("!", told)
    return f"{mark} {visible(field)}: {rest}"


def _folded(mark: str, name: str, verb: str, why: str, body: list[str], *, full: bool = True) -> list[str]:
    head = f"{code(mark)} {code(name)} <b>{verb}</b> {prose(why)}"
    if not body:
        return [f"- {head}"]
    if not full:
        return [f"- {head} *({len(body)} lines are left out here)*"]
    inner = ["<details><summary>" + head + "</summary>", "", *fenced(body), "", "</details>", ""]
    return [f"{'- ' if number == 0 else '  '}{line}".rstrip() for number, line in enumerate(inner)]


# -- values that cannot break out ---------------------------------------------------


def fenced(lines: list[str]) -> list[str]:
    """A `diff` code block whose fence is longer than any run of backticks within it."""
    runs = [len(run) for line in lines for run in re.findall("`+", line)]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return [f"{fence}diff", *lines, fence]


def code(value: str) -> str:
    """A value in code; references keep Markdown and HTML from reading it."""
    return f"<code>{_referenced(visible(value))}</code>" if value else ""


def prose(message: str) -> str:
    """A message: what stands in backticks becomes code, all else is literal."""
    parts = visible(message).split("`")
    if len(parts) % 2 == 0:  # an odd backtick: nothing is quoted
        parts = [visible(message)]
    told = "".join(_literal(part) if number % 2 == 0 else code(part) for number, part in enumerate(parts))
    return _LIST.sub(lambda found: f"{found[1]}&#{ord(found[2])};", told)


def _literal(text: str) -> str:
    parts = _REFERENCES.split(text)
    return "".join(code(part) if number % 2 else _referenced(part) for number, part in enumerate(parts))


def _referenced(text: str) -> str:
    """Every mark of punctuation that means something, and the dot of `www.`, as a character reference."""
    return re.sub(r"[^\w\s.,;()/=+-]|_|(?<=www)\.", lambda found: f"&#{ord(found[0])};", text)
