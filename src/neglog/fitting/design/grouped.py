"""Grouped binary data: successes and trials, or proportions weighted by trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from neglog.errors.tables import RoleError
from neglog.translation import gettext as _

_WHOLE = 1e-6


def proportions(successes: pl.Series, trials: pl.Series | None, start: int | None) -> pl.Series:
    """Return the proportions of successes; missing values, and those of 0 trials, are missing.

    Args:
        successes: the target.
        trials: the number of trials; None if the target is not a number of successes.
        start: the index of the first row in the table; None if unknown.

    Raises:
        FitError: a row has more successes than trials, or numbers that are not whole.
    """
    if trials is None:
        return successes
    if successes.dtype == pl.String:
        raise RoleError(
            f"the target {successes.name!r} holds text, but with trials it must hold the number of "
            "successes of each row."
        )
    y = successes.cast(pl.Float64)
    n = trials.cast(pl.Float64)
    for column, what in ((y, "successes"), (n, "trials")):
        _refuse(
            (column % 1 != 0) | (column < 0), column, start,
            f"the {what} {column.name!r} must be whole numbers of 0 or more; for proportions in "
            "[0, 1] pass the trials as --sample-weight instead of --trials",
        )  # fmt: skip
    _refuse(y > n, y, start, f"{y.name!r} has more successes than trials")
    return (y / n).fill_nan(0.0).alias(successes.name)


def _refuse(wrong: pl.Series, column: pl.Series, start: int | None, words: str) -> None:
    wrong = wrong.fill_null(False)
    if wrong.any():
        first = int(wrong.arg_max() or 0)
        where = "" if start is None else f" in row {start + first} (from 0)"
        raise RoleError(
            f"{words}: {int(wrong.sum())} rows violate this, the first {column[first]:g}{where}."
        )


def data_warnings(y: np.ndarray[Any, Any], trials: np.ndarray[Any, Any]) -> list[str]:
    """Warn if proportions times trials are not whole numbers of successes."""
    successes = y * trials
    broken = np.abs(successes - np.round(successes)) > _WHOLE * np.maximum(1.0, trials)
    if not broken.any():
        return []
    return [
        _(
            "{count} proportions times their weights are not whole numbers of successes, "
            "such as {first:g}: the weights of a binomial fit are the numbers of trials; otherwise "
            "the likelihood is not a probability; pass --covariance hc0 for standard errors."
        ).format(count=int(broken.sum()), first=successes[broken][0])
    ]
