"""The memory layout of elementwise tensors, which one loop reads in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine.problem import ElementwiseProblem


def side_by_side(problem: ElementwiseProblem, tensors: Sequence[Any]) -> Sequence[Any]:
    """Return the tensors without gaps, in the memory order of the first; unchanged where possible.

    Given tensors and the weight may be returned as the pattern that they repeat.
    """
    if all(t is None or (t.is_contiguous() and not t.is_neg()) for t in tensors):
        return tensors
    n = len(problem.inputs)
    first = tensors[0]
    plain = first.is_contiguous() and not problem.masked  # masks are not reduced to a pattern
    known = [pattern_of(t) if plain else t for t in tensors[n + 1 :]]
    change = in_order_of(first)
    return [None if t is None else change(t) for t in (*tensors[: n + 1], *known)]


def rows_lie_close(x: Tensor) -> bool:
    """Return whether kernels can read rows in place: images (N, K, L) or rows without gaps in each.

    This includes slices of longer sequences or of a batch, with any gap between the outermost
    items.
    """
    if x.is_contiguous():
        return True
    if x.dim() != 3 or x.numel() == 0:
        return False
    classes, inner = x.shape[1:]
    return x.stride()[1:] in ((inner, 1), (1, classes)) and x.stride(0) >= classes * inner


SHORT = 64  # numbers; shorter patterns are repeated up to this length


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

    Tensors in the same order can be read in that order, whatever their strides.
    """
    strides = torch.empty_like(first, device="meta").stride()

    def laid_out(tensor: Tensor) -> Tensor:
        if (tensor.dim() != first.dim() or tensor.stride() == strides) and not tensor.is_neg():
            return tensor
        return tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)

    return laid_out
