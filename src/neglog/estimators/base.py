"""The base of both estimators: table options, validation, the fit, linear predictors."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from neglog.docstrings import completed
from neglog.errors.tables import RoleError, TableTypeError
from neglog.fitting.design.estimator_frames import at, encoded, with_labels
from neglog.fitting.option_table import wording
from neglog.fitting.option_table.rows import ColumnOptions, ReadingOptions
from neglog.fitting.option_table.table import TABLE, FitOptions, entries
from neglog.fitting.options.fit_options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.solve import fit_table
from neglog.fitting.tables.in_memory import with_column
from neglog.fitting.tables.table import Table

TARGET, WEIGHT, OFFSET, CLUSTER = "y", "sample_weight", "offset", "cluster"
_OF_FRAMES = {*entries(ColumnOptions), *entries(ReadingOptions)}

C = TypeVar("C", bound=type)


def documented(cls: C) -> C:
    """Describe the parameters of an estimator that are options of `neglog.fit`."""
    texts = {name: wording.in_estimator(entry) for name, entry in TABLE.items()}
    cls.__doc__ = completed(cls.__doc__, inspect.signature(cls).parameters, texts)
    return cls


@dataclass(eq=False, repr=False, kw_only=True)
class LinearEstimator(BaseEstimator):
    """The base of both estimators: common parameters, validation, the fit, linear predictors.

    Parameters with the names of `neglog.fit`'s options are those options; tests compare them.
    """

    l2: float = 0.0
    l1: float = 0.0
    weight_kind: str = "frequency"
    covariance: str | None = None
    level: float = 0.95
    max_iter: int = 100
    as_labels: str | Sequence[str] = ()
    dates: Mapping[str, Sequence[str]] | None = None
    missing: str | None = None
    thousands: str | None = None
    decimal: str | None = None
    na: str | float | Sequence[str | float] = ()

    def _solve(self, X: Any, y: Any, given: Mapping[str, Any], likelihood: str) -> FitResult:
        """Fit validated rows, and warn if there is no maximum."""
        table = Table("X", pl.DataFrame(), X) if isinstance(X, np.ndarray) else X
        table = with_column(table, TARGET, y)
        for name, values in given.items():
            table = with_column(table, name, values)
        roles = {name: name for name in given}
        others = {name: getattr(self, name) for name in self._options() - _OF_FRAMES}
        chosen = Options(
            **{**others, **self._table_options(), **roles},
            likelihood=likelihood,
            epochs=self.max_iter,
        )
        result = FitResult.of(fit_table(table, TARGET, chosen, Listener()))
        if not result.converged:
            text = " ".join([result.outcome, *result.notes])
            warnings.warn(text, ConvergenceWarning, stacklevel=3)
        self.result_ = result
        self.n_iter_ = max(1, result.count)
        return result

    def _rows(
        self, X: Any, y: Any, roles: Mapping[str, Any], **checks: Any
    ) -> tuple[np.ndarray | Table, np.ndarray, dict[str, np.ndarray]]:
        """Return validated rows, their target, and their weights, offsets and clusters.

        Rows of weight 0 are left out. A frame with columns of labels stays a table, and anything
        else is an array.
        """
        table = with_labels(X, Options(**self._table_options()))
        if table is None:
            self._refuse_labels(X)
            X, y = validate_data(
                self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2, **checks
            )
        else:
            validate_data(self, X, skip_check_array=True)
            X, y = table.frame.to_numpy(), column_or_1d(y)
            check_consistent_length(X, y)
        rows = X if table is None else table
        given = {name: values for name, values in roles.items() if values is not None}
        if OFFSET in given:
            given[OFFSET] = _checked(given[OFFSET], len(X))
        if CLUSTER in given:
            given[CLUSTER] = column_or_1d(given[CLUSTER])
            check_consistent_length(X, given[CLUSTER])
        if WEIGHT not in given:
            return rows, y, given
        weight = _check_sample_weight(given[WEIGHT], X, dtype=np.float64, ensure_non_negative=True)
        used, given[WEIGHT] = weight > 0, weight
        if used.all():
            return rows, y, given
        rows = X[used] if table is None else at(table, used)
        return rows, y[used], {name: values[used] for name, values in given.items()}

    def _table_options(self) -> dict[str, Any]:
        """Return the options of reading X, without those of the target."""
        own = self.levels if isinstance(self.levels, Mapping) else {}
        return {
            **{name: getattr(self, name) for name in self._options() & _OF_FRAMES},
            "levels": {name: labels for name, labels in own.items() if name != TARGET},
            "as_labels": [name for name in listed_names(self.as_labels) if name != TARGET],
        }

    def _options(self) -> set[str]:
        """Return the parameters that are options of `neglog.fit`."""
        return {field.name for field in fields(self)} & entries(FitOptions).keys() - {"likelihood"}

    def _refuse_labels(self, X: Any) -> None:
        """Refuse these options for an array, whose columns have no names."""
        options = Options(**self._table_options())
        if options.treats_missing:
            raise TableTypeError(
                "na and missing require a data frame, but X is an array; pass a data frame, or "
                "impute the missing values first."
            )
        if named := options.texts | {*options.date_parts}:
            raise TableTypeError(
                f"levels, as_labels and dates name columns ({', '.join(sorted(named))}), but X has "
                "no column names; pass a data frame."
            )

    def _predictor(self, X: Any, offset: Any) -> np.ndarray:
        """Return (N,) or (N, K) linear predictors."""
        check_is_fitted(self)
        design = self.result_.design
        options = Options(**self._table_options())
        if design.labels or design.written or design.dates or options.treats_missing:
            validate_data(self, X, skip_check_array=True, reset=False)
            X = encoded(X, design, options.reading)
        else:
            X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        output = X @ np.atleast_2d(self.coef_).T + self.intercept_
        if offset is not None:
            output = output + _checked(offset, len(output))[:, None]
        return np.asarray(output[:, 0] if output.shape[1] == 1 else output)


def listed_names(names: str | Sequence[str]) -> Sequence[str]:
    """Return one name, or several, as a sequence."""
    return [names] if isinstance(names, str) else names


def _checked(offset: Any, rows: int) -> np.ndarray:
    """Return an offset of one finite number per row."""
    given = np.asarray(offset, dtype=np.float64)
    if given.shape != (rows,) or not np.isfinite(given).all():
        raise RoleError(
            f"offset must hold {rows} finite numbers, one for each row of X, but its shape is "
            f"{given.shape}, with {given.size - np.isfinite(given).sum()} that are not finite."
        )
    return given
