"""How dense the errors of each row are where a loss has its kink.

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
    """Return the Hessian that the mean loss is expected to have.

    Two more quantiles are fitted, one on either side. How far apart they are in a row says how
    dense its errors are between them; where the two cross, the density is taken to be 0.

    Args:
        objective: the rows and their loss, which has a kink.
        free: the numbers of the weights that the rows determine.
        rows: how many rows there are, those of a weight of 2 taken twice.
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
    """Return the mean square that a row's slope has where the fitted quantile is the true one."""
    below, above = _side_slopes(objective)
    level = level_of(objective)
    return level * above * above + (1 - level) * below * below


def _side_slopes(objective: Objective) -> tuple[float, float]:
    """Return the loss's derivatives by predictions that are too small and too large."""
    prediction = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    response = objective.response
    y = torch.full((2,), response.centre, dtype=torch.float64)
    below, above = response.row_losses(prediction, torch.zeros(0), y).slope[:, 0].tolist()
    return below, above


def _bandwidth(level: float, rows: float) -> float:
    """Return by how much the levels differ from the fitted one between which one measures."""
    z = ndtri(level)
    normal = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    best = 1.5 * normal * normal / (2 * z * z + 1)
    bandwidth: float = (ndtri(1 - _LEVEL / 2) ** 2 * best / rows) ** (1 / 3)
    return bandwidth
