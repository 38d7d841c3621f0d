"""Finite results of the CPU kernels where terms or sums overflow in between.

The kernels compute in float64 or float32. Where their sum is not finite, this module finds the
elements whose loss overflowed although their tensors are finite, computes them again in
`longdouble`, and scales every loss before adding them. Where `longdouble` is float64, only the sums
have the wider range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine import reference
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.primitives.extended import extended, real


def of_elements(
    problem: ElementwiseProblem, scale: float, value: Tensor, gradients: Sequence[Tensor | None]
) -> Tensor:
    """Return the loss without overflow, and correct the gradients in place.

    Args:
        problem: with its tensors.
        scale: the factor of each loss in the result; that of a mean includes its divisor.
        value: the loss as the kernel has it, which is right if a tensor holds NaN.
        gradients: by the inputs and the target, None where they are not needed.
    """
    shape = problem.y.shape
    wide = reference.shown(problem.with_tensors([_wide(t, shape) for t in problem.tensors()]))
    tensors = [t for t in wide.tensors() if t is not None]
    if any(bool(t.isnan().any()) for t in tensors):
        return value
    weight = 1.0 if wide.weight is None else wide.weight
    losses = reference.reduced_elements(wide._replace(weight=None, factor=1.0, reduction="none"))
    scaled = losses * scale * weight
    reached = losses.to(value.dtype).isfinite() & scaled.isfinite()
    results = [value] if problem.reduction == "none" else []
    for result in (*results, *(g for g in gradients if g is not None)):
        reached &= result.isfinite()
    lost = ~reached & torch.stack([t.isfinite() for t in tensors]).all(0)
    terms, *slopes = _terms(wide.each(lambda t: t[lost]), scale)
    for gradient, slope in zip(gradients, slopes, strict=False):
        if gradient is not None:
            gradient[lost] = _stored(slope, gradient)
    if problem.reduction == "none":
        value[lost] = _stored(terms, value)
        return value
    with np.errstate(invalid="ignore"):  # infinite terms of both signs: NaN
        total = scaled.masked_fill_(lost, 0.0).numpy().astype(real).sum() + terms.sum()
    return _stored(total, value)


def of_rows(problem: RowwiseProblem, scale: float, value: Tensor) -> Tensor:
    """Return the loss of rows without overflow; their gradients are bounded.

    Args:
        problem: with its tensors.
        scale: the factor of each loss in the result; that of a mean includes its divisor.
        value: the loss as the kernel has it.
    """
    rows = problem.by_rows().each(lambda t: t.detach().double())
    keep = reference.kept_rows(rows)
    losses = reference.losses_of_rows(rows, keep)
    sample_weight = rows.x.new_full((len(rows.x),), scale)
    sample_weight = (
        sample_weight if rows.sample_weight is None else sample_weight * rows.sample_weight
    )
    scaled = torch.where(keep, losses * sample_weight, 0.0)
    reached = losses.to(value.dtype).isfinite() & scaled.isfinite()
    lost = keep & ~reached & (rows.x < math.inf).all(1)
    terms = _terms_of_rows(_chosen(rows, lost)) * _long(sample_weight[lost])
    if problem.reduction == "none":
        value[lost] = _stored(terms, value)
        return value
    with np.errstate(invalid="ignore"):  # infinite terms of both signs: NaN
        total = scaled.masked_fill_(lost, 0.0).numpy().astype(real).sum() + terms.sum()
    return _stored(total, value)


def _chosen(rows: RowwiseProblem, chosen: Tensor) -> RowwiseProblem:
    return rows._replace(x=rows.x[chosen], y=rows.y[chosen], sample_weight=None)


def _terms_of_rows(rows: RowwiseProblem) -> Any:
    """Return the losses of rows in `longdouble`."""
    x, smoothing, classes = _long(rows.x), rows.smoothing, rows.x.shape[1]
    y = reference.one_hot(rows.y, rows.x) if rows.y.dim() == 1 else rows.y
    target = _long((1.0 - smoothing) * y + smoothing / classes)
    with np.errstate(all="ignore"):
        if rows.likelihood.softmax:
            x = x - x.max(1, initial=-np.inf, keepdims=True)
            x = x - np.log(np.exp(x).sum(1, keepdims=True))
        terms = extended(rows.likelihood.nll)(x, *map(real, rows.settings), target)
        return (terms if rows.weight is None else terms * _long(rows.weight)).sum(1)


def _wide(tensor: Tensor | None, shape: torch.Size) -> Tensor | None:
    """Return a tensor in float64, a repeated pattern in full: see `layout.pattern_of`."""
    if tensor is None or tensor.shape == shape:
        return None if tensor is None else tensor.detach().double()
    size = shape.numel()
    return tensor.double().repeat(-(-size // tensor.numel()))[:size].reshape(shape)


def _terms(problem: ElementwiseProblem, scale: float) -> list[Any]:
    """Return the losses, and their derivatives by the inputs and the target, in `longdouble`."""
    likelihood, n = problem.likelihood, len(problem.inputs)
    *tensors, weight = [None if t is None else _long(t) for t in problem.tensors()]
    point = (*tensors[:n], *tensors[n + 1 :], *map(real, problem.settings), tensors[n])
    slopes = extended(likelihood.grad)(*point)
    slopes = slopes if isinstance(slopes, tuple) else (slopes,)
    results = extended(likelihood.nll)(*point), *slopes, extended(likelihood.grad_target)(*point)
    factor = real(scale) * (real(1) if weight is None else weight)
    return [result * factor for result in results]


def _long(tensor: Tensor) -> Any:
    return tensor.numpy().astype(real)


def _stored(numbers: Any, like: Tensor) -> Tensor:
    """Return numbers in the dtype of a tensor."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.asarray(numbers, dtype=np.float64)).to(like.dtype)
