"""Why an artifact is there: the lines of the manifest that ask for it, what it is made from, and what hangs on it.

All of it follows from the manifest alone. What follows from a change is worked out facet by facet (architecture.md):
an authority that is renewed with its key refreshes bundles, and re-issues nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pkibuild.core.diagnostics import Place, UserError, fail, nearest
from pkibuild.model.desired import Unit
from pkibuild.model.manifest import SELF, Manifest
from pkibuild.model.plan import unit_of
from pkibuild.model.reports import Consequence, GraphNode, Need, Origin, Why
from pkibuild.review.causes import written_at

_KEY = (("it is another key", ("public", "bytes")),)
_LEAF = (("it is issued again", ("bytes",)),)
_AUTHORITY = (
    ("it is issued again, its name and key as before", ("bytes",)),
    ("it gets another name or key, or ends earlier", ("bytes", "subject", "key_id", "not_after")),
)
_FILE = (("it is made again", ("bytes",)),)
_MOVED = ("it gets another path", ("path",))

_Needing = Mapping[str, Sequence[tuple[GraphNode, frozenset[str]]]]
"""By id: what needs it, and for which facets."""


def explain(manifest: Manifest, units: Iterable[Unit], nodes: Sequence[GraphNode], id: str) -> Why:
    """Everything about the artifact with this id. Raises UserError where there is none."""
    by_id = {node.id: node for node in nodes}
    node = by_id.get(id)
    if node is None:
        raise _unknown(id, by_id)
    unit = next(one for one in units if one.id == unit_of(id))
    origins = tuple(Origin(place, manifest.span(place)) for place in dict.fromkeys(_asked_by(manifest, unit, node)))
    needs = tuple(_needs(manifest, by_id, node, 1, {id}))
    return Why(node, origins, needs, tuple(_consequences(node, _needing(nodes))))


def _unknown(id: str, known: Mapping[str, GraphNode]) -> UserError:
    base, at, generation = id.rpartition("@g")
    own = [one for one in known if one.startswith(f"{id.rstrip('/')}/")]
    if at and generation.isdecimal() and base in known:
        hint = f"an older generation is kept, and nothing is made from it any more; ask for `{base}`"
    elif own:
        hint = f"it has {', '.join(f'`{one}`' for one in own[:8])}{' and more' if own[8:] else ''}"
    else:
        close = nearest(id, known)
        hint = f"did you mean `{close}`?" if close else "`pkibuild graph` shows what there is"
    return fail("unknown-id", f"there is no artifact `{id}`", hint=hint)


# -- the lines that ask for it -----------------------------------------------------------------------------------------


def _asked_by(manifest: Manifest, unit: Unit, node: GraphNode) -> Iterator[Place]:
    """Where the artifact is asked for, first, and what else says how it is to be."""
    own = unit.declaration.place
    wants = [want for pair in unit.pairs for want in (pair.key, pair.certificate)]
    for want in (*wants, *unit.bundles, *unit.configs):
        if want.id == node.id and want.place[:2] != own:
            yield want.place  # a service's own
    yield own
    if node.kind == "key":
        yield written_at(manifest, own, "key")
    elif node.kind == "certificate" and unit.declaration.issuer != SELF:
        yield written_at(manifest, own, "issuer")
    elif node.kind in ("crl", "crl-der"):
        yield (*own, "crl")
    elif node.kind in unit.declaration.formats:
        yield written_at(manifest, own, "formats")
    for expansion in unit.expansions:
        if node.kind in expansion.formats and node.id == f"{unit.id}/{node.kind}":
            yield manifest.services[expansion.service].place


# -- what it is made from ----------------------------------------------------------------------------------------------


def _needs(
    manifest: Manifest, by_id: Mapping[str, GraphNode], node: GraphNode, depth: int, told: set[str]
) -> Iterator[Need]:
    facets: dict[str, list[str]] = {}
    for id, facet in node.needs:
        facets.setdefault(id, []).append(facet)
    for id, found in facets.items():
        if id not in told:
            told.add(id)
            place = _place_of(manifest, id)
            yield Need(by_id[id], tuple(found), node.id, depth, Origin(place, manifest.span(place)))
            yield from _needs(manifest, by_id, by_id[id], depth + 1, told)


def _place_of(manifest: Manifest, id: str) -> Place:
    kind, name = id.split("/", 2)[:2]
    if kind == "service":
        return manifest.services[name.rpartition("@")[0]].place
    declaration = manifest.declaration(f"{kind}/{name}")
    assert declaration is not None
    return declaration.place


# -- what hangs on it --------------------------------------------------------------------------------------------------


def _needing(nodes: Iterable[GraphNode]) -> _Needing:
    found: dict[str, list[tuple[GraphNode, frozenset[str]]]] = {}
    for node in nodes:
        for id, facets in node.needs:
            found.setdefault(id, []).append((node, frozenset(facets.split(", "))))
    return found


def _consequences(node: GraphNode, needing: _Needing) -> Iterator[Consequence]:
    told: list[list[str]] = []
    for when, facets in _changes(node):
        found = _following(node, frozenset(facets), needing)
        ids = [one.id for one in found]
        if found and ids not in told:
            told.append(ids)
            yield Consequence(when, facets, tuple(found))


def _changes(node: GraphNode) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ways in which an artifact can change that matter to others."""
    kinds = {"key": _KEY, "certificate": _AUTHORITY if node.id.startswith("authority/") else _LEAF}
    yield from kinds.get(node.kind, _FILE)
    yield _MOVED


def _following(start: GraphNode, facets: frozenset[str], needing: _Needing) -> list[GraphNode]:
    """All that is made again, nearest first."""
    changed: dict[str, frozenset[str]] = {start.id: facets}
    found: dict[str, GraphNode] = {}
    waiting = [start.id]
    for id in waiting:
        for node, needed in needing.get(id, ()):
            if needed & changed[id]:
                found.setdefault(node.id, node)
                before = changed.get(node.id, frozenset())
                changed[node.id] = before | _remade(node, id)
                if changed[node.id] != before:
                    waiting.append(node.id)
    found.pop(start.id, None)
    return list(found.values())


def _remade(node: GraphNode, cause: str) -> frozenset[str]:
    """What is another of an artifact that is made again; a certificate for another key has another identifier."""
    own_key = node.kind == "certificate" and cause == f"{node.id.rpartition('/')[0]}/key"
    return frozenset({"bytes", "key_id"} if own_key else {"bytes"})
