"""Frames with columns of labels, as scikit-learn's estimators read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from neglog.errors.options import PredictionError
from neglog.errors.tables import MissingValueError, TargetError
from neglog.fitting.design.column import cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.label_checks import refuse_signs
from neglog.fitting.design.missing import keep
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables import date_text as dates
from neglog.fitting.tables import factor_levels, text_numbers
from neglog.fitting.tables.arrays import array_of, objects, plain, series
from neglog.fitting.tables.in_memory import from_frame
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.table import Table
from neglog.fitting.tables.text_profile import TextProfile


def with_labels(X: Any, options: Options) -> Table | None:
    """Return a frame as a table if it needs the options of one; None for numbers and arrays."""
    table = from_frame(X, options.reading)
    if table is None:
        return None
    labels = {*table.levels, *options.texts, *options.date_parts}
    others = [kind for kind in table.frame.dtypes if kind == pl.String or kind.is_temporal()]
    return table if labels or others or options.treats_missing else None


def encoded(X: Any, design: Design, reading: Reading) -> np.ndarray[Any, Any]:
    """Encode the rows of a frame as (N, P) numbers.

    Args:
        X: the frame.
        design: the model's.
        reading: how the frame is read.

    Raises:
        FitError: X is not a frame, or one of other columns or values than the model's.
    """
    texts = {column.name for column in design.columns if column.levels}
    dates = {own.name for own in design.dates}
    as_text = frozenset({*texts, *design.written, *dates})
    table = from_frame(X, replace(reading, texts=as_text))
    if table is None:
        raise PredictionError(
            "X must be a frame, as the model was fitted to columns of labels by name."
        )
    frame = text_numbers.convert(design.dated(table.frame), design.written)
    frame = text_numbers.plain(frame, texts)
    frame = cleaned(frame, design.columns)
    unfilled = [column.name for column in design.columns if column.fill is None]
    keep(frame.select(unfilled), None, remedy="fill them in")
    parts = [column.read(frame[column.name])[:, None] for column in design.numbers]
    for column in design.labels:
        codes = column.read(frame[column.name])
        parts.append(codes[:, None] == np.arange(1, len(column.levels)))
    return np.concatenate(parts, axis=1).astype(np.float64)


def numbers_of(name: str, y: Any, reading: Reading) -> tuple[Any, list[str]]:
    """Convert a text target that spells numbers to numbers, with notes; return others unchanged.

    Args:
        name: the target's.
        y: its values.
        reading: which marks its numbers have.

    Raises:
        FitError: it holds dates, texts among numbers, or numbers of marks or units that differ.
    """
    column = _text(name, y)
    if column is None:
        return y, []
    texts = {name: TextProfile.of(column, text_numbers.allowed(reading))}
    known = text_numbers.learn(texts)
    if not known:
        return y, []
    frame = text_numbers.convert(column.to_frame(), known)
    return frame[name].fill_null(np.nan).to_numpy(), text_numbers.notes(texts, known)


def check_labels(name: str, y: Any) -> None:
    """Refuse a text target that does not hold labels.

    Raises:
        FitError: it holds dates, texts among numbers, or numbers that are written as text.
    """
    column = _text(name, y)
    if column is not None and factor_levels.of_series(y) is None:
        texts = TextProfile.of(column)
        if text_numbers.learn({name: texts}):
            raise TargetError(
                f"the target {name!r} holds numbers that are written as text, such as "
                f"{texts.marked.value!r}; use NLLRegressor, or pass as_labels={name!r} if they are "
                "labels."
            )
        refuse_signs(name, column.drop_nulls().unique().sort().to_list())


def _text(name: str, y: Any) -> pl.Series | None:
    """Return a text target; None for others."""
    array = array_of(y)
    if array.dtype.kind not in "OUSM" or array.ndim != 1:
        return None
    column = series(name, array)
    if dates.are_dates(column):
        is_text = column.dtype == pl.String
        dates.refuse_target(name, column.drop_nulls()[0] if is_text else column.dtype)
    return column if column.dtype == pl.String else None


def labels_of(name: str, y: Any) -> Any:
    """Convert pandas intervals in a target to text; return other targets unchanged.

    Raises:
        FitError: labels are missing.
    """
    array = array_of(y)
    if array.dtype.kind != "O" or array.ndim != 1:
        return y
    own = objects([plain(value) for value in array])
    gaps = np.flatnonzero([value is None for value in own])
    if len(gaps):
        count = "1 value of {} is" if len(gaps) == 1 else f"{len(gaps)} values of {{}} are"
        raise MissingValueError(
            f"{count.format(name)} missing, the first in row {gaps[0]} (from 0); leave out their "
            "rows."
        )
    return own


def at(table: Table, used: np.ndarray[Any, Any]) -> Table:
    """Return some rows of a table."""
    return replace(table, frame=table.frame.filter(pl.Series(used)))


def classes(
    name: str, given: Any, y: np.ndarray[Any, Any], order: Sequence[Any] | None, ranked: bool
) -> np.ndarray[Any, Any]:
    """Return the labels of a target in the order of the classes.

    Args:
        name: the target's.
        given: the target as it was passed, whose type may declare the order.
        y: (N,) the labels.
        order: the labels in the order that was asked for.
        ranked: whether the order means something.

    Raises:
        FitError: the order does not name the labels, or is needed and not known.
    """
    present = np.unique(y)
    if order is not None:
        found: Sequence[Any] = factor_levels.listed_levels(name, order, present.tolist())
    elif (declared := factor_levels.of_series(given)) is not None:
        present_labels = set(present.tolist())
        found = [label for label in declared if label in present_labels]
    else:
        if ranked:
            factor_levels.check_order(name, present.tolist())
        return present
    return np.array(found, dtype=y.dtype)
