"""Why an artifact is there, and what follows from its changes: as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pkibuild.core.diagnostics import Place, Span
from pkibuild.model.plan import Consequence, GraphNode, Need, Origin, Why
from pkibuild.views.plan_json import dump
from pkibuild.views.terminal import PLAIN, Style, pad, visible, width

_FEW = 3
"""So many artifacts of one kind are told one by one."""
_WIDEST = 70
_LONGEST = 90
"""Characters of a line that are shown."""


def text(why: Why, style: Style = PLAIN, *, everything: bool = False) -> str:
    """Everything in paragraphs; of a fleet the first and the last unless `everything`."""
    node = why.node
    parts = [
        [style(visible(node.id), "bold"), f"  {visible(node.kind)}, {visible(node.path)}"],
        [style("asked for by", "bold"), *_columns([(_line(one), _source(one)) for one in why.origins])],
        [style("made from", "bold"), *_columns([(_need(one), _line(one.origin)) for one in why.needs])],
        *([style(f"if {one.when}", "bold"), *_following(one, everything)] for one in why.consequences),
    ]
    if not why.needs:
        del parts[2]
    if not why.consequences:
        parts.append(["nothing else is made from it"])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _line(one: Origin) -> str:
    return f"{visible(one.span.file)}:{one.span.line}" if one.span else pointer(one.place)


def _source(one: Origin) -> str:
    """The line as it is written."""
    line = one.span.text.strip() if one.span else ""
    return visible(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")


def pointer(place: Place) -> str:
    """A place of the manifest as the keys that lead to it."""
    return visible(" ".join(map(str, place)))


def _need(one: Need) -> str:
    return f"{'  ' * (one.depth - 1)}{visible(one.node.id)} ({', '.join(one.facets)})"


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    columns = min(max((width(left) for left, _ in rows), default=0), _WIDEST) + 2
    return [f"  {pad(left, columns)}{right}".rstrip() for left, right in rows]


def _following(one: Consequence, everything: bool) -> list[str]:
    return _columns([(kind, told) for kind, nodes in _by_kind(one.nodes) for told in _told(nodes, everything)])


def _by_kind(nodes: Iterable[GraphNode]) -> Iterator[tuple[str, list[GraphNode]]]:
    """Artifacts of one kind, those of authorities, hosts and services apart; in the order in which they come."""
    found: dict[tuple[str, str], list[GraphNode]] = {}
    for node in nodes:
        found.setdefault((node.kind, node.id.partition("/")[0]), []).append(node)
    return ((visible(kind), members) for (kind, _), members in found.items())


def _told(nodes: Sequence[GraphNode], everything: bool) -> list[str]:
    if everything or len(nodes) <= _FEW:
        return [visible(node.id) for node in nodes]
    return [f"{visible(nodes[0].id)} … {visible(nodes[-1].id)} ({len(nodes)})"]


# -- JSON --------------------------------------------------------------------------------------------------------------


def json_text(why: Why) -> str:
    return dump(
        {
            "format_version": 1,
            "id": why.node.id,
            "kind": why.node.kind,
            "path": why.node.path,
            "asked_for_by": [_origin(one) for one in why.origins],
            "made_from": [
                {"id": one.node.id, "facets": list(one.facets), "by": one.by, **_origin(one.origin)}
                for one in why.needs
            ],
            "consequences": [
                {"if": one.when, "facets": list(one.facets), "ids": [node.id for node in one.nodes]}
                for one in why.consequences
            ],
        }
    )


def _origin(one: Origin) -> dict[str, Any]:
    return {"place": list(one.place), **_span(one.span)}


def _span(span: Span | None) -> dict[str, Any]:
    return {} if span is None else {"file": span.file, "line": span.line, "column": span.column}
