"""A plan as it is saved: its JSON form, and what is needed to carry out exactly this one later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from pkibuild.model.plan import Action, Plan
from pkibuild.model.recipes import MakeKey, Recipe
from pkibuild.views import plan_json

_LEFT_OUT = frozenset({"passphrase", "data", "der", "lines", "path"})
"""Fields of a recipe that are not saved: bytes may hold secrets, a passphrase's source belongs to a machine."""


def text(plan: Plan, version: str, only: Sequence[str], due: bool, prune: str | None) -> str:
    """The file of `plan --out`, with the version of pkibuild and the options by which the plan was chosen."""
    saved = {
        "version": version,
        "only": list(only),
        "due": due,
        "prune": prune,
        "lock_only": plan.lock_only,
        "lock": plan.lock or None,
    }
    return plan_json.dump({**plan_json.value(plan), "actions": actions(plan), "saved": saved})


def actions(plan: Plan) -> list[dict[str, Any]]:
    """The plan's actions, each with what it makes."""
    return [{**plan_json.action(one), "makes": _makes(one)} for one in plan.actions]


def _makes(one: Action) -> dict[str, Any]:
    """What an action is carried out with: all that the plan's lines do not say, such as a new certificate's names."""
    made: dict[str, Any] = _plain(one.recipe)
    if isinstance(one.recipe, MakeKey):
        made["encrypted"] = one.recipe.passphrase is not None
    if one.moves:
        made["moves"] = _plain(one.moves)
    return made


def _plain(value: Recipe | object) -> Any:
    """Plain data, with what is empty left out."""
    if isinstance(value, Struct):
        found = {name: _plain(getattr(value, name)) for name in value.__struct_fields__ if name not in _LEFT_OUT}
        return {name: told for name, told in found.items() if told not in (None, "", [], {}, False)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
