"""The null model, which knows no feature; and mean losses in nats."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from neglog.fitting.likelihoods.responses import Classes, Response, average
from neglog.fitting.linear.newton import steps
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.objective import Objective

_STEPS = 100


def mean_nats(
    response: Response, loss: float, y: Tensor, weight: Tensor | None, dispersion: float | None
) -> float:
    """Return the mean of the rows' negative log-likelihoods, given that of `local`'s losses."""
    same = torch.full((1,), loss, dtype=torch.float64)
    nats = response.nats(same, y, dispersion)
    return float(nats) if nats.numel() == 1 else average(nats, weight)


def loss(problem: Objective) -> float:
    """Return the mean loss, in nats, of rows of which only the target, and the offset, is known."""
    problem = of_intercepts(problem)
    _, reached = optimum(problem)
    return problem.nats(reached, problem.dispersion(reached))


def of_intercepts(problem: Objective) -> Objective:
    """Return the problem without features."""
    bare, response = problem.bare(), problem.response
    if isinstance(response, Classes) and response.base is None:
        return replace(bare, response=replace(response, outputs=response.outputs - 1, base=0))
    return bare


def optimum(problem: Objective, shared: Tensor | None = None) -> tuple[Tensor, float]:
    """Return the weights of a problem without features, and the mean of `local`'s losses.

    Args:
        problem: as of `of_intercepts`.
        shared: what all rows share, where that is held.
    """
    response = problem.response
    start = problem.start()
    if not response.smooth:
        start = quantile(problem)
    free = torch.arange(0 if response.intercept else 1, problem.size)
    if shared is not None:
        start[response.outputs :] = shared
        free = free[: response.outputs]
    if response.smooth:
        for step in islice(steps(problem, start, free), _STEPS):
            start = step.weights
    return start, problem.value(start, second=False).loss
