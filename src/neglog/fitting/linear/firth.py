"""Firth's logistic regression: finite weights for separated data.

Half the logarithm of the information's determinant (Jeffreys' prior) is added to the
log-likelihood, which removes the first-order bias of the weights.

Source: D. Firth, Bias reduction of maximum likelihood estimates, Biometrika 80, 1993; G. Heinze,
M. Schemper, A solution to the problem of separation in logistic regression, Statistics in
Medicine 21, 2002.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from neglog.fitting.likelihoods.row_losses import gradient, weighted
from neglog.fitting.linear.newton import ROUNDING, Step, newton_direction
from neglog.fitting.linear.objective import Objective, Value

_TOLERANCE = 1e-22  # its steps are not Newton's own, so that the last one still counts
_HALVINGS = 40


def firth_steps(objective: Objective, weights: Tensor, free: Tensor) -> Iterator[Step]:
    """Yield the start and every step, until the penalised gradient is zero.

    Args:
        objective: the rows and their Bernoulli likelihood.
        weights: the initial weights.
        free: the indices of the free weights.
    """
    value, number = objective.value(weights), 0
    loss = _penalised(objective, value, free)
    while True:
        assert value.hessian is not None
        penalised_gradient = _gradient(objective, weights, value, free)
        newton_step, pivot = newton_direction(value.hessian[free][:, free], penalised_gradient)
        decrement = float(penalised_gradient @ newton_step) / 2
        last = decrement < _TOLERANCE
        yield Step(number, weights, value, decrement, pivot, last=last)
        if last:
            return
        number += 1
        for _ in range(_HALVINGS):
            candidate = weights.index_add(0, free, -newton_step)
            candidate_value = objective.value(candidate)
            candidate_loss = _penalised(objective, candidate_value, free)
            if candidate_loss <= loss + ROUNDING * max(1.0, abs(loss)):
                break
            newton_step = newton_step / 2
        weights, value, loss = candidate, candidate_value, candidate_loss


def _penalised(objective: Objective, value: Value, free: Tensor) -> float:
    assert value.hessian is not None
    return value.loss - float(torch.logdet(value.hessian[free][:, free])) / 2 / objective.total


def _gradient(objective: Objective, weights: Tensor, value: Value, free: Tensor) -> Tensor:
    """Return the gradient of the mean loss minus half the log-determinant."""
    assert value.hessian is not None
    inverse = torch.zeros_like(value.hessian)
    inverse[free[:, None], free] = torch.linalg.inv(value.hessian[free][:, free]) / objective.total
    total = torch.zeros_like(weights)
    for batch, losses in objective.losses_by_batch(weights):
        z = batch.columns.dense()
        p = losses.slope[:, 0] + objective.response.encode_target(batch.y)
        leverage = weighted(p * (1 - p), batch.weight) * ((z @ inverse) * z).sum(1)
        total += gradient(losses, 1, batch.columns, batch.weight)
        total += batch.columns.transpose_matmul((leverage * (p - 0.5))[:, None])[:, 0]
    return objective.reduce(total)[free] / objective.total
