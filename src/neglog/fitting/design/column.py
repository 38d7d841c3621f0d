"""A column of a table, and its values as a model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import polars as pl

from neglog.errors import listed
from neglog.errors.options import PredictionError
from neglog.errors.tables import ColumnTypeError
from neglog.fitting.design.label_checks import check_levels
from neglog.fitting.tables import date_text as dates
from neglog.fitting.tables.factor_levels import shown, text, texts
from neglog.fitting.tables.numerals import plain

LEAVE_OUT = "leave it out with --drop {name!r} (drop=[{name!r}])"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        levels: the labels of a column of text, the first of them the base; empty for numbers.
        fill: what stands for a missing number, if something does.
    """

    name: str
    levels: tuple[str, ...] = ()
    fill: float | None = None

    def names(self) -> list[str]:
        """Name the columns that the model reads."""
        if not self.levels:
            return [shown(self.name)]
        return [f"{shown(self.name)}={shown(level)}" for level in self.levels[1:]]

    def read(self, values: pl.Series) -> np.ndarray[Any, Any]:
        """Return a cleaned column as numbers; labels as their places among the levels."""
        if self.fill is not None:
            values = values.fill_null(self.fill)
        if not self.levels:
            return values.to_numpy()
        # Of 16 bits where the levels fit, as a table may have many such columns.
        kind = pl.Int16 if len(self.levels) < 2**15 else pl.Int32
        return values.cast(pl.Enum(self.levels)).to_physical().cast(kind).to_numpy()

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of `from_json`."""
        return {"name": self.name, "levels": self.levels, "fill": self.fill}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        """Restore a saved column."""
        return cls(data["name"], tuple(data["levels"]), data["fill"])


def learn_column(values: pl.Series, unlimited: bool = False) -> Column:
    """Determine how to encode a column.

    Args:
        values: the column.
        unlimited: whether it may have any number of labels.

    Raises:
        FitError: it can be encoded neither as numbers nor as labels.
    """
    name, kind = values.name, values.dtype
    if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        return Column(name)
    if kind != pl.String and not (unlimited and kind.is_temporal()):
        refuse_type(name, kind)
    levels = [text(label) for label in sorted(values.drop_nulls().unique())]
    if not unlimited:
        check_levels(name, levels, len(values))
    return Column(name, tuple(levels))


def refuse_type(name: str, kind: Any) -> NoReturn:
    """Refuse a column that holds neither numbers nor text."""
    if kind.is_temporal():
        dates.refuse(name, kind)
    raise ColumnTypeError(
        f"column {name!r} is of type {kind}: turn it into numbers, or {leave_out(name)}."
    )


def refuse_infinite(name: str, count: int, row: int) -> NoReturn:
    """Refuse a column with infinite values."""
    raise ColumnTypeError(
        f"column {name!r} holds {count} infinite values, the first in row "
        f"{row} (from 0); replace them or leave out the column."
    )


def leave_out(name: str) -> str:
    """Return the option that drops a column."""
    return LEAVE_OUT.format(name=name)


def cleaned(frame: pl.DataFrame, columns: Sequence[Column], start: int = 0) -> pl.DataFrame:
    """Return the used columns: numbers as float64, labels as text.

    Args:
        frame: the table, or some rows of it.
        columns: those that are used.
        start: the number of the first row in the table.

    Raises:
        FitError: a column is missing, holds what it did not hold before, or infinite values.
    """
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise PredictionError(
            f"the table lacks {listed([repr(name) for name in absent])}, which the model reads; "
            f"it has {listed(frame.columns)}."
        )
    return pl.DataFrame([_clean(frame[column.name], column, start) for column in columns])


def _clean(values: pl.Series, column: Column, start: int) -> pl.Series:
    if column.levels:
        return _labels(values, column, start)
    if values.dtype == pl.String and values.null_count() < len(values):
        invalid = values.is_not_null() & plain(values).is_null()
        first = int((invalid if invalid.any() else values.is_not_null()).arg_max() or 0)
        raise PredictionError(
            f"column {column.name!r} must hold numbers, as when the model was fitted, but row "
            f"{start + first} (from 0) holds {values[first]!r}; correct it, or pass --na "
            f"{values[first]!r} if it is a missing value."
        )
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String, pl.Null)):
        raise PredictionError(
            f"column {column.name!r} must hold numbers, as when the model was fitted, but is of "
            f"type {values.dtype}."
        )
    numbers = values.cast(pl.Float64)
    infinite = numbers.is_infinite().fill_null(False)
    if infinite.any():
        refuse_infinite(column.name, int(infinite.sum()), start + int(infinite.arg_max() or 0))
    return numbers


def _labels(values: pl.Series, column: Column, start: int) -> pl.Series:
    labels = texts(values)
    invalid = labels.is_not_null() & ~labels.is_in(column.levels)
    if invalid.any():
        first = int(invalid.arg_max() or 0)
        raise PredictionError(
            f"column {column.name!r} holds the level {labels[first]!r} in row {start + first} "
            f"(from 0), which was not there when the model was fitted; it knows "
            f"{listed(list(column.levels))}; correct it, or predict with --unseen base or "
            "--unseen missing."
        )
    return labels
