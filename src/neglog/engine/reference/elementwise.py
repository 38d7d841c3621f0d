"""The elementwise loss in torch's operations, on any device, differentiable twice.

The derivatives are the declared ones instead of torch's derivatives of the formula, which are wrong
where an exact form has a kink that the loss does not have (|logit| at 0).
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.device import tensor_like
from neglog.engine.derivatives import as_tensors, nll
from neglog.engine.problem import ElementwiseProblem
from neglog.engine.values import HALF
from neglog.engine.weighing import weighed
from neglog.support import Support, anything


def reduced_elements(problem: ElementwiseProblem) -> Tensor:
    """Return the reduced loss of elements, computed in float32 or more."""
    dtype = problem.y.dtype
    if dtype in HALF:
        return reduced_elements(problem.each(Tensor.float)).to(dtype)
    problem, weight = shown(problem), problem.weight
    loss = nll(problem.likelihood, problem.settings, *problem.inputs, *problem.given, problem.y)
    if problem.factor != 1.0:  # as a tensor: a 0-dimensional tangent times a float is float64
        loss = loss * torch.full((), problem.factor, dtype=loss.dtype, device=loss.device)
    return reduced(loss if weight is None else weighed(loss, weight), problem.reduction)


def shown(problem: ElementwiseProblem) -> ElementwiseProblem:
    """Return a problem in which excluded elements are replaced, so that none results in NaN."""
    if not problem.masked or problem.weight is None:
        return problem
    counts = problem.weight != 0
    *others, weight = problem.tensors()
    likelihood, n = problem.likelihood, len(problem.inputs)
    sets = [*likelihood.domains, likelihood.support, *[anything] * (len(others) - n - 1)]
    # Different numbers: two equal inputs may be a pole.
    fillers = [_member(where, float(i)) for i, where in enumerate(sets, start=1)]
    filled = [torch.where(counts, t, f) for t, f in zip(others, fillers, strict=True)]
    return problem.with_tensors([*filled, weight])


def _member(where: Support, number: float) -> float:
    """Return a number if a set contains it, else a member of the set."""
    return number if where.contains(number) else where.members[-1]


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Return the losses, their mean or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def constant(problem: ElementwiseProblem) -> Tensor:
    """Return the constant that `nll` omits, for every target."""
    y = problem.y
    dropped = problem.likelihood.constant(*as_tensors(problem.settings, y), y)
    return tensor_like(dropped, y).expand_as(y)
