"""Fit losses with kinks, absolute errors and quantiles, by linear programming.

Sources: R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978; fixing the rows far
from the fit follows S. Portnoy, R. Koenker, The Gaussian hare and the Laplacian tortoise,
Statistical Science 12, 1997.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from neglog.errors.options import DivergenceError, ModelSizeError
from neglog.fitting.linear.objective import Objective

_MOST_ENTRIES = 50_000_000
_SAMPLED_ROWS = 5_000  # rows, from which on only those near the fit are in the program
_BAND = 0.02  # the part of the rows on either side that is taken to be near


def level_of(objective: Objective) -> float:
    """Return the quantile level of a loss with a kink; absolute errors fit the median."""
    return objective.response.settings[0] if objective.response.settings else 0.5


def quantile(
    objective: Objective, free: Tensor | None = None, level: float | None = None
) -> Tensor:
    """Return the weights of a linear quantile model.

    It solves the dual program, which has one constraint per weight.

    Args:
        objective: the rows and their loss.
        free: the numbers of the weights that the rows determine; None for all.
        level: the quantile level; by default that of the loss.

    Raises:
        FitError: there are too many rows and columns, or the program fails.
    """
    response, source = objective.response, objective.source
    level = level_of(objective) if level is None else level
    if source.rows * (source.features + 1) > _MOST_ENTRIES:
        raise ModelSizeError(
            f"the linear program of {source.rows} rows by {source.features} columns is too large; "
            "pass --likelihood huber, or --optimizer lbfgs."
        )
    parts = [
        (b.columns.dense(), (b.y - response.centre) / response.spread, b.offset, b.weight)
        for b in source
    ]
    x = torch.cat([z for z, *_ in parts])
    spread = response.spread
    y = torch.cat([t if shift is None else t - shift / spread for _, t, shift, _ in parts])
    weight = torch.cat([torch.ones_like(t) if w is None else w for _, t, _, w in parts])
    weights = torch.zeros(objective.size, dtype=torch.float64)
    free = torch.arange(objective.size) if free is None else free
    solution = _optimum(x[:, free].numpy(), y.numpy(), weight.numpy(), level)
    weights[free] = torch.from_numpy(solution)
    return weights


def _optimum(x: np.ndarray, y: np.ndarray, weight: np.ndarray, level: float) -> np.ndarray:
    """Return the weights of the columns.

    For many rows, a sample determines the side of the fit on which most rows lie. These rows are
    fixed, and the program of the others is solved. Its solution is optimal for all rows if the
    fixed ones lie on their sides.
    """
    count = len(y)
    fraction = 1.0
    if count > _SAMPLED_ROWS:
        sample = np.random.default_rng(0).choice(count, max(_SAMPLED_ROWS // 2, 20 * x.shape[1]))
        start = _program(
            x[sample], y[sample], weight[sample], (1 - level) * (x[sample].T @ weight[sample])
        )
        error = y - x @ (np.zeros(x.shape[1]) if isinstance(start, str) else start)
        fraction = _BAND
    moments = (1 - level) * (x.T @ weight)
    while fraction < 1:
        low, high = np.quantile(error, [max(level - fraction, 0), min(level + fraction, 1)])
        below, above = error < low, error > high
        near = ~(below | above)
        found = _program(x[near], y[near], weight[near], moments - x[above].T @ weight[above])
        if not isinstance(found, str):
            residual = y - x @ found
            if (residual[above] >= 0).all() and (residual[below] <= 0).all():
                return found
        fraction *= 3
    found = _program(x, y, weight, moments)
    if isinstance(found, str):
        raise DivergenceError(f"the linear program found no optimum: {found}")
    return found


def _program(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, moments: np.ndarray
) -> np.ndarray | str:
    """Return the dual solution of max yᵀa, xᵀa = moments, 0 ≤ a ≤ w; or the solver's message."""
    bounds = np.stack([np.zeros_like(weight), weight], 1)
    solved = optimize.linprog(-y, A_eq=x.T, b_eq=moments, bounds=bounds, method="highs")
    return -solved.eqlin.marginals if solved.status == 0 else str(solved.message)
