"""Convert coefficients relative to a reference class to centred coefficients of all classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neglog.fitting.inference.coefficients import Coefficients


def centred(table: Coefficients, classes: Sequence[str]) -> Coefficients:
    """Return the coefficients of all classes, centred over the classes for each feature.

    They do not depend on the reference class. Their covariance is exact, since the map is linear.

    Args:
        table: the coefficients of all classes, or of all but the reference class.
        classes: the names of the classes, in order.
    """
    features = list(dict.fromkeys(feature for _, feature in table.names))
    names = [(label, feature) for label in classes for feature in features]
    transform = _transform(names, table.names, len(classes))
    missing = np.isnan(table.estimate)
    left_out = (transform[:, missing] != 0).any(1)
    estimate = transform @ np.where(missing, 0.0, table.estimate)
    error, correlation = _spread(transform, table)
    return replace(
        table,
        names=names,
        estimate=np.where(left_out, np.nan, estimate),
        error=np.where(left_out, np.nan, error),
        correlation=correlation,
    )


def _transform(
    names: list[tuple[str, str]], given: list[tuple[str, str]], classes: int
) -> np.ndarray[Any, Any]:
    """Return (K·P, (K − 1)·P): the matrix from the given coefficients to those of all classes."""
    columns: dict[str, list[int]] = {}
    for column, (_, feature) in enumerate(given):
        columns.setdefault(feature, []).append(column)
    transform = np.zeros((len(names), len(given)))
    for row, (label, feature) in enumerate(names):
        for column in columns[feature]:
            transform[row, column] = float(given[column][0] == label) - 1 / classes
    return transform


def _spread(
    transform: np.ndarray[Any, Any], table: Coefficients
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return standard errors and correlation.

    The covariance itself would overflow or underflow in units such as 1e200. Without errors the
    correlation is NaN.
    """
    part = transform * np.nan_to_num(table.error)
    size = np.abs(part).max(1)
    part /= np.where(size > 0, size, 1.0)[:, None]
    inner = part @ table.correlation @ part.T
    error = np.sqrt(inner.diagonal())
    unit = np.where(error > 0, error, 1.0)
    return error * size, inner / unit[:, None] / unit
