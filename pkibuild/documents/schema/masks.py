"""Masks in place of what stands at given paths of plain data, as those of a pack's secret options (`Pack.secrets`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pkibuild.core.diagnostics import Place

Paths = Sequence[tuple[str, ...]]
"""Where in plain data there are secrets; `*` is every element of a list or mapping."""


def masked(value: Any, secrets: Paths, mask: str) -> Any:
    """A copy of plain data with a mask in place of what stands at these paths; nothing stays nothing."""
    if () in secrets:
        return value if value is None else mask
    if isinstance(value, Mapping):
        return {name: masked(one, further(secrets, name), mask) if secrets else one for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, further(secrets, "*"), mask) for one in value]
    return value


def further(secrets: Paths, name: str) -> Paths:
    """The paths from what is called `name` on; all of what lies below a secret is secret."""
    if not secrets or () in secrets:
        return secrets
    return tuple(path[1:] for path in secrets if path[0] in (name, "*"))


def within(place: Place, paths: Sequence[Place]) -> bool:
    """Whether a place is one of these paths, or lies below one."""
    return any(
        len(path) <= len(place) and all(one in ("*", step) for one, step in zip(path, place, strict=False))
        for path in paths
    )
