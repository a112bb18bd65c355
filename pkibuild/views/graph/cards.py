"""The graph by units: a card for every authority, host, certificate and service, in a forest of who issues whom.

Cards that are alike (the same artifacts with the same needs below the same parent) become one card with a count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pkibuild.core.values import Record
from pkibuild.model.plan import GraphNode

FEWEST = 3
"""So many cards must be alike before they are shown as one."""


class CardRow(Record):
    """One artifact on a card; `needs` are (id, facets) pairs."""

    id: str
    kind: str
    path: str
    needs: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def label(self) -> str:
        """The id without its card's."""
        return self.id.split("/", 2)[2] if self.id.count("/") > 1 else self.id


class Card(Record):
    id: str
    rows: tuple[CardRow, ...]
    parent: str = ""
    """The card that it hangs below; empty for a root."""
    alike: tuple[str, ...] = ()
    """Ids of the other cards that this one stands for."""
    children: tuple[Card, ...] = ()

    @property
    def kind(self) -> str:
        return self.id.partition("/")[0]

    @property
    def title(self) -> str:
        return self.id.partition("/")[2].partition("@")[0] if self.kind == "service" else self.id.partition("/")[2]


def card_of(name: str) -> str:
    """The card that an artifact is on: its unit, `host/myhost` or `service/web@myhost`."""
    return "/".join(name.split("/", 2)[:2])


def layout(nodes: Sequence[GraphNode], *, everything: bool = False) -> list[Card]:
    """The roots of the forest, each with its children, in the order of the nodes."""
    rows: dict[str, list[CardRow]] = {}
    for node in nodes:
        rows.setdefault(card_of(node.id), []).append(_row(node))
    below: dict[str, list[str]] = {}
    for name, parent in _parents(rows).items():
        below.setdefault(parent, []).append(name)
    return _grow("", below, rows, everything)


def _row(node: GraphNode) -> CardRow:
    facets: dict[str, list[str]] = {}
    for name, facet in node.needs:
        facets.setdefault(name, []).append(facet)
    return CardRow(node.id, node.kind, node.path, tuple((name, tuple(found)) for name, found in facets.items()))


def _parents(rows: dict[str, list[CardRow]]) -> dict[str, str]:
    """The card that each hangs below; a cycle of cards (crosswise certified authorities) is cut."""
    parents: dict[str, str] = {}
    for name, own in rows.items():
        parent = _parent(name, own, rows)
        above = parent
        while above and above != name:
            above = parents.get(above, "")
        parents[name] = "" if above == name else parent
    return parents


def _parent(name: str, rows: Sequence[CardRow], known: Mapping[str, object]) -> str:
    """A service hangs below its host, else what is issued below its issuer, else below the first that it needs."""
    kind, _, rest = name.partition("/")
    host = f"host/{rest.rpartition('@')[2]}"
    if kind == "service" and host in known:
        return host
    if kind == "authority":
        rows = [row for row in rows if row.id == f"{name}/certificate"]
    needed = [card_of(need) for row in rows for need, _ in row.needs]
    others = [one for one in needed if one != name and one in known]
    issuers = [one for one in others if one.startswith("authority/")]
    return next(iter(issuers or others), "")


def _grow(parent: str, below: dict[str, list[str]], rows: dict[str, list[CardRow]], everything: bool) -> list[Card]:
    grown = [
        Card(name, tuple(rows[name]), parent, (), tuple(_grow(name, below, rows, everything)))
        for name in below.get(parent, ())
    ]
    return grown if everything else _together(grown)


def _together(grown: list[Card]) -> list[Card]:
    groups: dict[object, list[Card]] = {}
    for card in grown:
        likeness = card.id if card.kind == "authority" else shape(card, _own_name(card))
        groups.setdefault(likeness, []).append(card)
    kept: list[Card] = []
    for members in groups.values():
        if len(members) < FEWEST:
            kept += members
        else:
            kept.append(replace(members[0], alike=tuple(card.id for card in members[1:])))
    return kept


def _own_name(card: Card) -> str:
    return card.id.partition("/")[2]


def shape(card: Card, name: str) -> object:
    """What makes two cards alike: all but the name of their unit."""
    rows = tuple(
        (_without(row.label, name), row.kind, tuple((_without(need, name), facets) for need, facets in row.needs))
        for row in card.rows
    )
    return (_without(card.id, name), rows, tuple(shape(child, name) for child in card.children), len(card.alike))


def _without(text: str, name: str) -> str:
    parts = text.split("/")
    return "/".join(_mask(part, name) for part in parts)


def _mask(part: str, name: str) -> str:
    if part == name or part.startswith(f"{name}."):
        return f"*{part[len(name) :]}"
    return f"{part[: -len(name)]}*" if part.endswith(f"@{name}") else part


def every(roots: Sequence[Card]) -> list[Card]:
    """All cards, parents before children."""
    found: list[Card] = []
    waiting = list(reversed(roots))
    while waiting:
        card = waiting.pop()
        found.append(card)
        waiting += reversed(card.children)
    return found
