"""The density of the errors at the kink of a loss, for each row.

Source: W. Hendricks, R. Koenker, Hierarchical spline models for conditional quantiles and the
demand for electricity, Journal of the American Statistical Association 87, 1992; it is
``se="nid"`` of R's quantreg. The bandwidth is that of P. Hall, S. Sheather, On the distribution of
a studentized quantile, Journal of the Royal Statistical Society B 50, 1988.
"""

from __future__ import annotations

import math

import torch
from scipy.special import ndtri
from torch import Tensor

from neglog.fitting.linear.nonsmooth import level_of, quantile
from neglog.fitting.linear.objective import Objective

_LEVEL = 0.05  # of the tests that the bandwidth is best for
_SAME = 1e-10  # between fitted quantiles, in units of the largest distance


def curvature(objective: Objective, free: Tensor, rows: float) -> Tensor:
    """Return the expected Hessian of the mean loss.

    Two more quantiles are fitted, one on either side. Their distance in a row gives the density of
    its errors; where they cross, the density is 0.

    Args:
        objective: the rows and their loss, which has a kink.
        free: the indices of the weights that the rows determine.
        rows: the number of rows, counted with frequency weights.
    """
    level = level_of(objective)
    bandwidth = _bandwidth(level, rows)
    while level - bandwidth <= 0 or level + bandwidth >= 1:
        bandwidth /= 2
    difference = quantile(objective, free, level + bandwidth) - quantile(
        objective, free, level - bandwidth
    )
    distances = [batch.columns.matmul(difference[:, None])[:, 0] for batch in objective.source]
    least = _SAME * max(float(distance.abs().max()) for distance in distances)
    total = torch.zeros(objective.size, objective.size, dtype=torch.float64)
    for batch, distance in zip(objective.source, distances, strict=True):
        density = torch.where(distance > least, 2 * bandwidth / distance, 0.0)
        total += batch.columns.gram(density if batch.weight is None else density * batch.weight)
    below, above = _side_slopes(objective)
    return total * (above - below) / objective.total


def expected_squares(objective: Objective) -> float:
    """Return the expected squared slope of a row at the true quantile."""
    below, above = _side_slopes(objective)
    level = level_of(objective)
    return level * above * above + (1 - level) * below * below


def _side_slopes(objective: Objective) -> tuple[float, float]:
    """Return the derivatives of the loss below and above the kink."""
    prediction = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    response = objective.response
    y = torch.full((2,), response.centre, dtype=torch.float64)
    below, above = response.row_losses(prediction, torch.zeros(0), y).slope[:, 0].tolist()
    return below, above


def _bandwidth(level: float, rows: float) -> float:
    """Return the bandwidth in quantile levels."""
    z = ndtri(level)
    normal = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    best = 1.5 * normal * normal / (2 * z * z + 1)
    bandwidth: float = (ndtri(1 - _LEVEL / 2) ** 2 * best / rows) ** (1 / 3)
    return bandwidth
