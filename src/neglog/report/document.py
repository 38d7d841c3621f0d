"""The parts of explanations and reports, for terminals and browsers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from neglog.translation import current

_SHOWN = 0.95  # of the numbers of curves lie within the limits of a plot


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is "good" or "bad" where it is a verdict."""

    words: str
    tone: str = ""


@dataclass(frozen=True)
class Formula:
    """A sympy expression or equation on its own line, and a word on what it is."""

    expression: Any
    label: str = ""


@dataclass(frozen=True)
class Code:
    """Python source as it stands in the package."""

    source: str


@dataclass(frozen=True)
class Cell:
    """An entry of a table that is a verdict: `tone` is "good" or "bad"."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of entries under headers; the caption says how to read them."""

    headers: list[str]
    rows: Sequence[Sequence[str | Cell]]
    title: str = ""
    caption: str = ""

    def cells(self) -> list[list[Cell]]:
        """Return every entry as a `Cell`."""
        return [[e if isinstance(e, Cell) else Cell(e) for e in row] for row in self.rows]


@dataclass(frozen=True)
class Curve:
    """A line through points; numbers that are not finite interrupt it."""

    label: str
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Mark:
    """A marked point of the curve of an index.

    Attributes:
        x: its place.
        y: the same.
        curve: the index of its curve.
        label: words for it, for the legend.
        slope: the gradient, drawn as an arrow in the direction of descent; 0 draws a dot.
    """

    x: float
    y: float
    curve: int = 0
    label: str = ""
    slope: float = 0.0


@dataclass(frozen=True)
class Plot:
    """Curves over a common axis; the caption says how to read them."""

    title: str
    x_label: str
    curves: list[Curve]
    marks: list[Mark] = field(default_factory=list)
    caption: str = ""

    def range(self) -> tuple[float, float]:
        """Return the limits of the vertical axis: without the highest numbers of steep curves."""
        finite = sorted(v for curve in self.curves for v in curve.y if math.isfinite(v))
        marked = [mark.y for mark in self.marks if math.isfinite(mark.y)]
        low, high = min(finite + marked), max([finite[int(_SHOWN * len(finite))], *marked])
        return (low, high) if low < high else (low - 1.0, low + 1.0)


@dataclass(frozen=True)
class Flow:
    """A diagram of steps from top to bottom, and what leads back to the first one."""

    steps: list[str]
    back: str


Part = Text | Formula | Code | Table | Plot | Flow


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A title, a lead and sections, and the language that they are in."""

    title: str
    lead: str
    sections: list[Section]
    language: str = field(default_factory=current)


def number(value: float, digits: int = 4) -> str:
    """Format a number to some significant digits, with a true minus sign and ∞.

    >>> number(-0.00001234), number(float("inf")), number(2.0), number(-0.0)
    ('−1.234e−05', '∞', '2', '0')
    """
    if value == 0:
        return "0"
    return f"{value:.{digits}g}".replace("-", "−").replace("inf", "∞")
