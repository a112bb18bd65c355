"""The state of every certificate and CRL: a table for people, and the formats for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pkibuild.core.times import days_between, format_date, format_time
from pkibuild.model.plan import StatusRow
from pkibuild.views import status_calendar, status_prometheus
from pkibuild.views.plan_json import dump
from pkibuild.views.terminal import PLAIN, Style, table, visible

_COLOURS = {"ok": "green", "short": "yellow", "due": "yellow", "not-built": "yellow"}
_SERIAL_DIGITS = 8


def is_fine(rows: Sequence[StatusRow]) -> bool:
    return all(row.is_fine for row in rows)


def text(rows: Sequence[StatusRow], now: int, style: Style = PLAIN, *, verbose: bool = False) -> str:
    """A table, and below it what is told of single rows; serials in full where `verbose`."""
    if not rows:
        return "Nothing is declared.\n"
    titles = ("ID", "STATE", "EXPIRES", "DAYS", "RENEWS", "SERIAL", "SUBJECT", "ISSUER")
    lines = table([titles, *(_cells(row, now, verbose) for row in rows)])
    shown = [style(lines[0], "bold"), *(_paint(line, row, style) for line, row in zip(lines[1:], rows, strict=True))]
    told = [f"{visible(row.id)}: {visible(row.message)}" for row in rows if row.message]
    return "\n".join([*shown, *(["", *told] if told else []), "", _closing(rows)]) + "\n"


def _cells(row: StatusRow, now: int, verbose: bool) -> tuple[str, ...]:
    serial = row.serial
    if not verbose and len(serial) > _SERIAL_DIGITS:
        serial = f"{serial[:_SERIAL_DIGITS]}…"
    end, due = row.not_after, row.renew_at
    return (
        visible(row.id),
        row.state,
        "-" if end is None else format_date(end),
        "-" if end is None else str(days_between(now, end)),
        "-" if due is None else format_date(due),
        serial or "-",
        visible(row.subject) or "-",
        visible(row.issuer) or "-",
    )


def _paint(line: str, row: StatusRow, style: Style) -> str:
    name = visible(row.id)
    rest = line[len(name) :]
    return name + rest.replace(row.state, style(row.state, _COLOURS.get(row.state, "red")), 1)


def _closing(rows: Sequence[StatusRow]) -> str:
    states = [row.state for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))) + "."


def json_text(rows: Sequence[StatusRow], now: int) -> str:
    return dump({"format_version": 1, "now": format_time(now), "rows": [_value(row, now) for row in rows]})


def _value(row: StatusRow, now: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "subject": row.subject,
        "issuer": row.issuer,
        "serial": row.serial,
        "not_before": _time(row.not_before),
        "not_after": _time(row.not_after),
        "days_left": None if row.not_after is None else days_between(now, row.not_after),
        "renew_at": _time(row.renew_at),
        "message": row.message,
    }


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else format_time(seconds)


FORMATS: dict[str, Callable[[Sequence[StatusRow], int], str]] = {
    "json": json_text,
    "prometheus": status_prometheus.text,
    "ics": status_calendar.text,
}
"""The formats for programs, by the name that `--format` takes."""
