"""How the tensors of elements lie in memory: side by side, so that one loop can walk them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine.problem import ElementwiseProblem


def side_by_side(problem: ElementwiseProblem, tensors: Sequence[Any]) -> Sequence[Any]:
    """Return the tensors without gaps, in the order of the first; themselves if they are that.

    What is given, and the weight, may come back as the pattern that they repeat.
    """
    if all(t is None or (t.is_contiguous() and not t.is_neg()) for t in tensors):
        return tensors
    n = len(problem.inputs)
    first = tensors[0]
    plain = first.is_contiguous() and not problem.masked  # a mask is looked at in full
    known = [pattern_of(t) if plain else t for t in tensors[n + 1 :]]
    change = in_order_of(first)
    return [None if t is None else change(t) for t in (*tensors[: n + 1], *known)]


def rows_lie_close(x: Tensor) -> bool:
    """Return whether kernels read rows as they lie: each of (N, K, L) images or rows without gaps.

    Those of a slice of longer sequences or of a batch are too, whatever lies between them.
    """
    if x.is_contiguous():
        return True
    if x.dim() != 3 or x.numel() == 0:
        return False
    classes, inner = x.shape[1:]
    return x.stride()[1:] in ((inner, 1), (1, classes)) and x.stride(0) >= classes * inner


SHORT = 64  # numbers; a pattern that is shorter is written down several times


def pattern_of(tensor: Tensor | None) -> Tensor | None:
    """Return the repeated part of a tensor, flattened, or the tensor."""
    if tensor is None or tensor.is_neg() or not tensor.numel():
        return tensor
    repeats = 0
    while repeats < tensor.dim() and tensor.stride(repeats) == 0:
        repeats += 1
    pattern = tensor[(0,) * repeats]
    if not repeats or not pattern.is_contiguous() or pattern.numel() == tensor.numel():
        return tensor
    return pattern.reshape(-1).repeat(-(-SHORT // pattern.numel()))


def in_order_of(first: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that copies a tensor without gaps, in the memory order of the first one.

    ElementwiseProblem that lie in one order can be walked in that order, whatever their strides.
    """
    strides = torch.empty_like(first, device="meta").stride()

    def laid_out(tensor: Tensor) -> Tensor:
        if (tensor.dim() != first.dim() or tensor.stride() == strides) and not tensor.is_neg():
            return tensor
        return tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)

    return laid_out
