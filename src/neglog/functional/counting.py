"""The divisors of means, which targets, masks and weights decide without the model's output."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.device import sum_dtype
from neglog.functional.composed import check_labels
from neglog.functional.extras import Extras


def of_elements(target: Tensor, extras: Extras, ignore_index: Any = None) -> Tensor:
    """Return the number of included elements of a target, or the sum of their weights."""
    return _summed(target.shape, target, extras, validation.counted(target, ignore_index))


def of_rows(target: Tensor, extras: Extras) -> Tensor:
    """Return the number of included rows of a target, or the sum of their weights."""
    return _summed(target.shape[:-1], target, extras, None)


def of_labels(
    target: Tensor, extras: Extras, ignore_index: Any, weight: Tensor | None, class_dim: int
) -> Tensor:
    """Return the sum of the weights of included labels, or of rows of probabilities.

    Args:
        target: labels; or probabilities, floating.
        extras: with a mask and sample weights.
        ignore_index: the label to ignore.
        weight: one for each class.
        class_dim: the dimension of the classes in probabilities.
    """
    if target.is_floating_point():
        rows = target.movedim(class_dim if target.dim() > 1 else 0, -1)
        return of_rows(rows, extras)
    validation.integers("target", target, "class labels")
    ignored = validation.ignored(-100 if ignore_index is None else ignore_index)
    included = target != ignored
    if weight is None:
        return _summed(target.shape, target, extras, included)
    given = extras.loss_weights(target.shape, _wide(target), included)
    assert given is not None
    check_labels(target, len(weight), given != 0, ignored)
    labels = target.long().clamp(0, len(weight) - 1)
    each = weight.to(_wide(target))[labels] * given
    return torch.where(given == 0, 0.0, each).sum()


def _summed(shape: torch.Size, like: Tensor, extras: Extras, counts: Tensor | None) -> Tensor:
    weights = extras.loss_weights(shape, _wide(like), counts)
    if weights is None:
        return torch.full((), shape.numel(), dtype=sum_dtype(like.device), device=like.device)
    return weights.sum(dtype=sum_dtype(like.device))


def _wide(like: Tensor) -> Tensor:
    """Return nothing, on the device of a tensor and in the dtype of sums."""
    return torch.empty(0, dtype=sum_dtype(like.device), device=like.device)
