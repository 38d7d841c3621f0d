"""How a table's columns become the columns of numbers that a model reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting.table import listed

_FEW_LEVELS, _MOST_LEVELS, _ROWS_A_LEVEL = 50, 5000, 20
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        levels: the labels of a column of text, the first of them the base; empty for numbers.
        fill: what stands for a missing value, if something does.
    """

    name: str
    levels: tuple[str, ...] = ()
    fill: float | str | None = None

    def names(self) -> list[str]:
        """Name the columns that the model reads."""
        if not self.levels:
            return [self.name]
        return [f"{self.name}={level}" for level in self.levels[1:]]

    def read(self, values: pl.Series) -> np.ndarray[Any, Any]:
        """Return a cleaned column as numbers; labels as their places among the levels."""
        if self.fill is not None:
            values = values.fill_null(self.fill)
        if not self.levels:
            return values.to_numpy()
        return values.cast(pl.Enum(self.levels)).to_physical().cast(pl.Int64).to_numpy()


@dataclass(frozen=True)
class Design:
    """The columns that a model reads, numbers first, and what it does about missing values.

    Attributes:
        columns: the columns of the table that are used.
        missing: ``"drop"``, ``"mean"``, or None where a missing value is refused.
    """

    columns: tuple[Column, ...]
    missing: str | None

    @property
    def names(self) -> list[str]:
        """Name the encoded columns, in order."""
        return [name for column in self.columns for name in column.names()]

    @property
    def numbers(self) -> list[Column]:
        """The columns of numbers."""
        return [column for column in self.columns if not column.levels]

    @property
    def labels(self) -> list[Column]:
        """The columns of labels."""
        return [column for column in self.columns if column.levels]

    def with_fills(self, training: pl.DataFrame) -> Design:
        """Note what stands for missing values: the training rows' mean, or commonest level."""
        if self.missing != "mean":
            return self
        filled = tuple(replace(c, fill=_typical(training[c.name], c)) for c in self.columns)
        return replace(self, columns=filled)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        columns = [{"name": c.name, "levels": c.levels, "fill": c.fill} for c in self.columns]
        return {"columns": columns, "missing": self.missing}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Design:
        """Return the design that was saved."""
        columns = tuple(Column(c["name"], tuple(c["levels"]), c["fill"]) for c in data["columns"])
        return cls(columns, data["missing"])


def learn(frame: pl.DataFrame, missing: str | None) -> Design:
    """Find out how each column is to be encoded.

    Raises:
        FitError: a column can be encoded neither as numbers nor as labels.
    """
    if not frame.width:
        raise FitError("the table has no column but the target; a model needs features.")
    columns = sorted((_column(column) for column in frame), key=lambda c: bool(c.levels))
    design = Design(tuple(columns), missing)
    twice = [name for name, count in Counter(design.names).items() if count > 1]
    if twice:
        raise FitError(
            f"two columns would both be called {twice[0]!r} once text is encoded; rename one."
        )
    return design


def _column(values: pl.Series) -> Column:
    name, kind = values.name, values.dtype
    if kind.is_numeric() or kind in (pl.Boolean, pl.Null):
        return Column(name)
    remedy = f"leave it out with --drop {name!r} (drop=[{name!r}])"
    if kind != pl.String:
        raise FitError(f"column {name!r} is of type {kind}: turn it into numbers, or {remedy}.")
    _refuse_numbers_among_text(values)
    levels = sorted(values.drop_nulls().unique())
    most = min(max(_FEW_LEVELS, len(values) // _ROWS_A_LEVEL), _MOST_LEVELS)
    if len(levels) > _FEW_LEVELS and all(map(_DATE.match, levels)):
        raise FitError(
            f"column {name!r} holds dates, such as {levels[0]!r}: turn them into numbers, such as "
            f"days since the first, or {remedy}."
        )
    if len(levels) > most:
        raise FitError(
            f"column {name!r} holds {len(levels)} different texts, such as {levels[0]!r}: more "
            f"than the {most} that are encoded as labels of so many rows; {remedy}."
        )
    return Column(name, tuple(levels))


def _refuse_numbers_among_text(values: pl.Series) -> None:
    numbers = values.cast(pl.Float64, strict=False)
    strange = numbers.is_null() & values.is_not_null()
    if 2 * int(strange.sum()) >= len(values) - values.null_count():
        return
    first = int(strange.arg_max() or 0)
    raise FitError(
        f"column {values.name!r} holds numbers, but {strange.sum()} values are text, the first "
        f"{values[first]!r} in row {first} (from 0); mend them or leave them empty."
    )


def _typical(values: pl.Series, column: Column) -> float | str | None:
    present = values.drop_nulls()
    if present.is_empty():
        return column.levels[0] if column.levels else 0.0
    if column.levels:
        return str(present.mode().sort()[0])
    return float(present.cast(pl.Float64).to_numpy().mean())


def cleaned(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the columns that are used, numbers as float64, labels as text.

    Raises:
        FitError: a column is missing, holds what it did not hold before, or infinite values.
    """
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise FitError(
            f"the table lacks {listed([repr(name) for name in absent])}, which the model reads; "
            f"it has {listed(frame.columns)}."
        )
    return pl.DataFrame([_clean(frame[column.name], column) for column in columns])


def _clean(values: pl.Series, column: Column) -> pl.Series:
    if column.levels:
        return _labels(values, column)
    if values.dtype == pl.String and values.null_count() < len(values):
        first = int(values.is_not_null().arg_max() or 0)
        raise FitError(
            f"column {column.name!r} must hold numbers, as when the model was fitted, but row "
            f"{first} (from 0) holds {values[first]!r}."
        )
    numbers = values.cast(pl.Float64)
    infinite = numbers.is_infinite().fill_null(False)
    if infinite.any():
        raise FitError(
            f"column {column.name!r} holds {infinite.sum()} infinite values, the first in row "
            f"{infinite.arg_max()} (from 0); replace them or leave out the column."
        )
    return numbers


def _labels(values: pl.Series, column: Column) -> pl.Series:
    text = values.cast(pl.String)
    strange = text.is_not_null() & ~text.is_in(column.levels)
    if strange.any():
        first = int(strange.arg_max() or 0)
        raise FitError(
            f"column {column.name!r} holds the level {text[first]!r} in row {first} (from 0), "
            f"which was not there when the model was fitted; it knows "
            f"{listed(list(column.levels))}."
        )
    return text
