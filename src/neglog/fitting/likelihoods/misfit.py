"""Detect a misspecified likelihood after the fit, and suggest another one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import special, stats

from neglog.translation import gettext as _

Array = np.ndarray[Any, Any]

_FEWEST = 50  # of fewer rows, chance looks like this too
_SHARE, _LEAST = 0.01, 5
_SKEW, _TAILS, _GROWTH = 0.45, 2.0, 0.3
_Z, _Z_OF_COUNTS = 5.0, 3.5  # standard errors from the expectation under a correct model
_DISPERSION = 1.2
_END = 0.01


class Residuals(NamedTuple):
    """Residuals of training rows.

    Attributes:
        name: the target's.
        truth: (N,) the targets.
        predicted: (N,) the predicted means.
        weight: (N,) precision weights of the squared errors.
        dispersion: Pearson's statistic divided by its degrees of freedom; None if unknown.
    """

    name: str
    truth: Array
    predicted: Array
    weight: Array
    dispersion: float | None

    @property
    def remedy(self) -> str:
        """The likelihood to try if the errors are not normal."""
        if self.truth.min() < 0:
            return _("--likelihood huber or laplace, and --covariance hc1 for the standard errors")
        whole = not (self.truth % 1).any()
        if whole and self.truth.min() > 0:
            return _("--likelihood gamma, or negative_binomial if they are counts")
        if whole:
            return _("--likelihood negative_binomial, or poisson with --covariance hc1")
        if self.truth.max() <= 1:
            return _("--likelihood binomial, with --trials or weights, if they are proportions")
        if self.truth.min() > 0:
            return "--likelihood gamma"
        return _("--likelihood poisson with --covariance hc1, which allows zeros")


def of_normal(residuals: Residuals) -> list[str]:
    """Warn if the errors are not normal, or the mean is not linear."""
    if len(residuals.truth) < _FEWEST:
        return []
    found = [*_beyond(residuals), *_shape(residuals), *_growth(residuals)]
    if not found:
        return []
    return [
        _("the normal likelihood does not suit {name!r}: {found}; try {remedy}.").format(
            name=residuals.name, found=_("; ").join(found), remedy=residuals.remedy
        )
    ]


def _beyond(residuals: Residuals) -> list[str]:
    """Count predictions outside the range of the target."""
    low, high = (
        residuals.truth.min() >= 0,
        residuals.truth.min() >= 0 and residuals.truth.max() <= 1,
    )
    found = []
    for words, applies, outside in (
        (
            _("{count} of {rows} predictions are negative, but no target is"),
            low,
            residuals.predicted < 0,
        ),
        (
            _("{count} of {rows} predictions are above 1, but no target is"),
            high,
            residuals.predicted > 1,
        ),
    ):
        count = int(outside.sum())
        if applies and count >= max(_LEAST, _SHARE * len(outside)):
            found.append(words.format(count=count, rows=len(outside)))
    return found


def _shape(residuals: Residuals) -> list[str]:
    """Warn if the errors are skewed or heavy-tailed.

    Both are measured by quantiles, which are robust to heavy tails.
    """
    error = (residuals.truth - residuals.predicted) * np.sqrt(residuals.weight)
    rows = len(error)
    end = max(_END, 2 / rows)
    low, below, middle, above, high = np.quantile(error, [end, 0.25, 0.5, 0.75, 1 - end])
    if not above > below:
        return []
    skew = (high + low - 2 * middle) / (high - low)
    tails = (high - low) / (above - below) * special.ndtri(0.75) / special.ndtri(1 - end)
    if abs(skew) > _SKEW + 2 / rows**0.5:
        text = _("the errors are skewed to the left (by quantiles {skew:.2f}; normal ones have 0)")
        if skew > 0:
            text = _(
                "the errors are skewed to the right (by quantiles {skew:.2f}; normal ones have 0)"
            )
        return [text.format(skew=skew)]
    if tails > _TAILS * (1 + 3 / rows**0.5):
        return [_("the errors reach {tails:.1f} times as far as normal ones").format(tails=tails)]
    return []


def _growth(residuals: Residuals) -> list[str]:
    """Warn if the errors grow with the prediction."""
    error = np.abs(residuals.truth - residuals.predicted) * np.sqrt(residuals.weight)
    if residuals.truth.min() < 0 or np.ptp(residuals.predicted) == 0 or np.ptp(error) == 0:
        return []
    rank = float(stats.spearmanr(error, residuals.predicted).statistic)
    if rank < _GROWTH or rank * (len(error) - 1) ** 0.5 < _Z:
        return []
    return [
        _("the errors grow with the prediction (rank correlation {rank:.2f})").format(rank=rank)
    ]


def of_poisson(residuals: Residuals) -> list[str]:
    """Warn if counts are overdispersed.

    Source: C. Dean, J. F. Lawless, Tests for detecting overdispersion in Poisson regression models,
    JASA 84, 1989.
    """
    y, mean = residuals.truth, residuals.predicted
    spread = float(2 * (residuals.weight * mean * mean).sum())
    if residuals.dispersion is None or residuals.dispersion < _DISPERSION or not spread > 0:
        return []
    z = float((residuals.weight * ((y - mean) ** 2 - y)).sum()) / spread**0.5
    if z < _Z_OF_COUNTS:
        return []
    return [
        _(
            "{name!r} varies more than Poisson's counts: Pearson χ² / df is "
            "{dispersion:.3g} (score test z = {z:.1f}), so that Fisher's standard errors "
            "are too small; pass --likelihood negative_binomial, or --covariance quasi or hc1."
        ).format(name=residuals.name, dispersion=residuals.dispersion, z=z)
    ]


def of_binomial(residuals: Residuals) -> list[str]:
    """Warn if successes are overdispersed."""
    if residuals.dispersion is None or residuals.dispersion < _DISPERSION:
        return []
    freedom = len(residuals.truth)
    if (residuals.dispersion - 1) * (freedom / 2) ** 0.5 < _Z_OF_COUNTS:
        return []
    return [
        _(
            "{name!r} varies more than the successes of independent trials: Pearson χ² / df "
            "is {dispersion:.3g}, so that Fisher's standard errors are too small; pass "
            "--covariance quasi or hc1."
        ).format(name=residuals.name, dispersion=residuals.dispersion)
    ]


def no_warnings(residuals: Residuals) -> list[str]:
    """Return no warnings."""
    return []
