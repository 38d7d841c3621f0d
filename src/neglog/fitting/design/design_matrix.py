"""How a table's columns become the columns of numbers that a model reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting.design.date_features import Moments
from neglog.fitting.design.label_checks import check_levels
from neglog.fitting.inference.coefficients import INTERCEPT
from neglog.fitting.tables import date_text as dates
from neglog.fitting.tables.factor_levels import shown, text, texts
from neglog.fitting.tables.table import listed

if TYPE_CHECKING:
    from neglog.fitting.design.expansion import Expansion


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
        """Return what `from_json` needs."""
        return {"name": self.name, "levels": self.levels, "fill": self.fill}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        """Return the column that was saved."""
        return cls(data["name"], tuple(data["levels"]), data["fill"])


@dataclass(frozen=True)
class Design:
    """The columns that a model reads, numbers first, and what it does about missing values.

    Attributes:
        columns: the columns of the table that are used, or those that a formula makes of it.
        missing: ``"drop"``, ``"mean"``, or None where a missing value is refused.
        expansion: how the formula makes them; None without a formula.
        written: the marks of thousands and decimals in columns of text that hold numbers.
        dates: how columns of dates become others, which `columns` reads.
    """

    columns: tuple[Column, ...]
    missing: str | None
    expansion: Expansion | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    dates: tuple[Moments, ...] = ()

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns of the table that are read."""
        return self.columns if self.expansion is None else self.expansion.inputs

    def expanded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `columns`, given `inputs` that are cleaned."""
        return frame if self.expansion is None else self.expansion.of(frame)

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
        """Note what stands for a missing number: the training rows' mean."""
        if self.missing != "mean":
            return self
        filled = tuple(
            column if column.levels else replace(column, fill=_mean(training[column.name]))
            for column in self.columns
        )
        return replace(self, columns=filled)

    def filled(self, frame: pl.DataFrame) -> dict[str, tuple[int, float]]:
        """Return how many values of each input are missing in rows, and what stands for them."""
        found = {column.name: (frame[column.name].null_count(), column.fill)
                 for column in self.inputs if column.fill is not None}  # fmt: skip
        return {name: gap for name, gap in found.items() if gap[0]}

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "missing": self.missing,
            "expansion": None if self.expansion is None else self.expansion.to_json(),
            "written": dict(self.written),
            "dates": [own.to_json() for own in self.dates],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Design:
        """Return the design that was saved."""
        from neglog.fitting.design.expansion import Expansion

        saved = data["expansion"]
        expansion = None if saved is None else Expansion.from_json(saved)
        columns = tuple(map(Column.from_json, data["columns"]))
        dates = tuple(map(Moments.from_json, data["dates"]))
        return cls(columns, data["missing"], expansion, data["written"], dates)

    def dated(self, frame: pl.DataFrame, start: int = 0) -> pl.DataFrame:
        """Return a table's rows with the parts of dates; `start` is the first row's number."""
        for own in self.dates:
            frame = own.expanded(frame, start)
        return frame


def learn(
    frame: pl.DataFrame,
    missing: str | None,
    levels: Mapping[str, Sequence[Any]] | None = None,
    labels: Collection[str] = (),
) -> Design:
    """Find out how each column is to be encoded.

    Args:
        frame: the columns.
        missing: what becomes of missing values.
        levels: the levels of the columns for which they are known, in order.
        labels: columns that are labels however many levels they have.

    Raises:
        FitError: a column can be encoded neither as numbers nor as labels.
    """
    known = levels or {}
    columns = [
        Column(own.name, tuple(map(text, known[own.name])))
        if own.name in known
        else _column(own, own.name in labels)
        for own in frame
    ]
    return of_columns(columns, missing)


def of_columns(columns: Sequence[Column], missing: str | None) -> Design:
    """Put columns in order, numbers first.

    Raises:
        FitError: there are none, or two would have one name.
    """
    if not columns:
        raise FitError("the table has no column but the target; a model needs features.")
    design = Design(tuple(sorted(columns, key=lambda c: bool(c.levels))), missing)
    if any(name == INTERCEPT for name in design.names):
        raise FitError(
            f"a column is called {INTERCEPT!r}, as the model's own intercept is; rename it, or "
            f"{leave_out(INTERCEPT)}."
        )
    twice = [name for name, count in Counter(design.names).items() if count > 1]
    if twice:
        raise FitError(
            f"two columns would both be called {twice[0]!r} once text is encoded; rename one."
        )
    return design


def _column(values: pl.Series, unlimited: bool = False) -> Column:
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
    """Refuse a column that is neither numbers nor text."""
    if kind.is_temporal():
        dates.refuse(name, kind)
    raise FitError(
        f"column {name!r} is of type {kind}: turn it into numbers, or {leave_out(name)}."
    )


def refuse_infinite(name: str, count: int, row: int) -> NoReturn:
    """Refuse a column with infinite values."""
    raise FitError(
        f"column {name!r} holds {count} infinite values, the first in row "
        f"{row} (from 0); replace them or leave out the column."
    )


def leave_out(name: str) -> str:
    """Say how a column is left out."""
    return f"leave it out with --drop {name!r} (drop=[{name!r}])"


def _mean(values: pl.Series) -> float:
    present = values.drop_nulls()
    return float(present.cast(pl.Float64).to_numpy().mean()) if len(present) else 0.0


def cleaned(frame: pl.DataFrame, columns: Sequence[Column], start: int = 0) -> pl.DataFrame:
    """Return the columns that are used, numbers as float64, labels as text.

    Args:
        frame: the table, or some rows of it.
        columns: those that are used.
        start: the number of the first row in the table.

    Raises:
        FitError: a column is missing, holds what it did not hold before, or infinite values.
    """
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise FitError(
            f"the table lacks {listed([repr(name) for name in absent])}, which the model reads; "
            f"it has {listed(frame.columns)}."
        )
    return pl.DataFrame([_clean(frame[column.name], column, start) for column in columns])


def _clean(values: pl.Series, column: Column, start: int) -> pl.Series:
    if column.levels:
        return _labels(values, column, start)
    if values.dtype == pl.String and values.null_count() < len(values):
        first = int(values.is_not_null().arg_max() or 0)
        raise FitError(
            f"column {column.name!r} must hold numbers, as when the model was fitted, but row "
            f"{start + first} (from 0) holds {values[first]!r}."
        )
    numbers = values.cast(pl.Float64)
    infinite = numbers.is_infinite().fill_null(False)
    if infinite.any():
        refuse_infinite(column.name, int(infinite.sum()), start + int(infinite.arg_max() or 0))
    return numbers


def _labels(values: pl.Series, column: Column, start: int) -> pl.Series:
    own = texts(values)
    strange = own.is_not_null() & ~own.is_in(column.levels)
    if strange.any():
        first = int(strange.arg_max() or 0)
        raise FitError(
            f"column {column.name!r} holds the level {own[first]!r} in row {start + first} (from "
            f"0), which was not there when the model was fitted; it knows "
            f"{listed(list(column.levels))}; mend it, or predict with --unseen base or --unseen "
            "missing."
        )
    return own
