"""The optimum of losses with kinks, absolute errors and quantiles, as a linear program.

Source: R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978; the program of fewer
rows is that of S. Portnoy, R. Koenker, The Gaussian hare and the Laplacian tortoise, Statistical
Science 12, 1997.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from neglog.errors import FitError
from neglog.fitting.linear.responses import Location
from neglog.fitting.linear.sums import Problem

_MOST_ENTRIES = 50_000_000


def quantile(problem: Problem, free: Tensor | None = None) -> Tensor:
    """Return the weights of a linear model of a quantile, the one half of absolute errors.

    The program is the dual one, of as many constraints as there are weights.

    Raises:
        FitError: there are too many rows and columns, or the program fails.
    """
    response, source = problem.response, problem.source
    assert isinstance(response, Location)
    level = response.settings[0] if response.settings else 0.5
    if source.rows * (source.features + 1) > _MOST_ENTRIES:
        raise FitError(
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
    weights = torch.zeros(problem.size, dtype=torch.float64)
    free = torch.arange(problem.size) if free is None else free
    weights[free] = _program(x[:, free].numpy(), y.numpy(), weight.numpy(), level)
    return weights


def _program(x: np.ndarray, y: np.ndarray, weight: np.ndarray, level: float) -> Tensor:
    """Return the weights of the columns: the prices of max yᵀa, xᵀa = (1 − q) xᵀw, 0 ≤ a ≤ w."""
    solved = optimize.linprog(
        -y,
        A_eq=x.T,
        b_eq=(1 - level) * (x.T @ weight),
        bounds=np.stack([np.zeros_like(weight), weight], 1),
        method="highs",
    )
    if solved.status != 0:
        raise FitError(f"the linear program found no optimum: {solved.message}")
    return torch.from_numpy(-solved.eqlin.marginals)
