"""Losses of rows that are split over processes: the share of each process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.device import sum_dtype, tensor_like
from neglog.distributed.plan import Plan
from neglog.engine import values
from neglog.engine.weighing import divided
from neglog.errors import NeglogError

Call = Callable[..., Any]


def share(plan: Plan, call: Call, reduction: str, normalizer: Any, empty: str) -> Tensor:
    """Return this process's share of a sum or a mean over the rows of all processes.

    Means of half precisions are float32, so that shares are not rounded before they are added.

    Args:
        plan: how rows are split.
        call: returns the loss of this process's rows, given a `reduction` and a `normalizer`.
        reduction: ``"sum"`` or ``"mean"``.
        normalizer: the divisor of a mean, if the caller passes one; then no process waits.
        empty: the mean over no losses.
    """
    if reduction == "sum":
        return _times(call(reduction="sum"), plan.scale)
    if normalizer is not None:
        part: Tensor = call(reduction="mean", normalizer=normalizer)
        return _times(part, plan.scale)
    total, count, error = None, None, None
    try:
        total, count = call(reduction=validation.PAIR)
    except NeglogError as raised:
        error = raised
    sums = _sums(total, count)
    whole_total, whole_count = plan.agreed(sums, error).to(sums.dtype)
    assert total is not None and count is not None
    return _times(_mean(total, count, whole_total, whole_count, call, empty), plan.scale)


def _sums(total: Tensor | None, count: Tensor | None) -> Tensor:
    """Return this process's sums; zeros where it has an error instead."""
    if total is None or count is None:
        return torch.zeros(2, dtype=torch.float64)
    dtype = sum_dtype(total.device)
    return torch.stack([t.detach().to(dtype) for t in (total, count)])


def _mean(
    total: Tensor,
    count: Tensor,
    whole_total: Tensor,
    whole_count: Tensor,
    call: Call,
    empty: str,
) -> Tensor:
    """Return total / the whole count, with the gradient by weights that the count depends on."""
    divisor = whole_count.to(total.dtype)
    if empty == "zero":
        divisor = torch.where((whole_count == 0) & (whole_total == 0), 1.0, divisor)
    if values.are_known(total) and total.isinf() and whole_count > 0:  # the mean may be finite
        found: Tensor = call(reduction="mean", normalizer=float(whole_count))
        return found
    mean = divided(total, divisor)
    if not count.requires_grad:
        return mean
    slope = (whole_total / whole_count.square()).to(total.dtype)
    return mean - slope * (count - count.detach())


def _times(share: Tensor, scale: int) -> Tensor:
    return share if scale == 1 else share * tensor_like(scale, share)
