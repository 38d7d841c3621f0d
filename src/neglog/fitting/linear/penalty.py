"""L1 and L2 penalties on the weights of a linear model.

Both apply to standardised columns, and not to intercepts. The L1 penalty uses proximal Newton
steps, each a lasso problem solved by coordinate descent.

Source: J. Friedman, T. Hastie, R. Tibshirani, Regularization paths for generalized linear models
via coordinate descent, Journal of Statistical Software 33, 2010.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from neglog.fitting.linear.newton import Step
from neglog.fitting.linear.objective import Objective

_ENOUGH = 1e-14
_MAX_PASSES = 10_000
_SMALL = 1e-12
_NEGATIVE, _FLOOR = 1e-12, 1e-6  # of the largest curvature
_HALVINGS = 40


def standard_deviations(gram: Tensor) -> Tensor:
    """Return (P,) the standard deviations of the columns, given their Gram matrix."""
    rows = gram[-1, -1]
    return (gram.diagonal()[:-1] / rows - (gram[-1, :-1] / rows).square()).clamp(min=0).sqrt()


def ridge(objective: Objective, spread: Tensor, amount_unit: float) -> Tensor:
    """Return (W, W) the matrix of `amount_unit` times half the squares of the weights.

    For several classes, the penalty applies to weights centred over the classes, so that it does
    not depend on the reference class.
    """
    response, width = objective.response, objective.source.features + 1
    squares = amount_unit * torch.cat([spread.square(), torch.zeros(1, dtype=torch.float64)])
    across = torch.eye(response.outputs, dtype=torch.float64)
    if response.is_relative:
        across = across - 1 / (response.outputs + 1)
    matrix = torch.zeros(objective.size, objective.size, dtype=torch.float64)
    scaled = response.outputs * width
    matrix[:scaled, :scaled] = torch.kron(across, torch.diag(squares))
    return matrix


def lasso_steps(
    objective: Objective, weights: Tensor, free: Tensor, spread: Tensor, amount_unit: float
) -> Iterator[Step]:
    """Yield the start and every step, until the penalised loss stops decreasing.

    Args:
        objective: the rows and their likelihood.
        weights: the initial weights.
        free: the indices of the free weights.
        spread: the standard deviations of the columns.
        amount_unit: the strength of the L1 penalty.
    """
    response, width = objective.response, objective.source.features + 1
    costs = torch.zeros(objective.size, dtype=torch.float64)
    scaled = torch.cat([spread, torch.zeros(1, dtype=torch.float64)]) * amount_unit
    costs[: response.outputs * width] = scaled.repeat(response.outputs)
    value, number = objective.value(weights), 0
    loss = value.minimised + float(costs @ weights.abs())
    while True:
        assert value.hessian is not None
        direction = torch.zeros_like(weights)
        direction[free] = _descend(
            _convex(value.hessian[free][:, free]), value.gradient[free], weights[free], costs[free]
        )
        expected = float(
            value.gradient @ direction + costs @ ((weights + direction).abs() - weights.abs())
        )
        yield Step(number, weights, value, -expected / 2, 1.0)
        number += 1
        for _ in range(_HALVINGS):
            candidate = weights + direction
            candidate_value = objective.value(candidate)
            candidate_loss = candidate_value.minimised + float(costs @ candidate.abs())
            if candidate_loss <= loss or -expected < _ENOUGH:
                break
            direction = direction / 2
        weights, value, loss = candidate, candidate_value, candidate_loss
        if -expected < _ENOUGH:
            yield Step(number, weights, value, max(-expected, 0.0) / 2, 1.0, last=True)
            return


def _convex(hessian: Tensor) -> Tensor:
    """Return the Hessian, or one of a minimum: negative curvatures change their signs."""
    values, vectors = torch.linalg.eigh(hessian)
    largest = float(values.abs().max())
    if float(values[0]) >= -_NEGATIVE * largest:
        return hessian
    positive: Tensor = (vectors * values.abs().clamp(min=_FLOOR * largest)) @ vectors.T
    return positive


def _descend(hessian: Tensor, gradient: Tensor, weights: Tensor, costs: Tensor) -> Tensor:
    """Minimise g·d + ½ d·H d + Σ c |w + d| over d by coordinate descent."""
    h, g, w, c = (t.numpy() for t in (hessian, gradient, weights, costs))
    direction, slope = np.zeros_like(w), g.copy()
    size = np.maximum(np.diag(h), np.finfo(float).tiny)
    for _ in range(_MAX_PASSES):
        largest = 0.0
        for j in range(len(w)):
            current = w[j] + direction[j]
            unpenalised = current - slope[j] / size[j]
            candidate = np.sign(unpenalised) * max(abs(unpenalised) - c[j] / size[j], 0.0)
            if candidate != current:
                direction[j] += candidate - current
                slope += h[j] * (candidate - current)
                largest = max(largest, abs(candidate - current) * size[j] ** 0.5)
        if largest < _SMALL:
            break
    return torch.from_numpy(direction)
