"""Firth's logistic regression: finite weights where the maximum of the likelihood is at infinity.

Half the logarithm of the information's determinant (Jeffreys' prior) is added to the
log-likelihood, which takes off the first order of the weights' bias.

Source: D. Firth, Bias reduction of maximum likelihood estimates, Biometrika 80, 1993; G. Heinze,
M. Schemper, A solution to the problem of separation in logistic regression, Statistics in
Medicine 21, 2002.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from neglog.fitting.likelihoods.row_losses import gradient, weighted
from neglog.fitting.linear.newton import ROUNDING, Step, direction
from neglog.fitting.linear.objective import Objective, Value

_ENOUGH = 1e-22  # its steps are not Newton's own, so that the last one still counts
_HALVINGS = 40


def firth_steps(problem: Objective, weights: Tensor, free: Tensor) -> Iterator[Step]:
    """Yield the start, then step after step, until the penalised derivative is zero.

    Args:
        problem: the rows and their Bernoulli likelihood.
        weights: where to begin.
        free: the numbers of the weights that may change.
    """
    value, number = problem.value(weights), 0
    loss = _penalised(problem, value, free)
    while True:
        assert value.hessian is not None
        pulled = _gradient(problem, weights, value, free)
        way, pivot = direction(value.hessian[free][:, free], pulled)
        decrement = float(pulled @ way) / 2
        last = decrement < _ENOUGH
        yield Step(number, weights, value, decrement, pivot, last=last)
        if last:
            return
        number += 1
        for _ in range(_HALVINGS):
            reached = weights.index_add(0, free, -way)
            there = problem.value(reached)
            fallen = _penalised(problem, there, free)
            if fallen <= loss + ROUNDING * max(1.0, abs(loss)):
                break
            way = way / 2
        weights, value, loss = reached, there, fallen


def _penalised(problem: Objective, value: Value, free: Tensor) -> float:
    assert value.hessian is not None
    return value.loss - float(torch.logdet(value.hessian[free][:, free])) / 2 / problem.total


def _gradient(problem: Objective, weights: Tensor, value: Value, free: Tensor) -> Tensor:
    """Return the mean loss's gradient less that of half the determinant's logarithm."""
    assert value.hessian is not None
    inverse = torch.zeros_like(value.hessian)
    inverse[free[:, None], free] = torch.linalg.inv(value.hessian[free][:, free]) / problem.total
    total = torch.zeros_like(weights)
    for batch, local in problem.each(weights):
        z = batch.columns.dense()
        p = local.slope[:, 0] + problem.response.reads(batch.y)
        leverage = weighted(p * (1 - p), batch.weight) * ((z @ inverse) * z).sum(1)
        total += gradient(local, 1, batch.columns, batch.weight)
        total += batch.columns.pull((leverage * (p - 0.5))[:, None])[:, 0]
    return problem.reduce(total)[free] / problem.total
