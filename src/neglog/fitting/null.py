"""The null model, which knows no feature; and mean losses in nats."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from neglog.fitting.linear.memory import Memory
from neglog.fitting.linear.newton import steps
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.responses import Classes, Response, average
from neglog.fitting.linear.sums import Problem


def mean_nats(
    response: Response, loss: float, y: Tensor, weight: Tensor | None, dispersion: float | None
) -> float:
    """Return the mean of the rows' negative log-likelihoods, given that of `local`'s losses."""
    same = torch.full((1,), loss, dtype=torch.float64)
    nats = response.nats(same, y, dispersion)
    return float(nats) if nats.numel() == 1 else average(nats, weight)


def loss(response: Response, source: Memory) -> float:
    """Return the mean loss, in nats, of rows of which only the target, and the offset, is known."""
    problem = of_intercepts(response, source)
    response = problem.response
    _, reached = optimum(problem)
    y, weight = response.reads(source.y), source.weight
    return mean_nats(response, reached, y, weight, response.dispersion(reached, y, weight))


def of_intercepts(response: Response, source: Memory) -> Problem:
    """Return the problem without features."""
    if isinstance(response, Classes) and response.base is None:  # as of a network
        response = replace(response, outputs=response.outputs - 1, base=0)
    x = torch.empty(source.rows, 0, dtype=torch.float64)
    bare = replace(source, x=x, y=response.reads(source.y), labels=(), centre=None)
    if isinstance(response, Classes) and response.base is None:
        response = replace(response, outputs=response.outputs - 1, base=0)
    total = float(source.rows if source.weight is None else source.weight.sum())
    return Problem(response, bare, total)


def optimum(problem: Problem, shared: Tensor | None = None) -> tuple[Tensor, float]:
    """Return the weights of a problem without features, and the mean of `local`'s losses.

    Args:
        problem: as of `of_intercepts`.
        shared: what all rows share, where that is held.
    """
    response, source = problem.response, problem.source
    assert isinstance(source, Memory)
    start = response.start(source.y, source.weight)
    if not response.smooth:
        start = quantile(problem)
    free = torch.arange(0 if response.intercept else 1, problem.size)
    if shared is not None:
        start[response.outputs :] = shared
        free = free[: response.outputs]
    if response.smooth:
        for step in steps(problem, start, free):
            start = step.weights
    return start, problem.value(start, second=False).loss
