"""Why an artifact is there: the lines of the manifest that ask for it, what it is made from, and what hangs on it.

All of it follows from the manifest alone. What follows from a change is worked out facet by facet (architecture.md):
an authority that is renewed with its key refreshes bundles, and re-issues nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pkibuild.artifacts import registry
from pkibuild.artifacts.kind import Scope, Trigger
from pkibuild.core.diagnostics import Place, UserError, fail, nearest
from pkibuild.model.desired import Artifact, Unit
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Consequence, GraphNode, Need, Origin, Why, unit_of

_MOVED: Trigger = ("it gets another path", ("path",))

_Needing = Mapping[str, Sequence[tuple[GraphNode, frozenset[str]]]]
"""By id: what needs it, and for which facets."""


def explain(manifest: Manifest, units: Sequence[Unit], id: str) -> Why:
    """Everything about the artifact with this id. Raises UserError where there is none."""
    nodes = registry.nodes(manifest, units)
    by_id = {node.id: node for node in nodes}
    node = by_id.get(id)
    if node is None:
        raise _unknown(id, by_id)
    artifacts = {artifact.id: artifact for unit in units for artifact in unit.artifacts}
    unit = next(one for one in units if one.id == unit_of(id))
    places = dict.fromkeys(_asked_by(manifest, unit, artifacts[id]))
    origins = tuple(Origin(place, manifest.span(place)) for place in places)
    needs = tuple(_needs(manifest, by_id, node, 1, {id}))
    return Why(node, origins, needs, tuple(_consequences(node, artifacts, _needing(nodes))))


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


def _asked_by(manifest: Manifest, unit: Unit, artifact: Artifact) -> Iterator[Place]:
    """Where the artifact is asked for, first, and what else says how it is to be."""
    own = unit.declaration.place
    if artifact.place[:2] != own:
        yield artifact.place  # a service's own
    yield own
    yield from registry.of(artifact).asked_by(artifact, Scope(manifest, unit.declaration, unit.expansions))


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


def _consequences(node: GraphNode, artifacts: Mapping[str, Artifact], needing: _Needing) -> Iterator[Consequence]:
    told: list[list[str]] = []
    for when, facets in (*registry.of(artifacts[node.id]).triggers(artifacts[node.id]), _MOVED):
        found = _following(node, frozenset(facets), artifacts, needing)
        ids = [one.id for one in found]
        if found and ids not in told:
            told.append(ids)
            yield Consequence(when, facets, tuple(found))


def _following(
    start: GraphNode, facets: frozenset[str], artifacts: Mapping[str, Artifact], needing: _Needing
) -> list[GraphNode]:
    """All that is made again, nearest first."""
    changed: dict[str, frozenset[str]] = {start.id: facets}
    found: dict[str, GraphNode] = {}
    waiting = [start.id]
    for id in waiting:
        for node, needed in needing.get(id, ()):
            if needed & changed[id]:
                found.setdefault(node.id, node)
                before = changed.get(node.id, frozenset())
                changed[node.id] = before | registry.of(artifacts[node.id]).changed_facets(artifacts[node.id], id)
                if changed[node.id] != before:
                    waiting.append(node.id)
    found.pop(start.id, None)
    return list(found.values())
