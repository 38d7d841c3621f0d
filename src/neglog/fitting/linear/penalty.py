"""Penalties on a linear model's weights: half their squares, or their absolute values.

Both are of columns in units of their standard deviation, and leave the intercepts alone. The
absolute values are minimised by proximal Newton steps, each a lasso of squares that is solved
coordinate by coordinate.

Source: J. Friedman, T. Hastie, R. Tibshirani, Regularization paths for generalized linear models
via coordinate descent, Journal of Statistical Software 33, 2010.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from neglog.fitting.likelihoods.responses import Classes
from neglog.fitting.linear.newton import Step
from neglog.fitting.linear.objective import Objective

_ENOUGH = 1e-14
_SWEEPS = 10_000
_SMALL = 1e-12
_HALVINGS = 40


def spreads(gram: Tensor) -> Tensor:
    """Return (P,) the columns' standard deviations, given their products with each other."""
    rows = gram[-1, -1]
    return (gram.diagonal()[:-1] / rows - (gram[-1, :-1] / rows).square()).clamp(min=0).sqrt()


def ridge(problem: Objective, spread: Tensor, amount: float) -> Tensor:
    """Return (W, W) the matrix of `amount` times half the squares of the weights.

    Of several classes the weights that count are those centred over the classes, so that the base
    is no different from the others.
    """
    response, width = problem.response, problem.source.features + 1
    squares = amount * torch.cat([spread.square(), torch.zeros(1, dtype=torch.float64)])
    across = torch.eye(response.outputs, dtype=torch.float64)
    if isinstance(response, Classes):
        across = across - 1 / response.count
    matrix = torch.zeros(problem.size, problem.size, dtype=torch.float64)
    own = response.outputs * width
    matrix[:own, :own] = torch.kron(across, torch.diag(squares))
    return matrix


def lasso_steps(
    problem: Objective, weights: Tensor, free: Tensor, spread: Tensor, amount: float
) -> Iterator[Step]:
    """Yield the start, then step after step, until the penalised loss does not fall any more.

    Args:
        problem: the rows and their likelihood.
        weights: where to begin.
        free: the numbers of the weights that may change.
        spread: the columns' standard deviations.
        amount: what the absolute values of the weights are multiplied by.
    """
    response, width = problem.response, problem.source.features + 1
    cost = torch.zeros(problem.size, dtype=torch.float64)
    own = torch.cat([spread, torch.zeros(1, dtype=torch.float64)]) * amount
    cost[: response.outputs * width] = own.repeat(response.outputs)
    value, number = problem.value(weights), 0
    loss = value.minimised + float(cost @ weights.abs())
    while True:
        assert value.hessian is not None
        way = torch.zeros_like(weights)
        way[free] = _descend(
            value.hessian[free][:, free], value.gradient[free], weights[free], cost[free]
        )
        expected = float(value.gradient @ way + cost @ ((weights + way).abs() - weights.abs()))
        yield Step(number, weights, value, -expected / 2, 1.0)
        number += 1
        for _ in range(_HALVINGS):
            reached = weights + way
            there = problem.value(reached)
            fallen = there.minimised + float(cost @ reached.abs())
            if fallen <= loss or -expected < _ENOUGH:
                break
            way = way / 2
        weights, value, loss = reached, there, fallen
        if -expected < _ENOUGH:
            yield Step(number, weights, value, max(-expected, 0.0) / 2, 1.0, last=True)
            return


def _descend(hessian: Tensor, gradient: Tensor, weights: Tensor, cost: Tensor) -> Tensor:
    """Return the d that minimises g·d + ½ d·H d + Σ c |w + d|, coordinate by coordinate."""
    h, g, w, c = (t.numpy() for t in (hessian, gradient, weights, cost))
    way, slope = np.zeros_like(w), g.copy()
    size = np.maximum(np.diag(h), np.finfo(float).tiny)
    for _ in range(_SWEEPS):
        largest = 0.0
        for j in range(len(w)):
            at = w[j] + way[j]
            wanted = at - slope[j] / size[j]
            reached = np.sign(wanted) * max(abs(wanted) - c[j] / size[j], 0.0)
            if reached != at:
                way[j] += reached - at
                slope += h[j] * (reached - at)
                largest = max(largest, abs(reached - at) * size[j] ** 0.5)
        if largest < _SMALL:
            break
    return torch.from_numpy(way)
