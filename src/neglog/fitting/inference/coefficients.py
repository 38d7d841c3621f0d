"""The table of coefficients: estimates, standard errors, tests and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats


@dataclass(frozen=True)
class Coefficients:
    """The weights that a linear model was found to have, in the units of the table.

    Attributes:
        names: (output, feature) of each; the output of what all rows share is "".
        estimate: their values, NaN for a column that others make up.
        error: their standard errors; NaN throughout where there are none.
        correlation: of the estimates' errors; 0 for those that are not free.
        kind: how the covariance was found.
        freedom: the degrees of freedom of Student's t; None where the normal is used.
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
        """The estimates' covariance, infinite or 0 where float64 has no such squares."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            error = np.nan_to_num(self.error) if np.isfinite(self.error).any() else self.error
            return np.asarray(self.correlation * error * error[:, None])

    @property
    def statistic(self) -> np.ndarray[Any, Any]:
        """The estimates over their standard errors: z, or t where there is a `freedom`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.estimate / self.error)

    @property
    def p(self) -> np.ndarray[Any, Any]:
        """The probability of a statistic as far from 0, if the weight were 0."""
        return np.asarray(2 * self._distribution.sf(np.abs(self.statistic)))

    @property
    def interval(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The confidence intervals' ends."""
        half_width = self._distribution.ppf((1 + self.level) / 2) * self.error
        return self.estimate - half_width, self.estimate + half_width

    @property
    def letter(self) -> str:
        """What the statistic is called."""
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
