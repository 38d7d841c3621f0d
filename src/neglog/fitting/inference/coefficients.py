"""The table of coefficients: estimates, standard errors, tests and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of a linear model, in the units of the table.

    Attributes:
        names: (output, feature) of each; the output of shared parameters is "".
        estimate: the estimates; NaN for aliased columns.
        error: the standard errors; NaN if undefined.
        correlation: the correlation of the estimates; 0 for aliased columns.
        kind: the type of the covariance.
        freedom: the degrees of freedom of Student's t; None for the normal distribution.
        level: of the intervals.
    """

    names: list[tuple[str, str]]
    estimate: np.ndarray[Any, Any]
    error: np.ndarray[Any, Any]
    correlation: np.ndarray[Any, Any]
    kind: str
    freedom: float | None
    level: float

    @property
    def covariance(self) -> np.ndarray[Any, Any]:
        """The covariance of the estimates; it may overflow or underflow."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            error = np.nan_to_num(self.error) if np.isfinite(self.error).any() else self.error
            return np.asarray(self.correlation * error * error[:, None])

    @property
    def statistic(self) -> np.ndarray[Any, Any]:
        """The estimates divided by their standard errors: z, or t if `freedom` is set."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.estimate / self.error)

    @property
    def p(self) -> np.ndarray[Any, Any]:
        """The two-sided p-values."""
        return np.asarray(2 * self._distribution.sf(np.abs(self.statistic)))

    @property
    def interval(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The ends of the confidence intervals."""
        half_width = self._distribution.ppf((1 + self.level) / 2) * self.error
        return self.estimate - half_width, self.estimate + half_width

    @property
    def letter(self) -> str:
        """The name of the statistic."""
        return "z" if self.freedom is None else "t"

    @property
    def _distribution(self) -> Any:
        return stats.norm() if self.freedom is None else stats.t(self.freedom)

    def frame(self) -> pl.DataFrame:
        """Return the table: output, feature, estimate, std_error, z or t, p, low, high."""
        low, high = self.interval
        return pl.DataFrame(
            {
                "output": [output for output, _ in self.names],
                "feature": [feature for _, feature in self.names],
                "estimate": self.estimate,
                "std_error": self.error,
                self.letter: self.statistic,
                "p": self.p,
                "low": low,
                "high": high,
            }
        ).fill_nan(None)
