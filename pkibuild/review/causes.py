"""From what each reason of a plan follows: the artifacts whose actions bring it about, or what is written in the
manifest, as a JSON Pointer (RFC 6901) into it, name patterns expanded: `/hosts/web07/aliases`, `/defaults/validity`.

Ids never begin with a slash, so the two cannot be mixed up. What comes by the clock, or was found in the output folder,
follows from neither. Which reason has which cause is said by the kinds of artifacts (`Kind.causes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action
from pkibuild.rendering.located import is_secret, place_of

_NOT_FOR_AUTHORITIES = frozenset({"issuer", "validity"})
"""Defaults that do not reach authorities."""

MOST_PLACES = 5
"""How many places are given as the cause of a config."""


class Causes:
    """What may be the cause of a reason: the actions of the plan, and fields of the manifest."""

    def __init__(self, planned: Mapping[str, Action], manifest: Manifest) -> None:
        self.planned = planned
        self.manifest = manifest

    def first(self, *ids: str) -> tuple[str, ...]:
        """The first of these artifacts that the plan changes."""
        return next(((id,) for id in ids if id in self.planned), ())

    def field(self, own: Place, *names: str) -> tuple[str, ...]:
        """A field of a declaration, or where it is inherited from."""
        return (pointer(written_at(self.manifest, own, *names)),)

    def declaration(self, action: Action) -> Place:
        """The place of the authority, host or certificate that an action belongs to."""
        return declared_at(action)


def pointer(place: Place) -> str:
    """A place of the manifest as a JSON Pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)


def differing(before: Any, after: Any, place: Place) -> Iterator[Place]:
    """Where in the manifest the values stand by which two contexts of a template differ.

    `place` is where the whole is declared; a value that knows its own place tells that. Names within a secret are in no
    place.
    """
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = dict.fromkeys((*after, *before))
        hidden = any(map(is_secret, names))
        for name in names:
            yield from differing(before.get(name), after.get(name), place if hidden else (*place, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, (*place, number))
    else:
        found = [found for one in _apart(before, after) if (found := place_of(one)) is not None]
        yield from dict.fromkeys(found or [place])


def _apart(before: Any, after: Any) -> list[Any]:
    """The values by which two others differ: of lists, the elements that only one of them has."""
    if not isinstance(before, list) or not isinstance(after, list):
        return [after, before]
    return [one for one in after if one not in before] + [one for one in before if one not in after]


def changed_places(old: Any, new: Any, declared: Place) -> tuple[str, ...]:
    """Where in the manifest the values have changed that two contexts of a template hold; `declared` is where it is."""
    before, after = old or {}, new or {}
    service = place_of(after.get("service", {}).get("name")) or declared
    host = place_of(after.get("host", {}).get("name")) or declared
    bases = {"options": service, "paths": service, "values": service, "host": host}
    places: dict[str, None] = {}
    for part in (*after, *(name for name in before if name not in after)):
        for place in differing(before.get(part), after.get(part), bases.get(part, declared)):
            places[pointer(place)] = None
    return tuple(places)[:MOST_PLACES]


def written_at(manifest: Manifest, own: Place, *field: str) -> Place:
    """Where a field is written: in the declaration, else in the defaults, else the declaration itself lacks it."""
    inherited = own[0] != "authorities" or field[0] not in _NOT_FOR_AUTHORITIES
    for base in (own, ("defaults",)) if inherited else (own,):
        for length in range(len(field), 0, -1):
            place = (*base, *field[:length])
            if manifest.is_written is not None and manifest.is_written(place):
                return place
    return own


def declared_at(action: Action) -> Place:
    """The place of the authority, host or certificate that an action's fields are declared at."""
    kind, name = action.id.split("/", 2)[:2]
    if kind == "service":
        return ("hosts", name.rpartition("@")[2])
    return ({"authority": "authorities"}.get(kind, f"{kind}s"), name)
