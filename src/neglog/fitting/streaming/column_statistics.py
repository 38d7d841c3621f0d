"""Statistics of one column, accumulated over blocks and processes."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from neglog.fitting.design.column import Column, refuse_type
from neglog.fitting.design.label_checks import MAX_LEVELS, check_levels
from neglog.fitting.tables.factor_levels import has_leading_zeros
from neglog.fitting.tables.numerals import plain
from neglog.fitting.tables.text_profile import Count, TextProfile


@dataclass
class ColumnStatistics:
    """The statistics of a column.

    Attributes:
        kind: its stored type.
        present: how many values there are.
        missing, infinite, negative, zero: values that are not there, or are numbers of which not
            every role of a column allows.
        texts: what the texts show of a column of text.
        padded: whether digits such as 01234 are among them.
        logical: how many texts are true or false, and how many of them true.
        levels: the texts, or those found until they were too many.
        known, total: of the rows that are fitted, how many values there are, and the sum of those
            that are numbers.
    """

    kind: pl.DataType
    present: int = 0
    missing: Count = field(default_factory=Count)
    infinite: Count = field(default_factory=Count)
    negative: Count = field(default_factory=Count)
    zero: Count = field(default_factory=Count)
    texts: TextProfile = field(default_factory=TextProfile)
    padded: bool = False
    logical: int = 0
    levels: set[str] = field(default_factory=set)
    known: int = 0
    total: float = 0.0

    def add(self, block: int, values: pl.Series, fitted: pl.Series) -> None:
        """Add the values of a block; `fitted` masks the training rows."""
        self.missing.add(block, values.is_null(), values)
        self.present += len(values) - values.null_count()
        if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String, pl.Null)):
            return
        numbers = plain(values)
        if values.dtype == pl.String:
            text = values.str.to_lowercase()
            self.padded |= has_leading_zeros(values)
            self.logical += int(text.is_in(["true", "false"]).sum())
            self.texts.add(block, values, numbers)
            self._add_levels(values)
            numbers = numbers.zip_with(numbers.is_not_null(), (text == "true").cast(pl.Float64))
        for count, which in (
            (self.infinite, numbers.is_infinite()),
            (self.negative, numbers < 0),
            (self.zero, numbers == 0),
        ):
            count.add(block, which.fill_null(False), numbers)
        self._add_fitted(values.filter(fitted), numbers.filter(fitted))

    def _add_levels(self, values: pl.Series) -> None:
        if len(self.levels) <= MAX_LEVELS:
            self.levels.update(values.drop_nulls().unique().head(MAX_LEVELS + 1))

    def _add_fitted(self, values: pl.Series, numbers: pl.Series) -> None:
        present = values.drop_nulls()
        self.known += len(present)
        self.total += float(numbers.sum() or 0.0)

    def merge(self, other: ColumnStatistics) -> None:
        """Merge the statistics of other blocks."""
        for name in ("missing", "texts", "infinite", "negative", "zero"):
            getattr(self, name).merge(getattr(other, name))
        for name in ("present", "logical", "known", "total"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.padded |= other.padded
        self.levels |= other.levels

    @property
    def type(self) -> pl.DataType:
        """The type of the column; text that always spells numbers is numeric."""
        if self.kind != pl.String or not (self.texts.invalid.rows or self.texts.marked.rows):
            return pl.Float64() if self.kind == pl.String else self.kind
        return pl.Boolean() if self.logical == self.present else pl.String()

    def column(self, name: str, fill: bool) -> Column:
        """Return the encoding of the column.

        Args:
            name: the column's.
            fill: whether something is to stand for missing values.

        Raises:
            FitError: it can be encoded neither as numbers nor as labels.
        """
        kind = self.type
        if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
            return Column(name, fill=(self.total / max(self.known, 1)) if fill else None)
        if kind != pl.String:
            refuse_type(name, kind)
        levels = sorted(self.levels)
        check_levels(name, levels, self.present + self.missing.rows)
        return Column(name, tuple(levels))
