"""The graph drawn as SVG, without any other program: columns of cards, issuers on the left of what they issue.

Every card lists its artifacts. Lines within a card run along its right edge; between cards they are curves, one for
every pair of artifact and card, so that a service that reads five files of its host has five lines and no tangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pkibuild.core.values import Record
from pkibuild.views.graph.cards import Card, card_of, every
from pkibuild.views.terminal import visible, width

_ROW = 22
_HEAD = 34
_PAD = 8
_GAP_X = 96
_GAP_Y = 22
_MARGIN = 28
_CHARACTER = 7.0
_FEWEST_COLUMNS = 20
_COLOURS = {
    "authority": ("#4338ca", "#eef2ff"),
    "host": ("#0f766e", "#f0fdfa"),
    "certificate": ("#0369a1", "#f0f9ff"),
    "service": ("#b45309", "#fffbeb"),
    "trust": ("#be185d", "#fdf2f8"),
}
_OTHER = ("#475569", "#f8fafc")
_DOTS = {"key": "#dc2626", "certificate": "#16a34a", "crl": "#7c3aed", "crl-der": "#7c3aed", "config": "#d97706"}
_OTHER_DOT = "#0284c7"


class Box(Record):
    """A placed card; lengths in SVG user units."""

    card: Card
    x: float
    y: float
    width: float
    height: float

    def row_y(self, number: int) -> float:
        return self.y + _HEAD + _PAD / 2 + number * _ROW + _ROW / 2


def text(roots: Sequence[Card]) -> str:
    """An SVG document that stands alone."""
    boxes = place(roots)
    right = max((box.x + box.width for box in boxes), default=0.0) + _MARGIN
    bottom = max((box.y + box.height for box in boxes), default=0.0) + _MARGIN
    rows = _row_index(boxes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:.0f} {bottom:.0f}" width="{right:.0f}" '
        f'height="{bottom:.0f}" font-family="system-ui, sans-serif" font-size="12">',
        "<title>Dependency graph</title>",
        f'<rect width="{right:.0f}" height="{bottom:.0f}" fill="#ffffff"/>',
        *_between(boxes, rows),
        *(part for box in boxes for part in _box(box)),
        *_within(boxes, rows),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# -- placing ------------------------------------------------------------------------


def place(roots: Sequence[Card]) -> list[Box]:
    """Columns by depth; every parent stands in the middle of its children, and no two cards overlap."""
    depths = _depths(roots)
    cards = every(roots)
    widths = [0.0] * (max(depths.values(), default=-1) + 1)
    for card in cards:
        widths[depths[card.id]] = max(widths[depths[card.id]], _width(card))
    lefts = [_MARGIN + sum(widths[:depth]) + depth * _GAP_X for depth in range(len(widths))]
    tops = _tops(roots)
    return [Box(card, lefts[depths[card.id]], tops[card.id], widths[depths[card.id]], _height(card)) for card in cards]


def _depths(roots: Sequence[Card]) -> dict[str, int]:
    depths: dict[str, int] = {}
    waiting = [(card, 0) for card in roots]
    while waiting:
        card, depth = waiting.pop()
        depths[card.id] = depth
        waiting += [(child, depth + 1) for child in card.children]
    return depths


def _width(card: Card) -> float:
    longest = max((width(visible(row.label)) for row in card.rows), default=0)
    # The title is bold, and its kind stands before it in small letters.
    return max(_FEWEST_COLUMNS, longest + 6, 1.2 * width(_title(card)) + len(card.kind) + 4) * _CHARACTER


def _height(card: Card) -> float:
    return _HEAD + len(card.rows) * _ROW + _PAD


def _stack(card: Card) -> float:
    """What a card with others behind it takes more."""
    return 8.0 if card.alike else 0.0


def _tops(roots: Sequence[Card]) -> dict[str, float]:
    tops: dict[str, float] = {}
    below = float(_MARGIN)
    for card in roots:
        below = _put(card, below, tops) + _GAP_Y
    return tops


def _put(card: Card, top: float, tops: dict[str, float]) -> float:
    """Place a card and its children from `top` on; the lower end of both."""
    end = top
    for child in card.children:
        end = _put(child, end, tops) + _GAP_Y
    if card.children:
        end -= _GAP_Y
    height = _height(card) + _stack(card)
    spare = max(0.0, end - top - height)
    tops[card.id] = top + spare / 2 if len(card.children) > 1 else top
    return max(end, top + height)


# -- drawing ------------------------------------------------------------------------


def _title(card: Card) -> str:
    return f"{visible(card.title)} × {len(card.alike) + 1}" if card.alike else visible(card.title)


def _box(box: Box) -> list[str]:
    card = box.card
    dark, light = _COLOURS.get(card.kind, _OTHER)
    at = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="8"'
    parts = [f"<g><title>{_x(_tooltip(card))}</title>"]
    for shift in (8, 4) if card.alike else ():
        parts.append(
            f'<rect {at} transform="translate({shift} {shift})" fill="{light}" stroke="{dark}" opacity="0.5"/>'
        )
    parts.append(f'<rect {at} fill="#ffffff" stroke="{dark}" stroke-width="1.4"/>')
    parts.append(
        f'<path d="M{box.x:.1f} {box.y + _HEAD - 4:.1f}v-{_HEAD - 12}a8 8 0 0 1 8 -8h{box.width - 16:.1f}'
        f'a8 8 0 0 1 8 8v{_HEAD - 12}z" fill="{dark}"/>'
    )
    middle = box.y + _HEAD / 2 + 2
    parts.append(
        f'<text x="{box.x + 12:.1f}" y="{middle:.1f}" fill="#ffffff"><tspan font-size="10" opacity="0.8">'
        f'{_x(card.kind)}</tspan><tspan dx="6" font-weight="600">{_x(_title(card))}</tspan></text>'
    )
    for number, row in enumerate(card.rows):
        y = box.row_y(number)
        dot = _DOTS.get(row.kind, _OTHER_DOT)
        parts.append(
            f'<g><title>{_x(row.path or row.id)}</title><circle cx="{box.x + 14:.1f}" cy="{y:.1f}" r="3.5" '
            f'fill="{dot}"/><text x="{box.x + 24:.1f}" y="{y + 4:.1f}" fill="#1e293b">{_x(row.label)}</text></g>'
        )
    return [*parts, "</g>"]


def _tooltip(card: Card) -> str:
    return "\n".join([card.id, *card.alike]) if len(card.alike) < 20 else f"{card.id} … {card.alike[-1]}"


def _x(value: str) -> str:
    return escape("\n".join(visible(line) for line in value.split("\n")), quote=True)


def _row_index(boxes: Sequence[Box]) -> dict[str, tuple[Box, int]]:
    return {row.id: (box, number) for box in boxes for number, row in enumerate(box.card.rows)}


def _between(boxes: Sequence[Box], rows: dict[str, tuple[Box, int]]) -> list[str]:
    """Curves from an artifact to the rows of other cards that need it."""
    parts: list[str] = []
    for box in boxes:
        for number, row in enumerate(box.card.rows):
            for need, facets in row.needs:
                if need in rows and card_of(need) != box.card.id:
                    parts.append(_curve(*rows[need], box, number, f"{need} ({', '.join(facets)}) → {row.id}"))
    return parts


def _curve(source: Box, source_row: int, target: Box, target_row: int, told: str) -> str:
    colour = _COLOURS.get(source.card.kind, _OTHER)[0]
    x1, y1 = source.x + source.width, source.row_y(source_row)
    x2, y2 = target.x, target.row_y(target_row)
    if x2 <= x1:  # not in a column to the right: around the right side
        x2 = target.x + target.width
        bend = max(x1, x2) + _GAP_X / 2
        path = f"M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        middle = x2 - _GAP_X / 2
        path = f"M{x1:.1f} {y1:.1f}H{x2 - _GAP_X:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.45" stroke-width="1.2">'
        f"<title>{_x(told)}</title></path>"
        f'<circle cx="{x2:.1f}" cy="{y2:.1f}" r="2" fill="{colour}"/>'
    )


def _within(boxes: Sequence[Box], rows: dict[str, tuple[Box, int]]) -> list[str]:
    """Arcs along a card's right edge, from an artifact to those below it that need it."""
    parts: list[str] = []
    for box in boxes:
        for number, row in enumerate(box.card.rows):
            for need, facets in row.needs:
                if need not in rows or card_of(need) != box.card.id or need == row.id:
                    continue
                y1, y2 = box.row_y(rows[need][1]), box.row_y(number)
                edge = box.x + box.width - 6
                deep = min(22.0, 6 + abs(number - rows[need][1]) * 3.0)
                told = _x(f"{need} ({', '.join(facets)}) → {row.id}")
                parts.append(
                    f'<path d="M{edge:.1f} {y1:.1f}C{edge - deep:.1f} {y1:.1f} {edge - deep:.1f} {y2:.1f} {edge:.1f} '
                    f'{y2:.1f}" fill="none" stroke="#94a3b8" stroke-width="1"><title>{told}</title></path>'
                    f'<circle cx="{edge:.1f}" cy="{y2:.1f}" r="1.8" fill="#94a3b8"/>'
                )
    return parts
