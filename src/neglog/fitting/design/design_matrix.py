"""How a table's columns become the columns of numbers that a model reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from neglog.errors.tables import ColumnNameError, ConstantFeaturesError
from neglog.fitting.design import expansion as expansions
from neglog.fitting.design.column import Column, learn_column, leave_out
from neglog.fitting.design.date_features import DateFeatures
from neglog.fitting.design.expansion import Expansion
from neglog.fitting.tables.factor_levels import text

INTERCEPT = "(intercept)"


@dataclass(frozen=True)
class Design:
    """The columns that a model reads, numbers first, and its treatment of missing values.

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
    dates: tuple[DateFeatures, ...] = ()

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The input columns of the table."""
        return self.columns if self.expansion is None else self.expansion.inputs

    def expanded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `columns`, given `inputs` that are cleaned."""
        return frame if self.expansion is None else self.expansion.of(frame)

    @property
    def names(self) -> list[str]:
        """The names of the encoded columns, in order."""
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
        """Set the replacement of missing numbers: the mean of the training rows."""
        if self.missing != "mean":
            return self
        filled = tuple(
            column if column.levels else replace(column, fill=_mean(training[column.name]))
            for column in self.columns
        )
        return replace(self, columns=filled)

    def filled(self, frame: pl.DataFrame) -> dict[str, tuple[int, float]]:
        """Return the number of missing values of each input, and their replacement."""
        found = {column.name: (frame[column.name].null_count(), column.fill)
                 for column in self.inputs if column.fill is not None}  # fmt: skip
        return {name: gap for name, gap in found.items() if gap[0]}

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of `from_json`."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "missing": self.missing,
            "expansion": None if self.expansion is None else self.expansion.to_json(),
            "written": dict(self.written),
            "dates": [feature.to_json() for feature in self.dates],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Design:
        """Restore a saved design."""
        saved = data["expansion"]
        expansion = None if saved is None else Expansion.from_json(saved)
        columns = tuple(map(Column.from_json, data["columns"]))
        dates = tuple(map(DateFeatures.from_json, data["dates"]))
        return cls(columns, data["missing"], expansion, data["written"], dates)

    def dated(self, frame: pl.DataFrame, start: int = 0) -> pl.DataFrame:
        """Return rows with dates replaced by their parts; `start` is the first row number."""
        for feature in self.dates:
            frame = feature.expanded(frame, start)
        return frame


def learn(
    frame: pl.DataFrame,
    missing: str | None,
    levels: Mapping[str, Sequence[Any]] | None = None,
    labels: Collection[str] = (),
) -> Design:
    """Determine how to encode each column.

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
        Column(column.name, tuple(map(text, known[column.name])))
        if column.name in known
        else learn_column(column, column.name in labels)
        for column in frame
    ]
    return of_columns(columns, missing)


def of_columns(columns: Sequence[Column], missing: str | None) -> Design:
    """Put columns in order, numbers first.

    Raises:
        FitError: there are none, or two would have one name.
    """
    if not columns:
        raise ConstantFeaturesError(
            "the table has no column but the target; a model needs features."
        )
    design = Design(tuple(sorted(columns, key=lambda c: bool(c.levels))), missing)
    if any(name == INTERCEPT for name in design.names):
        raise ColumnNameError(
            f"a column is called {INTERCEPT!r}, as the model's own intercept is; rename it, or "
            f"{leave_out(INTERCEPT)}."
        )
    twice = [name for name, count in Counter(design.names).items() if count > 1]
    if twice:
        raise ColumnNameError(
            f"two columns would both be called {twice[0]!r} once text is encoded; rename one."
        )
    return design


def of_formula(formula: str, design: Design, frame: pl.DataFrame) -> Design:
    """Return the design of a formula.

    Args:
        formula: its text.
        design: of the columns that it reads.
        frame: the training rows of these columns, cleaned.

    Raises:
        FitError: the formula cannot be evaluated, or not saved.
    """
    expansion, columns = expansions.learn(formula, design.columns, frame)
    return replace(of_columns(columns, design.missing), expansion=expansion)


def _mean(values: pl.Series) -> float:
    present = values.drop_nulls()
    return float(present.cast(pl.Float64).to_numpy().mean()) if len(present) else 0.0
