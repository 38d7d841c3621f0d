"""Where each truth lies in the distribution that the model gave to it, as a standard normal value.

The quantile residuals of P. K. Dunn and G. K. Smyth (1996): Φ⁻¹(F(y)), F being the predicted
cumulative distribution. They are standard normal if the model is right, whatever the likelihood.
A count has a step of F instead of a value; a point of it is drawn at random.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special, stats

if TYPE_CHECKING:
    from neglog.fitting.prediction.row_predictions import RowPredictions
    from neglog.fitting.results.fit import Fit

    Array = np.ndarray[Any, Any]

_SEED = 0  # a report is the same each time it is written
_MAX_RESIDUAL = 37.0  # beyond, a normal probability is no number of float64


def quantile_residuals(fit: Fit, rows: RowPredictions) -> Array:
    """Return (N,) residuals of rows whose target is a number.

    Args:
        fit: whose likelihood, scale and dispersion they are.
        rows: the truths and the predicted means (medians, quantiles, centres).

    Example:
        >>> import neglog, numpy as np
        >>> random = np.random.default_rng(0)
        >>> x = random.normal(size=(400, 2))
        >>> fit = neglog.fit(x, random.poisson(np.exp(x[:, 0])), likelihood="poisson")
        >>> residuals = quantile_residuals(fit, fit.training)
        >>> bool(abs(residuals.mean()) < 0.2), bool(0.8 < residuals.std() < 1.2)
        (True, True)
    """
    y = np.asarray(rows.truth, dtype=np.float64)
    mean = np.asarray(rows.predicted, dtype=np.float64)
    if fit.fitted.response.grouped:
        below, above = _binomial(y, mean, np.asarray(rows.weight, dtype=np.float64))
    else:
        below, above = _TAILS[fit.kind](fit, y, mean)
    # The smaller tail is the exact one: 1 − 1e-20 would be 1.
    residuals = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
    return np.asarray(np.clip(residuals, -_MAX_RESIDUAL, _MAX_RESIDUAL))


def _normal(fit: Fit, y: Array, mean: Array) -> tuple[Array, Array]:
    error = (y - mean) / fit.fitted.dispersion
    return special.log_ndtr(error), special.log_ndtr(-error)


def _laplace(fit: Fit, y: Array, median: Array) -> tuple[Array, Array]:
    assert fit.fitted.dispersion is not None
    return _exponentials(y - median, 0.5, fit.fitted.dispersion / 2)


def _quantile(fit: Fit, y: Array, quantile: Array) -> tuple[Array, Array]:
    assert fit.fitted.dispersion is not None
    return _exponentials(y - quantile, fit.options.quantile, fit.fitted.dispersion)


def _exponentials(error: Array, level: float, scale: float) -> tuple[Array, Array]:
    """Return ln F and ln(1 − F) of an asymmetric Laplace distribution."""
    below = math.log(level) + (1 - level) * np.minimum(error, 0) / scale
    above = math.log1p(-level) - level * np.maximum(error, 0) / scale
    return (
        np.where(error < 0, below, np.log1p(-np.exp(above))),
        np.where(error < 0, np.log1p(-np.exp(below)), above),
    )


def _huber(fit: Fit, y: Array, centre: Array) -> tuple[Array, Array]:
    delta = fit.options.delta
    scale = math.exp(float(fit.fitted.shared[0])) * fit.fitted.response.spread
    error = (y - centre) / scale
    far = np.abs(error)
    edge = 2 / delta * math.exp(-delta * delta / 2)
    root = math.sqrt(2 * math.pi)
    area = root * math.erf(delta / math.sqrt(2)) + edge
    exponential = delta * delta / 2 - delta * np.maximum(far, delta) - math.log(delta * area)
    middle = edge / 2 / area + root / area * (special.ndtr(delta) - special.ndtr(far))
    tail = np.where(far > delta, exponential, np.log(np.where(far > delta, 1, middle)))
    rest = np.log1p(-np.exp(tail))
    return np.where(error < 0, tail, rest), np.where(error < 0, rest, tail)


def _poisson(fit: Fit, y: Array, mean: Array) -> tuple[Array, Array]:
    return _randomised(stats.poisson(mean), y)


def _binomial(y: Array, mean: Array, trials: Array) -> tuple[Array, Array]:
    return _randomised(stats.binom(np.round(trials), mean), np.round(y * trials))


def _negative_binomial(fit: Fit, y: Array, mean: Array) -> tuple[Array, Array]:
    alpha = math.exp(float(fit.fitted.shared[0]))
    return _randomised(stats.nbinom(1 / alpha, 1 / (1 + alpha * mean)), y)


def _randomised(distribution: Any, y: Array) -> tuple[Array, Array]:
    """Return ln F and ln(1 − F) at a random point of the step at each count."""
    part = np.random.default_rng(_SEED).random(len(y))
    step = distribution.cdf(y) - distribution.cdf(y - 1)
    with np.errstate(divide="ignore"):
        return np.log(distribution.cdf(y - 1) + part * step), np.log(
            distribution.sf(y) + (1 - part) * step
        )


def _gamma(fit: Fit, y: Array, mean: Array) -> tuple[Array, Array]:
    assert fit.fitted.dispersion is not None
    distribution = stats.gamma(1 / fit.fitted.dispersion, scale=mean * fit.fitted.dispersion)
    with np.errstate(divide="ignore"):
        return distribution.logcdf(y), distribution.logsf(y)


_TAILS = {
    "normal": _normal,
    "laplace": _laplace,
    "quantile": _quantile,
    "huber": _huber,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "gamma": _gamma,
}
