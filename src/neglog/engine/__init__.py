"""The engines: how a declared likelihood becomes a reduced loss with a gradient.

Each shape has three readings of the one formula: the Numba kernel (eager, on a CPU), the same
kernel behind a custom operator (`torch.compile`), and the reference (everything else: other
devices, double backward, forward mode, `torch.func`, tensor subclasses).
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine import autograd, ops, reference, values
from neglog.engine.problem import Elements as Elements
from neglog.engine.problem import RowsOfClasses as RowsOfClasses
from neglog.engine.values import check_inputs as check_inputs

_HALF = (torch.float16, torch.bfloat16)


def elementwise(problem: Elements) -> Tensor:
    """Return the reduced loss, in the dtype of the inputs. Halves are computed in float32."""
    dtype = problem.y.dtype
    if dtype in _HALF:
        problem = problem.each(torch.Tensor.float)
    weighed = problem.weight is not None and problem.weight.requires_grad
    if weighed or not values.kernel_serves(*problem.inputs, problem.y):
        if values.are_known(*problem.inputs, problem.y):
            values.check(problem)
        loss = reference.reduced_elements(problem)
    elif torch.compiler.is_compiling():
        loss = ops.elements(problem)
    else:
        loss = autograd.elements(problem)
    return loss.to(dtype)


def rows(problem: RowsOfClasses) -> Tensor:
    """Return the reduced loss, in the dtype of the rows. Halves are computed in float32.

    A mean over labels divides by the weight of the labels that count, a mean over probabilities
    by the shares of the rows, as in torch.
    """
    x, y = problem.x, problem.y
    if x.dtype in _HALF:
        problem = problem.each(torch.Tensor.float)
    constants = (y, *(t for t in (problem.weight, problem.share) if t is not None))
    if any(t.requires_grad for t in constants) or not values.kernel_serves(problem.x, y):
        if y.dim() == 1 and values.are_known(y):
            values.check_labels(problem)
        loss = reference.reduced_rows(problem)
    elif torch.compiler.is_compiling():
        loss = ops.rows_of_classes(problem)
    else:
        loss = autograd.rows(problem)
    return loss.to(x.dtype)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension."""
    dtype = x.dtype
    if dtype in _HALF:
        x = x.float()
    if x.numel() == 0:
        return torch.log_softmax(x, -1).to(dtype)
    if torch.compiler.is_compiling() or not values.kernel_serves(x):
        return reference.log_softmax(x).to(dtype)
    return autograd.log_softmax(x).to(dtype)
