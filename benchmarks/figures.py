"""What was measured, against its peer and its limits; as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from processes import Run

Unit = Literal["x", "s", "MB"]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that is allowed: of the ratio (`x`), of the time, or of the memory."""

    value: float
    unit: Unit = "x"

    def __str__(self) -> str:
        return f"{self.value:g}×" if self.unit == "x" else f"{self.value:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: medians of `ours` and, where there is one to compare with, of a peer."""

    name: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    peer_name: str = ""
    unit: Unit = "s"
    goal: Limit | None = None
    milestone: Limit | None = None
    note: str = ""
    processor: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    """Processor time of both, where time was measured."""

    @property
    def value(self) -> float:
        return median(self.ours)

    @property
    def ratio(self) -> float | None:
        return self.value / median(self.peer) if self.peer else None

    def within(self, limit: Limit | None) -> bool | None:
        """Whether the limit is kept; None where there is none, or nothing to compare with."""
        measured = self.ratio if limit is not None and limit.unit == "x" else self.value
        return None if limit is None or measured is None else measured <= limit.value

    @property
    def met(self) -> str:
        """The better of the two limits that is kept."""
        if self.within(self.goal):
            return "goal"
        if self.within(self.milestone):
            return "milestone"
        return "–" if self.within(self.milestone) is None and self.within(self.goal) is None else "no"

    def as_json(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "unit": self.unit,
            "ours": self.value,
            "peer": median(self.peer) if self.peer else None,
            "peer_name": self.peer_name or None,
            "ratio": self.ratio,
            "goal": str(self.goal) if self.goal else None,
            "milestone": str(self.milestone) if self.milestone else None,
            "met": self.met,
            "note": self.note or None,
            "runs": {"ours": self.ours, "peer": self.peer},
            "processor": {"ours": self.processor[0], "peer": self.processor[1]},
        }


def timed(
    name: str,
    ours: Sequence[Run],
    peer: Sequence[Run] = (),
    peer_name: str = "",
    limits: tuple[Limit | None, Limit | None] = (None, None),
    note: str = "",
) -> Figure:
    """How long runs took; `limits` are the goal and the first milestone."""
    seconds = [tuple(one.seconds for one in runs) for runs in (ours, peer)]
    processor = tuple(one.processor for one in ours), tuple(one.processor for one in peer)
    return Figure(name, seconds[0], seconds[1], peer_name, "s", *limits, note, processor)


def megabytes(runs: Sequence[Run]) -> tuple[float, ...]:
    return tuple(one.megabytes for one in runs)


def _amount(value: float, unit: Unit) -> str:
    if unit == "MB":
        return f"{value:.0f} MB"
    if unit == "x":
        return f"{value:.2f}×"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


HEADER = ("figure", "ours", "peer", "ratio", "goal", "milestone", "met")


def row(figure: Figure) -> tuple[str, ...]:
    peer = f"{_amount(median(figure.peer), figure.unit)}  {figure.peer_name}" if figure.peer else figure.note or "–"
    ratio = f"{figure.ratio:.2f}×" if figure.ratio is not None else "–"
    limits = (str(limit) if limit else "–" for limit in (figure.goal, figure.milestone))
    return (figure.name, _amount(figure.value, figure.unit), peer, ratio, *limits, figure.met)


def table(found: Sequence[Figure]) -> str:
    rows = [HEADER, *(row(figure) for figure in found)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
