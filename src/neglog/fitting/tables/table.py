"""A table of named columns, from a file or an embedded data set."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import listed
from neglog.errors.options import FitOptionError
from neglog.errors.tables import ColumnNameError, RowsError
from neglog.fitting.tables import factor_levels
from neglog.fitting.tables.arrays import series
from neglog.fitting.tables.numerals import may_have_thousands
from neglog.fitting.tables.reading import PLAIN, Reading

ARRAYS = "the arrays"
"""The source of a table whose columns had no names."""
DEMOS = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}


@dataclass(frozen=True)
class Table:
    """Named columns and the name of their source.

    Attributes:
        frame: the columns.
        numbers: (N, P) columns called x1, x2, …, that are kept as the array that they came as;
            None where all are in the frame.
        notes: how the columns were read, each a sentence.
        levels: the levels of columns of labels, in the order that the table declares.
        comma: whether decimal commas are likelier than points, as where semicolons separate values.
    """

    source: str
    frame: pl.DataFrame
    numbers: np.ndarray[Any, Any] | None = None
    notes: tuple[str, ...] = ()
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    comma: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the columns of `numbers`."""
        width = 0 if self.numbers is None else self.numbers.shape[1]
        return [f"x{j + 1}" for j in range(width)]

    def whole(self) -> pl.DataFrame:
        """Return all columns as one frame."""
        if self.numbers is None:
            return self.frame
        columns = [series(name, x) for name, x in zip(self.names, self.numbers.T, strict=True)]
        return pl.DataFrame(columns).fill_nan(None).hstack(self.frame.get_columns())

    def column(self, name: str) -> pl.Series:
        """Return a column; the error for an unknown name lists the columns."""
        if name not in self.frame.columns:
            known = self.frame.columns
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {listed(known)}."
            if all(map(_is_number, known)) and self.source != ARRAYS:
                hint += " They look like values: begin the table with a line of column names."
            raise ColumnNameError(f"{self.source} has no column {name!r}; {hint}")
        return self.frame[name]


def _is_number(name: str) -> bool:
    """Return whether a name is a number, except the small whole numbers that pandas assigns."""
    return not name.isdigit() and not pl.Series([name]).cast(pl.Float64, strict=False).has_nulls()


def read_demo(name: str) -> tuple[Table, str]:
    """Return one of scikit-learn's embedded tables, and its target name."""
    if name not in DEMOS:
        raise FitOptionError(f"there is no demo {name!r}; choose one of {listed(list(DEMOS))}.")
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    data = getattr(datasets, f"load_{name}")(**options)
    columns = {str(key): data.data[:, j] for j, key in enumerate(data.feature_names)}
    target = data.target
    if name in ("iris", "wine", "breast_cancer"):
        target = data.target_names[target].astype(str)
    frame = pl.DataFrame({**columns, DEMOS[name]: target})
    return Table(f"scikit-learn's {name}", frame), DEMOS[name]


def checked(
    source: str,
    frame: pl.DataFrame,
    numbers: Any = None,
    notes: Sequence[str] = (),
    levels: Mapping[str, tuple[Any, ...]] | None = None,
    reading: Reading = PLAIN,
) -> Table:
    """Refuse an empty table, and unify column types."""
    if frame.is_empty():
        raise RowsError(f"{source} has no rows; it needs some below its column names.")
    if "" in frame.columns:  # as pandas writes its index
        frame = frame.rename({"": f"column {frame.columns.index('') + 1}"})
    frame, levels = reading.without_missing(unified(frame)), levels or {}
    if numbers is not None:
        numbers = reading.without_codes(numbers)
    kept = {*levels, *reading.texts}
    padded = [c.name for c in frame if c.name not in kept and factor_levels.has_leading_zeros(c)]
    frame = frame.with_columns(
        number_where_text_is_one(column) for column in frame if column.name not in kept
    )
    padded = [name for name in padded if frame[name].dtype.is_numeric()]
    notes = (*notes, *factor_levels.zeros_lost(padded))
    return Table(source, frame, numbers, notes, levels)


def unified(frame: pl.DataFrame) -> pl.DataFrame:
    """Unify column types; non-finite placeholders are missing."""
    kinds = pl.selectors
    frame = frame.with_columns(
        (kinds.decimal() | kinds.float()).cast(pl.Float64),
        (kinds.categorical() | kinds.enum()).cast(pl.String),
    )
    return frame.with_columns(
        c.fill_nan(None) for c in frame.select(kinds.float()) if _is_mixed_type(c)
    )


def _is_mixed_type(column: pl.Series) -> bool:
    return column.is_nan().any()


def number_where_text_is_one(column: pl.Series) -> pl.Series:
    """Convert text such as 1e5 or inf to numbers if the whole column is numeric.

    Text such as 1.234, which may be 1234, stays until the other columns are known.
    """
    if column.dtype != pl.String or may_have_thousands(column):
        return column
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else column
