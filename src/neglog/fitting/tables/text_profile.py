"""The profile of a text column, accumulated over parts and processes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from neglog.fitting.tables.numerals import CONVENTIONS, NumberFormat, plain

MOST = 5000
"""How many different texts are kept that are not numbers."""


class RowPosition(NamedTuple):
    """A row: the number of its block, and its position in the block."""

    block: int
    row: int


@dataclass
class Count:
    """The number of rows of a kind, and the first of them."""

    rows: int = 0
    first: RowPosition | None = None
    value: Any = None

    def add(self, block: int, which: pl.Series, values: pl.Series) -> None:
        """Count the rows of a block in a mask."""
        if which.any():
            row = int(which.arg_max() or 0)
            self.merge(Count(int(which.sum()), RowPosition(block, row), values[row]))

    def merge(self, other: Count) -> None:
        """Merge the statistics of other blocks."""
        self.rows += other.rows
        if other.first is not None and (self.first is None or other.first < self.first):
            self.first, self.value = other.first, other.value


@dataclass
class TextProfile:
    """The profile of a text column.

    Attributes:
        present: how many values there are.
        marked: those that are numbers by a convention only, such as 1,000 and $5.
        invalid: those that are not numbers.
        quantities: those among the strange that are numbers with a unit, such as 5 kg.
        others: the different texts that are not numbers, or the first of them.
        dotted: the numbers with a point.
        spelling: how the numbers are written.
        worded: how the numbers with a unit are written.
    """

    present: int = 0
    marked: Count = field(default_factory=Count)
    invalid: Count = field(default_factory=Count)
    quantities: Count = field(default_factory=Count)
    dotted: Count = field(default_factory=Count)
    others: list[str] = field(default_factory=list)
    spelling: NumberFormat = field(default_factory=NumberFormat)
    worded: NumberFormat = field(default_factory=lambda: NumberFormat(worded=True))

    @classmethod
    def by(cls, among: Sequence[str]) -> TextProfile:
        """Return an empty profile for some number conventions."""
        return cls(spelling=NumberFormat(among), worded=NumberFormat(among, worded=True))

    @classmethod
    def of(cls, values: pl.Series, among: Sequence[str] = CONVENTIONS) -> TextProfile:
        """Return the profile of a whole column for some number conventions."""
        found = cls.by(among)
        found.add(0, values, plain(values))
        return found.resolved()

    def resolved(self) -> TextProfile:
        """Return the profile with quantities counted as numbers, if they are numbers.

        They are where every text is a number, and all have one unit, or units whose names are
        common: otherwise they may be codes, such as 3A and 3B, or other labels.
        """
        if not self.quantities.rows or self.quantities.rows < self.invalid.rows:
            return self
        spelling, marked = copy.deepcopy(self.spelling), copy.deepcopy(self.marked)
        spelling.merge(self.worded)
        marked.merge(self.quantities)
        if spelling.mixed_units and not spelling.common_units:
            return self
        return TextProfile(self.present, marked, dotted=self.dotted, spelling=spelling)

    def add(self, block: int, values: pl.Series, numbers: pl.Series) -> None:
        """Add a part of the column; `numbers` is the result of `plain`."""
        texts, known = values, numbers
        if values.null_count():
            there = values.is_not_null()
            texts, known = values.filter(there), numbers.filter(there)
        self.present += len(texts)
        marked, invalid = self.spelling.update(texts, known)
        if len(invalid) and self.quantities.rows == self.invalid.rows:
            found, _ = self.worded.update(invalid, pl.repeat(None, len(invalid), eager=True))
            self.quantities.add(block, values.is_in(found.implode()).fill_null(False), values)
        for count, texts in ((self.marked, marked), (self.invalid, invalid)):
            if len(texts):
                count.add(block, values.is_in(texts.implode()).fill_null(False), values)
        self._add_others(invalid.to_list())
        if self.dotted.first is None and self.spelling.dotted:
            dots = values.str.contains(".", literal=True) & numbers.is_not_null()
            self.dotted.add(block, dots.fill_null(False), values)

    def _add_others(self, texts: list[str]) -> None:
        self.others = list(dict.fromkeys([*self.others, *texts]))[: MOST + 1]

    def merge(self, other: TextProfile) -> None:
        """Merge the profile of other parts."""
        self.present += other.present
        for name in ("marked", "invalid", "quantities", "dotted", "spelling", "worded"):
            getattr(self, name).merge(getattr(other, name))
        self._add_others(other.others)
