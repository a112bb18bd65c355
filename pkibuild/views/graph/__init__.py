"""The dependency graph: as a tree, as text for Graphviz and Mermaid, as JSON, and drawn as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pkibuild.model.plan import GraphNode

FORMATS = ("tree", "text", "dot", "mermaid", "svg", "json")


def text(nodes: Sequence[GraphNode], form: str, *, everything: bool = False) -> str:
    """The graph in one of `FORMATS`; units that are alike are shown once unless `everything` (JSON has all always)."""
    from pkibuild.views.graph import cards, dot, svg, tree

    if form == "json":
        return tree.json_text(nodes)
    drawn = cards.layout(nodes, everything=everything)
    views: dict[str, Callable[[Sequence[cards.Card]], str]] = {
        "dot": dot.dot_text,
        "mermaid": dot.mermaid_text,
        "svg": svg.text,
    }
    return views.get(form, tree.text)(drawn)
