"""The parts of explanations and reports, for terminals and browsers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


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


Part = Text | Formula | Code | Table


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A title, a lead and sections."""

    title: str
    lead: str
    sections: list[Section]


def number(value: float, digits: int = 4) -> str:
    """Format a number to some significant digits, with a true minus sign and ∞.

    >>> number(-0.00001234), number(float("inf")), number(2.0), number(-0.0)
    ('−1.234e−05', '∞', '2', '0')
    """
    if value == 0:
        return "0"
    return f"{value:.{digits}g}".replace("-", "−").replace("inf", "∞")
