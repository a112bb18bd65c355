"""The graph as text for Graphviz and for Mermaid (which GitHub and GitLab draw in Markdown)."""

from __future__ import annotations

from collections.abc import Sequence

from pkibuild.views.graph.cards import Card, CardRow, every
from pkibuild.views.graph.tree import title
from pkibuild.views.terminal import visible


def dot_text(roots: Sequence[Card]) -> str:
    """A digraph with a cluster for every card; an arrow goes from what is needed to what needs it."""
    lines = [
        "digraph pki {",
        '  rankdir=LR; node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=11];',
        '  edge [color="#64748b", fontname="sans-serif", fontsize=9]; compound=true;',
    ]
    cards = every(roots)
    for number, card in enumerate(cards):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    label={_quoted(title(card))}; style="rounded,filled"; color="#cbd5e1"; fillcolor="#f8fafc";')
        lines.append('    fontname="sans-serif"; fontsize=12;')
        lines += [f"    {_quoted(row.id)} [label={_quoted(row.label)}];" for row in card.rows]
        lines.append("  }")
    for need, row, facets in _edges(cards):
        lines.append(f"  {_quoted(need)} -> {_quoted(row.id)} [tooltip={_quoted(', '.join(facets))}];")
    return "\n".join([*lines, "}"]) + "\n"


def _edges(cards: Sequence[Card]) -> list[tuple[str, CardRow, tuple[str, ...]]]:
    """What is needed, what needs it, and for which facets; only between artifacts that are shown."""
    shown = {row.id for card in cards for row in card.rows}
    return [(need, row, facets) for card in cards for row in card.rows for need, facets in row.needs if need in shown]


def _quoted(value: str) -> str:
    """A string of the DOT language: backslashes are doubled, as they begin escapes in labels."""
    escaped = visible(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def mermaid_text(roots: Sequence[Card]) -> str:
    """A Mermaid flowchart with a subgraph for every card."""
    cards = every(roots)
    names = {row.id: f"n{number}" for number, row in enumerate(row for card in cards for row in card.rows)}
    lines = ["flowchart LR"]
    for number, card in enumerate(cards):
        lines.append(f"  subgraph c{number}[{_label(title(card))}]")
        lines += [f"    {names[row.id]}[{_label(row.label)}]" for row in card.rows]
        lines.append("  end")
    lines += [f"  {names[need]} --> {names[row.id]}" for need, row, _ in _edges(cards)]
    return "\n".join(lines) + "\n"


def _label(value: str) -> str:
    """A quoted Mermaid label; what is special there becomes an entity in Mermaid's spelling (`#quot;`, `#35;`)."""
    text = "".join(
        character if character.isalnum() or character in " ._-/@,()…" else f"#{ord(character)};"
        for character in visible(value)
    )
    return f'"{text}"'
