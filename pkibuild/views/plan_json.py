"""A plan as JSON: the form that `schemas/plan.schema.json` describes."""

from __future__ import annotations

import json
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.core.times import format_time
from pkibuild.model.plan import Action, Change, Orphan, Pending, Plan, Reason
from pkibuild.views import diagnostics

FORMAT_VERSION = 1


def text(plan: Plan) -> str:
    return dump(value(plan))


def dump(shown: Any) -> str:
    """JSON as pkibuild writes it: indented, in UTF-8, in the order given, ended by a newline."""
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


def value(plan: Plan) -> dict[str, Any]:
    due = plan.next_due
    return {
        "format_version": FORMAT_VERSION,
        "manifest": plan.manifest,
        "base": plan.base or None,
        "output": plan.output,
        "now": format_time(plan.now),
        "actions": [action(one) for one in plan.actions],
        "orphans": [_orphan(one) for one in plan.orphans],
        "pending": [_pending(one) for one in plan.pending],
        "warnings": diagnostics.values(plan.warnings),
        "notes": list(plan.notes),
        "next_renewal": {"id": due[0], "time": format_time(due[1])} if due else None,
        "summary": plan.summary,
    }


def action(one: Action) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "action": one.verb,
        "reasons": [_reason(reason) for reason in one.reasons],
        "detail": one.detail,
        "changes": [_change(change) for change in one.changes],
        "risks": [_reason(risk) for risk in one.risks],
        "paths": list(one.paths),
        "needs": list(one.needs),
        "place": list(one.place),
    }


def _change(change: Change) -> dict[str, Any]:
    shown: dict[str, Any] = {"field": change.field, "before": list(change.before), "after": list(change.after)}
    if change.diff:
        shown["diff"] = list(change.diff)
    return shown


def _reason(reason: Reason) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": reason.code, "message": reason.message}
    if reason.because:
        shown["because"] = list(reason.because)
    return shown


def _orphan(one: Orphan) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "paths": list(one.paths),
        "message": one.message,
        "hint": one.hint,
        "risks": [_reason(risk) for risk in one.risks],
    }


def _pending(one: Pending) -> dict[str, Any]:
    place: Place = one.place
    return {"id": one.id, "code": one.code, "message": one.message, "place": list(place)}
