"""What the texts of a column show, part by part, and added up over processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from neglog.fitting.tables.numerals import CONVENTIONS, Spelling, plain

MOST = 5000
"""How many different texts are kept that are not numbers."""


class Place(NamedTuple):
    """A row: the number of its block, and its own within that."""

    block: int
    row: int


@dataclass
class Count:
    """How many rows are of a kind, and the first of them."""

    rows: int = 0
    first: Place | None = None
    value: Any = None

    def add(self, block: int, which: pl.Series, values: pl.Series) -> None:
        """Count the rows of a block for which a mask is True."""
        if which.any():
            row = int(which.arg_max() or 0)
            self.merge(Count(int(which.sum()), Place(block, row), values[row]))

    def merge(self, other: Count) -> None:
        """Add what other blocks have shown."""
        self.rows += other.rows
        if other.first is not None and (self.first is None or other.first < self.first):
            self.first, self.value = other.first, other.value


@dataclass
class Texts:
    """What is known of a column of text.

    Attributes:
        present: how many values there are.
        marked: those that are numbers by a convention only, such as 1,000 and $5.
        strange: those that are not numbers.
        others: the different texts that are not numbers, or the first of them.
        dotted: the numbers with a point.
        spelling: how the numbers are written.
    """

    present: int = 0
    marked: Count = field(default_factory=Count)
    strange: Count = field(default_factory=Count)
    dotted: Count = field(default_factory=Count)
    others: list[str] = field(default_factory=list)
    spelling: Spelling = field(default_factory=Spelling)

    @classmethod
    def of(cls, values: pl.Series, among: Sequence[str] = CONVENTIONS) -> Texts:
        """Return what a whole column shows; numbers are written by one of some conventions."""
        found = cls(spelling=Spelling(among))
        found.add(0, values, plain(values))
        return found

    def add(self, block: int, values: pl.Series, numbers: pl.Series) -> None:
        """Look at a part of the column; `numbers` is what `plain` reads of it."""
        texts, known = values, numbers
        if values.null_count():
            there = values.is_not_null()
            texts, known = values.filter(there), numbers.filter(there)
        self.present += len(texts)
        marked, strange = self.spelling.look(texts, known)
        for count, texts in ((self.marked, marked), (self.strange, strange)):
            if len(texts):
                count.add(block, values.is_in(texts.implode()).fill_null(False), values)
        self._add_others(strange.to_list())
        if self.dotted.first is None and self.spelling.dotted:
            dots = values.str.contains(".", literal=True) & numbers.is_not_null()
            self.dotted.add(block, dots.fill_null(False), values)

    def _add_others(self, texts: list[str]) -> None:
        self.others = list(dict.fromkeys([*self.others, *texts]))[: MOST + 1]

    def merge(self, other: Texts) -> None:
        """Add what other parts have shown."""
        self.present += other.present
        for name in ("marked", "strange", "dotted", "spelling"):
            getattr(self, name).merge(getattr(other, name))
        self._add_others(other.others)
