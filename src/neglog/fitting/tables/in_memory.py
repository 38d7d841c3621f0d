"""In-memory rows: arrays, tensors, data frames of any library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from neglog.errors.tables import ColumnNameError, TableTypeError, TargetNameError
from neglog.fitting.tables import factor_levels
from neglog.fitting.tables.arrays import array_of, objects, series
from neglog.fitting.tables.reading import PLAIN, Reading
from neglog.fitting.tables.table import ARRAYS, Table, checked


def from_memory(
    data: Any, target: Any, name: str | None, reading: Reading = PLAIN
) -> tuple[Table, str]:
    """Convert arrays, tensors or a data frame to a table that includes the target.

    Args:
        data: (N, P) numbers, or a data frame of any library that narwhals knows.
        target: (N,) values, or the name of the column that holds them.
        name: the name of the target.
        reading: how the values are read.

    Raises:
        FitError: the shapes do not belong together, or the target is not said.
    """
    reading.check_applies("memory", "rows that are in memory")
    if isinstance(target, str):
        name, target = target, None
    if target is None and name is None:
        raise TargetNameError("no target given; pass y, or target= with a column's name.")
    frame = frame_of(data)
    if frame is None:
        refuse_others(data)
        table = _of_array(array_of(data), reading)
    else:
        source, levels = (
            "the data frame" if target is None else ARRAYS,
            factor_levels.declared(data),
        )
        table = checked(source, frame, levels=levels, reading=reading)
    if target is not None:
        check_index(data, target)
        return with_column(table, name or "y", target, reading=reading), name or "y"
    assert name is not None
    return replace(table, frame=table.whole(), numbers=None), name


def from_frame(data: Any, reading: Reading = PLAIN) -> Table | None:
    """Convert a data frame to a table; None for other data."""
    frame = frame_of(data)
    if frame is None:
        return None
    return checked("X", frame, levels=factor_levels.declared(data), reading=reading)


def refuse_others(data: Any) -> None:
    """Refuse rows that are neither a frame nor a dense array.

    Raises:
        FitError: they are a dictionary, a list of them, or a sparse matrix.
    """
    if isinstance(data, Mapping):
        raise TableTypeError("X is a dictionary; pass a data frame, such as pandas.DataFrame(X).")
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], Mapping):
        raise TableTypeError("X is a list of dictionaries; pass a data frame: pandas.DataFrame(X).")
    if hasattr(data, "toarray"):
        raise TableTypeError("X is a sparse matrix; pass a dense array, X.toarray().")


def check_index(data: Any, values: Any, argument: str = "y") -> None:
    """Refuse values whose index equals the frame's index in another order.

    Raises:
        FitError: rows and values would be paired by their places, against their labels.
    """
    rows, value_index = (_index_of(one) for one in (data, values))
    if (
        rows is None
        or value_index is None
        or len(rows) != len(value_index)
        or rows.equals(value_index)
    ):
        return
    if rows.is_unique and value_index.is_unique and rows.isin(value_index).all():
        raise TableTypeError(
            f"X and {argument} have the same index in different orders; pass {argument}.loc["
            f"X.index], or {argument}.to_numpy() if their rows correspond as they are."
        )


def _index_of(values: Any) -> Any:
    """Return the index of a pandas-like frame or series; None for others."""
    native = nw.from_native(values, pass_through=True, allow_series=True)
    return nw.maybe_get_index(native) if isinstance(native, (nw.DataFrame, nw.Series)) else None


def with_column(
    table: Table, name: str, values: Any, argument: str = "y", reading: Reading = PLAIN
) -> Table:
    """Return the table with one more column.

    Raises:
        FitError: the table has such a column, or another number of rows.
    """
    if name in (*table.frame.columns, *table.names):
        raise ColumnNameError(
            f"X already has a column {name!r}; pass target= with another name for y."
        )
    column = series(name, values)
    rows = len(table.frame) if table.numbers is None else len(table.numbers)
    if len(column) != rows:
        raise TableTypeError(
            f"X has {rows} rows, but {argument} has {len(column)}; pass as many of both."
        )
    if table.numbers is not None and table.frame.is_empty():
        frame = pl.DataFrame([column])
    else:
        frame = table.frame.with_columns(column)
    declared = factor_levels.of_series(values)
    levels = table.levels if declared is None else {**table.levels, name: declared}
    return checked(table.source, frame, table.numbers, table.notes, levels, reading)


def frame_of(data: Any) -> pl.DataFrame | None:
    """Convert a data frame of any library to polars; None for other data."""
    try:
        return _as_polars(data)
    except (nw.exceptions.DuplicateError, pl.exceptions.DuplicateError):
        raise ColumnNameError("two columns of the data frame have one name; rename one.") from None


def _as_polars(data: Any) -> pl.DataFrame | None:
    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if not isinstance(native, nw.DataFrame):
        return None
    if isinstance(frame := native.to_native(), pl.DataFrame):
        return frame
    return pl.DataFrame([_column(column) for column in native.iter_columns()])


def as_frame_of(frame: pl.DataFrame, data: Any) -> Any:
    """Convert a frame to the library of the input table.

    Args:
        frame: its column row holds their numbers.
        data: the table; for other data the result is a polars frame.
    """
    native = nw.from_native(data, pass_through=True)
    if not isinstance(native, nw.DataFrame) or isinstance(native.to_native(), pl.DataFrame):
        return frame
    columns = {column.name: column.to_list() for column in frame}
    made = nw.from_dict(columns, backend=native.implementation).to_native()
    index = nw.maybe_get_index(native)
    if index is not None:  # pandas and its kin
        made.index = index[frame["row"].to_numpy()]
    return made


def _column(values: Any) -> pl.Series:
    plain = values.dtype.is_numeric() and not values.null_count()
    return series(str(values.name), values.to_numpy() if plain else objects(values.to_list()))


def _of_array(array: np.ndarray[Any, Any], reading: Reading) -> Table:
    """Convert an array: (N, P) numbers unchanged, other types column by column."""
    if array.ndim != 2:
        remedy = "use X.reshape(-1, 1) for a single feature"
        raise TableTypeError(
            f"X must be (rows, features), but its shape is {array.shape}; {remedy}."
        )
    if array.dtype.kind in "biuf" and len(array):
        return Table(ARRAYS, pl.DataFrame(), reading.without_codes(array))
    columns = [series(f"x{j + 1}", array[:, j]) for j in range(array.shape[1])]
    return checked(ARRAYS, pl.DataFrame(columns), reading=reading)
