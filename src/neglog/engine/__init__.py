"""The engines: how a declared likelihood becomes a reduced loss with a gradient.

Each shape has three readings of the one formula: the Numba kernel (eager, on a CPU), the same
kernel behind a custom operator (`torch.compile`), and the reference (everything else: other
devices, double backward, `torch.func`, targets that want a gradient).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neglog.engine import autograd, ops, reference, values
from neglog.likelihood import Elementwise, Rows

_HALF = (torch.float16, torch.bfloat16)


def elementwise(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    *,
    given: Sequence[Tensor] = (),
    weight: Tensor | None = None,
    factor: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Return `factor` times the loss of x (any shape) against y (the same shape), reduced.

    `given` and `weight` are of x's shape too. Halves are computed in float32.
    """
    dtype = x.dtype
    x, y, given = _widened(x), _widened(y), [_widened(t) for t in given]
    weight = None if weight is None else _widened(weight)
    if not values.kernel_serves(x, y):
        if values.are_known(x, y):
            values.check(likelihood, x, y)
        loss = factor * reference.elementwise(likelihood, x, y, *given)
        return reference.reduced(loss if weight is None else loss * weight, reduction).to(dtype)
    if torch.compiler.is_compiling():
        loss = ops.elementwise(likelihood.name, x, y, given, weight, factor, reduction)[0]
    else:
        loss = autograd.elementwise(likelihood, x, y, given, weight, factor, reduction)
    return loss.to(dtype)


def rows(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    *,
    weight: Tensor | None = None,
    ignored: int = -100,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Return the loss of rows x (N, K) against labels (N,) of int64 or probabilities (N, K).

    A mean over labels divides by the weight of the labels that count, a mean over probabilities
    by N, as in torch.
    """
    dtype = x.dtype
    x, y = _widened(x), y if y.dim() == 1 else _widened(y)
    weight = None if weight is None else weight.to(x.dtype)
    problem = (x, y, weight, ignored, smoothing, reduction)
    if not values.kernel_serves(x, y):
        if y.dim() == 1 and values.are_known(y):
            values.check_labels(y, x.shape[1], ignored)
        return reference.reduced_rows(likelihood, *problem).to(dtype)
    if torch.compiler.is_compiling():
        loss: Tensor = ops.rows(likelihood.name, *problem)[0]
    else:
        loss = autograd.rows(likelihood, *problem)
    return loss.to(dtype)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension."""
    dtype = x.dtype
    x = _widened(x)
    if x.numel() == 0:
        return torch.log_softmax(x, -1).to(dtype)
    if torch.compiler.is_compiling() or not values.kernel_serves(x):
        return reference.log_softmax(x).to(dtype)
    return autograd.log_softmax(x).to(dtype)


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in _HALF else tensor
