"""Frames with columns of labels, as scikit-learn's estimators read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting import levels
from neglog.fitting.design import Design, cleaned
from neglog.fitting.in_memory import from_frame
from neglog.fitting.options import Options
from neglog.fitting.reading import Reading
from neglog.fitting.rows import keep
from neglog.fitting.table import Table


def with_labels(X: Any, options: Options) -> Table | None:
    """Return a frame that has columns of labels as a table; None for all other data."""
    table = from_frame(X, options.reading)
    if table is None:
        return None
    labels = {*table.levels, *options.texts}
    text = [name for name, kind in table.frame.schema.items() if kind == pl.String]
    return table if labels or text else None


def encoded(X: Any, design: Design) -> np.ndarray[Any, Any]:
    """Return (N, P) the numbers that a model reads of a frame's rows.

    Raises:
        FitError: X is no frame, or one of other columns or values than the model's.
    """
    texts = frozenset(column.name for column in design.columns if column.levels)
    table = from_frame(X, Reading(texts))
    if table is None:
        raise FitError("X must be a frame, as the model was fitted to columns of labels by name.")
    frame = cleaned(table.frame, design.columns)
    keep(frame, None, remedy="fill them in")
    parts = [column.read(frame[column.name])[:, None] for column in design.numbers]
    for column in design.labels:
        codes = column.read(frame[column.name])
        parts.append(codes[:, None] == np.arange(1, len(column.levels)))
    return np.concatenate(parts, axis=1).astype(np.float64)


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
        found: Sequence[Any] = levels.listed_levels(name, order, present.tolist())
    elif (declared := levels.of_series(given)) is not None:
        held = set(present.tolist())
        found = [label for label in declared if label in held]
    else:
        if ranked:
            levels.check_order(name, present.tolist())
        return present
    return np.array(found, dtype=y.dtype)
