"""The null model, without features; and mean losses in nats."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from neglog.fitting.likelihoods.responses import Response, average
from neglog.fitting.linear.newton import steps
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.objective import Objective

_STEPS = 100


def mean_nats(
    response: Response, loss: float, y: Tensor, weight: Tensor | None, dispersion: float | None
) -> float:
    """Return the mean negative log-likelihood, given the mean of the losses of `row_losses`."""
    same = torch.full((1,), loss, dtype=torch.float64)
    nats = response.nats(same, y, dispersion)
    return float(nats) if nats.numel() == 1 else average(nats, weight)


def loss(objective: Objective) -> float:
    """Return the mean loss of the null model in nats."""
    objective = intercept_only(objective)
    _, reached = optimum(objective)
    return objective.nats(reached, objective.dispersion(reached))


def intercept_only(objective: Objective) -> Objective:
    """Return the objective without features."""
    return replace(objective.without_features(), response=objective.response.with_reference())


def optimum(objective: Objective, shared: Tensor | None = None) -> tuple[Tensor, float]:
    """Return the weights of a problem without features, and the mean of `row_losses`'s losses.

    Args:
        objective: as of `intercept_only`.
        shared: fixed shared parameters, if any.
    """
    response = objective.response
    start = objective.start()
    if not response.smooth:
        start = quantile(objective)
    free = torch.arange(0 if response.intercept else 1, objective.size)
    if shared is not None:
        start[response.outputs :] = shared
        free = free[: response.outputs]
    if response.smooth:
        for step in islice(steps(objective, start, free), _STEPS):
            start = step.weights
    return start, objective.value(start, needs_hessian=False).loss
