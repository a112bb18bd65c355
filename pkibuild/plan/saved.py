"""A saved plan (`plan --out`): read, and compared with what would be done now.

Nothing in the file is carried out. What is done is planned anew from the manifest and what is there; the file has to be
equal to that, and gives only the time by which what is signed is dated, and the options by which actions were chosen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from pkibuild import __version__
from pkibuild.core.diagnostics import Diagnostic, UserError, fail
from pkibuild.core.times import format_time, parse_time
from pkibuild.core.values import Record
from pkibuild.model.plan import Plan
from pkibuild.plan.selection import STOPPED

LIMIT = 128 * 1024 * 1024
"""Bytes of a saved plan; the first plan of ten thousand hosts has twenty-five million."""

FORMAT_VERSION = 1
MOST_TOLD = 20
"""How many differences are told one by one."""
_LONGEST = 120
"""Characters of a value that are told."""

_Actions = Sequence[Mapping[str, Any]]


class Saved(Record):
    path: str
    """The file's path as the user gave it."""
    now: int
    manifest: str
    """Path of the manifest where it was saved."""
    output: str
    only: tuple[str, ...]
    due: bool
    prune: str | None
    lock_only: bool
    lock: str
    """Digest of the lock that it was made with; empty where there was none."""
    actions: _Actions
    """In JSON's form."""


# -- reading -----------------------------------------------------------------------------------------------------------


def parse(data: bytes, path: str) -> Saved:
    """A saved plan from its file. Raises UserError for what is none, is damaged, or is another version's."""
    value = _decoded(data, path)
    saved = value.get("saved")
    if not isinstance(saved, dict) or value.get("format_version") != FORMAT_VERSION:
        raise _bad(path, "it is not a saved plan", "`pkibuild plan --out FILE` saves one")
    if saved.get("version") != __version__:
        raise fail(
            "plan-version",
            f"`{path}` was saved by pkibuild {_told(saved.get('version'))}, and this is {__version__}",
            hint="save and review it anew, or apply it with the version that saved it",
            status=STOPPED,
        )
    try:
        return _saved(value, saved, path)
    except (TypeError, ValueError):
        raise _bad(path, "a field of it is missing or of another form") from None


def _decoded(data: bytes, path: str) -> dict[str, Any]:
    if len(data) > LIMIT:
        raise _bad(path, f"it is larger than {LIMIT // 1024 // 1024} MiB")
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _bad(path, "it is damaged, or no JSON") from None
    return value if isinstance(value, dict) else {}


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _bad(path: str, why: str, hint: str = "save it anew with `pkibuild plan --out FILE`") -> UserError:
    return fail("bad-plan", f"`{path}`: {why}", hint=hint)


def _saved(value: Mapping[str, Any], saved: Mapping[str, Any], path: str) -> Saved:
    actions = [_is(one, dict) for one in _is(value.get("actions"), list)]
    for one in actions:
        _is(one.get("id"), str)
    return Saved(
        path,
        parse_time(_is(value.get("now"), str)),
        _is(value.get("manifest"), str),
        _is(value.get("output"), str),
        tuple(_is(one, str) for one in _is(saved.get("only"), list)),
        _is(saved.get("due"), bool),
        None if saved.get("prune") is None else _is(saved["prune"], str),
        _is(saved.get("lock_only"), bool),
        "" if saved.get("lock") is None else _is(saved["lock"], str),
        actions,
    )


def _is(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


# -- comparing ---------------------------------------------------------------------------------------------------------


def check_moment(saved: Saved, now: int) -> None:
    """Refuse a plan that was made later than now. Raises UserError."""
    if saved.now > now:
        raise fail(
            "clock-went-back",
            f"`{saved.path}` was made at {format_time(saved.now)}, and the clock says {format_time(now)}",
            hint="one of the two clocks is wrong; nothing is signed with a false one",
            status=STOPPED,
        )


def check_same(saved: Saved, planned: Plan, actions: _Actions) -> None:
    """Refuse where what would be done now is not what was saved, saying what differs. Raises UserError.

    `actions` are those of `planned`, in JSON's form.
    """
    found = list(_differences(saved, actions, texts=not (saved.lock_only or planned.lock_only)))
    chosen = {action.id for action in planned.actions}
    found += [f"`{id}`: made so late it would be due at once" for id in planned.aged if id in chosen]
    if not found:
        return
    more = [f"and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
    told = [*found[:MOST_TOLD], *more]
    *others, last = (Diagnostic("plan-changed", one) for one in told)
    hint = f"`{saved.path}` no longer holds{_since(saved, planned)}; nothing was written. Review a new `pkibuild plan`"
    raise UserError(*others, Diagnostic(last.code, last.message, hint=hint), status=STOPPED)


def _since(saved: Saved, planned: Plan) -> str:
    if saved.output != planned.output:
        return f": it was made for the output folder `{_told(saved.output)}`, and this one is `{planned.output}`"
    return ": something was built since, as the lock says" if saved.lock != planned.lock else ""


def _differences(saved: Saved, actions: _Actions, texts: bool) -> Iterator[str]:
    """What was not saved and would be done, what was saved and would not be, and what would be done otherwise."""
    before, after = _by_id(saved.actions), _by_id(actions)
    if before and not after:
        yield "nothing is left to be done: all of it is done, or not asked for any more"
        return
    for id, found in after.items():
        if len(before.get(id, ())) != len(found):
            yield f"`{id}`: would be done as well: {_doing(found[0])}"
    for id, found in before.items():
        if id not in after:
            yield f"`{_told(id)}`: is done, or not asked for any more: {_doing(found[0])}"
    for id, found in after.items():
        for old, new in zip(before.get(id, ()), found, strict=False):
            if (told := _apart(_essence(old, texts), _essence(new, texts), "")) is not None:
                yield f"`{id}`: {told}"


def _by_id(actions: _Actions) -> dict[str, list[Mapping[str, Any]]]:
    """Two orphans of one id may be pruned."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in actions:
        found.setdefault(one["id"], []).append(one)
    return found


def _doing(action: Mapping[str, Any]) -> str:
    """`reissue (names changed, key kept)`."""
    reasons = action.get("reasons")
    messages = [one.get("message") for one in reasons if isinstance(one, dict)] if isinstance(reasons, list) else []
    return f"{_told(action.get('action'))} ({'; '.join(map(_told, messages))})"


def _essence(action: Mapping[str, Any], texts: bool) -> dict[str, Any]:
    """What has to be equal: what is done, why, with what, and which files. Not where it is declared.

    A plan from the lock alone may lack the old texts of configs, so they are left out; what is rendered counts anyway.
    """
    changes, makes = action.get("changes"), action.get("makes")
    if not texts and action.get("kind") == "config":
        changes = []
    if not texts and isinstance(makes, dict):  # nor does the lock alone tell what a list has to hold
        makes = {name: value for name, value in makes.items() if name != "revoked"}
    return {
        "action": action.get("action"),
        "reasons": _without_causes(action.get("reasons")),
        "detail": action.get("detail"),
        "makes": makes,
        "paths": action.get("paths"),
        "risks": _without_causes(action.get("risks")),
        "changes": changes,
    }


def _without_causes(reasons: Any) -> Any:
    if not isinstance(reasons, list):
        return reasons
    return [f"{one.get('code')}: {one.get('message')}" if isinstance(one, dict) else one for one in reasons]


def _apart(before: Any, after: Any, name: str) -> str | None:
    """The first field in which two values differ, with both; None where they are equal."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        for one in dict.fromkeys((*after, *before)):
            inner = one if name in ("", "makes") else f"{name}.{one}"
            if (told := _apart(before.get(one), after.get(one), inner)) is not None:
                return told
    return f"{_told(name)} {_told(before)} → {_told(after)}"


def _told(value: Any) -> str:
    """A value on one line, however hostile the file."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = "another value"
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return cut.encode("utf-8", "replace").decode("utf-8")
