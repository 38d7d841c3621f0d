"""How dense the errors are where a loss has its kink, without a belief about their distribution.

Sources: J. L. Powell, Estimation of monotonic regression models under quantile restrictions, in
Nonparametric and semiparametric methods in econometrics and statistics, 1991; the bandwidth is that
of P. Hall, S. Sheather, On the distribution of a studentized quantile, Journal of the Royal
Statistical Society B 50, 1988.
"""

from __future__ import annotations

import math

import torch
from scipy.special import ndtri
from torch import Tensor

from neglog.fitting.linear.responses import Location, constant, quantiles
from neglog.fitting.linear.sums import Problem

_NORMAL_IQR = 1.34
_LEVEL = 0.05  # of the tests that the bandwidth is best for


def scale_at_kink(problem: Problem, weights: Tensor, rows: float) -> float:
    """Return the scale of the model's errors that are as dense at 0 as those of the rows.

    Args:
        problem: the rows and their loss, which has a kink.
        weights: the optimum.
        rows: how many rows there are, those of a weight of 2 taken twice.
    """
    response = problem.response
    assert isinstance(response, Location)
    level = response.settings[0] if response.settings else 0.5
    error, weight = _errors(problem, weights)
    lower, upper = quantiles(error, weight, 0.25, 0.75)
    mean = (error * weight).sum()
    deviation = float(((error - mean) ** 2 * weight).sum().sqrt())
    spread = min(deviation, (upper - lower) / _NORMAL_IQR) or deviation
    reach = min(_reach(level, rows), 0.99 * min(level, 1 - level))
    width = spread * (ndtri(level + reach) - ndtri(level - reach))
    near = (1 - (error / width).square()).clamp(min=0) * 0.75 / width
    known = float(constant(response.declaration, response.settings, error[:1]))
    return math.exp(-known) / float((near * weight).sum())


def _reach(level: float, rows: float) -> float:
    """Return by how much the levels differ between which the density is measured."""
    z = ndtri(level)
    normal = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    best = 1.5 * normal * normal / (2 * z * z + 1)
    reach: float = (ndtri(1 - _LEVEL / 2) ** 2 * best / rows) ** (1 / 3)
    return reach


def _errors(problem: Problem, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows' errors, in units of the target's spread, and their shares of the weight."""
    errors, shares = [], []
    for batch, local in problem.each(weights):
        slope = local.slope[:, 0]
        errors.append(torch.where(slope == 0, 0.0, -local.nll / slope))  # the loss is linear in it
        shares.append(torch.ones_like(slope) if batch.weight is None else batch.weight.double())
    share = torch.cat(shares)
    return torch.cat(errors), share / share.sum()
