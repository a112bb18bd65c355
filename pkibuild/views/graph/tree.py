"""The graph as an indented tree, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from pkibuild.model.plan import GraphNode
from pkibuild.views.graph.cards import Card, CardRow, card_of
from pkibuild.views.plan_json import dump
from pkibuild.views.terminal import pad, visible, width


def json_text(nodes: Sequence[GraphNode]) -> str:
    shown = [
        {
            "id": node.id,
            "kind": node.kind,
            "path": node.path,
            "needs": [{"id": name, "facet": facet} for name, facet in node.needs],
        }
        for node in nodes
    ]
    return dump({"format_version": 1, "nodes": shown})


def text(roots: Sequence[Card]) -> str:
    """Cards below their issuers, artifacts below their cards, each with what it needs."""
    lines: list[tuple[str, str]] = []
    for card in roots:
        lines.append((title(card), ""))
        _below(card, "", lines)
    columns = min(max((width(left) for left, right in lines if right), default=0) + 2, 60)
    return "".join(f"{pad(left, columns)}← {right}\n" if right else f"{left}\n" for left, right in lines)


def title(card: Card) -> str:
    """The card's id, and for how many it stands."""
    if not card.alike:
        return visible(card.id)
    return f"{visible(card.id)} … {visible(card.alike[-1])} ({len(card.alike) + 1} alike)"


def _below(card: Card, lead: str, lines: list[tuple[str, str]]) -> None:
    items: list[CardRow | Card] = [*card.rows, *card.children]
    for number, item in enumerate(items):
        last = number == len(items) - 1
        branch, trunk = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if isinstance(item, Card):
            lines.append((f"{lead}{branch}{title(item)}", ""))
            _below(item, lead + trunk, lines)
        else:
            lines.append((f"{lead}{branch}{visible(item.label)}", needs(item)))


def needs(row: CardRow) -> str:
    """`key (public), authority/myrootca/certificate (subject, key_id)`: in full where it is on another card."""
    own = f"{card_of(row.id)}/"
    return ", ".join(f"{visible(name.removeprefix(own))} ({', '.join(facets)})" for name, facets in row.needs)
