"""The logarithms of F and 1 − F at each target, F being the fitted cumulative distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor

from neglog.fitting.likelihoods import integrals
from neglog.fitting.likelihoods.links import predictor
from neglog.fitting.likelihoods.responses import Response

Array = np.ndarray[Any, Any]
Tails = tuple[Array, Array]

_SEED = 0  # a report is the same each time it is written
_MOST = 50_000_000  # probabilities that are summed


class Truths(NamedTuple):
    """Targets, and the distribution that a model gives to each.

    Attributes:
        y: (N,) the targets.
        mean: (N,) the predicted means, medians or quantiles.
        weight: (N,) the sample weights; None without any.
        response: the likelihood.
        shared: (Q,) the parameters that are the same for every row.
        dispersion: as in `Response.dispersion`.
    """

    y: Array
    mean: Array
    weight: Array | None
    response: Response
    shared: Tensor
    dispersion: float | None


def normal(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of normal errors."""
    error = (rows.y - rows.mean) / rows.dispersion
    return special.log_ndtr(error), special.log_ndtr(-error)


def laplace(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of errors from a two-sided exponential."""
    assert rows.dispersion is not None
    return _exponentials(rows.y - rows.mean, 0.5, rows.dispersion / 2)


def quantile(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of an asymmetric Laplace distribution."""
    assert rows.dispersion is not None
    return _exponentials(rows.y - rows.mean, rows.response.settings[0], rows.dispersion)


def _exponentials(error: Array, level: float, scale: float) -> Tails:
    below = math.log(level) + (1 - level) * np.minimum(error, 0) / scale
    above = math.log1p(-level) - level * np.maximum(error, 0) / scale
    return (
        np.where(error < 0, below, np.log1p(-np.exp(above))),
        np.where(error < 0, np.log1p(-np.exp(below)), above),
    )


def huber(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of errors that are normal in the middle, else exponential."""
    (delta,) = rows.response.settings
    scale = math.exp(float(rows.shared[0])) * rows.response.spread
    error = (rows.y - rows.mean) / scale
    far = np.abs(error)
    edge = 2 / delta * math.exp(-delta * delta / 2)
    root = math.sqrt(2 * math.pi)
    area = root * math.erf(delta / math.sqrt(2)) + edge
    exponential = delta * delta / 2 - delta * np.maximum(far, delta) - math.log(delta * area)
    middle = edge / 2 / area + root / area * (special.ndtr(delta) - special.ndtr(far))
    tail = np.where(far > delta, exponential, np.log(np.where(far > delta, 1, middle)))
    rest = np.log1p(-np.exp(tail))
    return np.where(error < 0, tail, rest), np.where(error < 0, rest, tail)


def poisson(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of Poisson counts."""
    return _of_counts(stats.poisson(rows.mean), rows.y)


def binomial(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of proportions of trials."""
    trials = np.asarray(rows.weight, dtype=np.float64)
    return _of_counts(stats.binom(np.round(trials), rows.mean), np.round(rows.y * trials))


def negative_binomial(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of overdispersed counts."""
    alpha = math.exp(float(rows.shared[0]))
    return _of_counts(stats.nbinom(1 / alpha, 1 / (1 + alpha * rows.mean)), rows.y)


def gamma(rows: Truths) -> Tails:
    """Return ln F and ln(1 − F) of gamma targets."""
    assert rows.dispersion is not None
    law = stats.gamma(1 / rows.dispersion, scale=rows.mean * rows.dispersion)
    with np.errstate(divide="ignore"):
        return law.logcdf(rows.y), law.logsf(rows.y)


def _of_counts(law: Any, y: Array) -> Tails:
    return _randomised(law.cdf(y - 1), law.cdf(y), law.sf(y))


def _randomised(before: Array, upto: Array, after: Array) -> Tails:
    """Return ln F and ln(1 − F) at a random point of the step at each count."""
    part = np.random.default_rng(_SEED).random(len(upto))
    step = upto - before
    with np.errstate(divide="ignore"):
        return np.log(before + part * step), np.log(after + (1 - part) * step)


def declared(rows: Truths) -> Tails | None:
    """Return ln F and ln(1 − F) by the declared distribution's `cdf`, or by integrals."""
    declaration: Any = rows.response.declaration
    if declaration.support.points is not None:
        return declared_counts(rows)
    law = declaration.distribution(*_arguments(rows)) if _has_distribution(rows) else None
    cdf = getattr(law, "cdf", None)
    if cdf is None:
        return _integrated(rows)
    try:
        below = np.asarray(cdf(torch.from_numpy(rows.y)))
    except NotImplementedError:
        return _integrated(rows)
    with np.errstate(divide="ignore"):
        return np.log(below), np.log1p(-below)


def _has_distribution(rows: Truths) -> bool:
    return hasattr(rows.response.declaration, "distribution")


def _integrated(rows: Truths) -> Tails | None:
    """Return ln F and ln(1 − F) by integrals of the declared density; None of too many rows."""
    ends = integrals.ends_of(rows.response.declaration.support)
    if ends is None or not len(rows.y) or len(rows.y) * integrals.NODES > _MOST:
        return None
    density = _density(rows)
    spread = float(np.std(rows.y - rows.mean)) or 1.0
    found = integrals.tails(density, rows.y, rows.mean, spread, ends)
    if found is None:
        return None
    with np.errstate(divide="ignore"):
        return np.log(found[0]), np.log(found[1])


def _density(rows: Truths) -> Callable[[Array], Array]:
    """Return the declared density or probability of a target of each row; 0 where it is NaN."""
    declaration, arguments = rows.response.declaration, _arguments(rows)
    settings = arguments[len(declaration.inputs) :]

    def density(target: Array) -> Array:
        y = torch.as_tensor(target, dtype=torch.float64)
        nats: Tensor = declaration.nll(*arguments, y) + declaration.constant(*settings, y)
        with np.errstate(over="ignore"):
            return np.asarray(np.nan_to_num(np.exp(-nats.numpy()), posinf=0.0))

    return density


def declared_counts(rows: Truths) -> Tails | None:
    """Return ln F and ln(1 − F) by the sums of the declared probabilities; None of too many."""
    points = rows.response.declaration.support.points
    counts = np.arange(rows.y.max(initial=0.0) + 1)
    values = np.sort(points) if isinstance(points, tuple) else counts
    if len(values) * len(rows.y) > _MOST:
        return None
    density = _density(rows)
    before, step = np.zeros(len(rows.y)), np.zeros(len(rows.y))
    for count in values:
        p = density(np.asarray(count))
        before += np.where(count < rows.y, p, 0.0)
        step += np.where(count == rows.y, p, 0.0)
    upto = before + step
    return _randomised(before, upto, np.clip(1 - upto, 0.0, 1.0))


def _arguments(rows: Truths) -> list[Tensor]:
    """Return the arguments of the declaration's formulas before the target."""
    response = rows.response
    return response.arguments(predictor(response.link, torch.from_numpy(rows.mean)), rows.shared)
