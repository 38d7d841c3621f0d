"""The three matrix products of a linear layer on a piece of its rows, in float32 or more.

Halves are multiplied in float32, a few classes at a time, so that no copy of the whole weight is
made: torch's own products of halves would round the logits to 8 or 11 bits. `brain` and
`tensor_cores` are the faster ways where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from neglog.engine.projection import bf16_matmul, tensor_cores
from neglog.engine.projection.operands import HALF

PIECE = 1 << 22  # numbers of the weight that are converted at a time


def units_for(x: Tensor, numbers: int) -> Any:
    """Return what multiplies these rows fast, by a weight of so many numbers; None for torch."""
    if tensor_cores.are_fast(x):
        return tensor_cores
    return bf16_matmul if bf16_matmul.is_fast(x, numbers) else None


def _units_of(dz: Tensor) -> Any:
    return bf16_matmul if dz.is_cpu else tensor_cores


def logits(x: Tensor, w: Tensor, b: Tensor | None, out: Tensor) -> Tensor:
    """Write the rows' logits."""
    units = units_for(x, w.numel())
    if units is not None:
        units.logits(x, w, out)
        return out if b is None else out.add_(b)
    x = x.to(out.dtype)
    for these, part in _pieces(w, out.dtype):
        if b is None:
            torch.mm(x, part.t(), out=out[:, these])
        else:
            torch.addmm(b[these].to(out.dtype), x, part.t(), out=out[:, these])
    return out


def factor(dz: Tensor, x: Tensor, lifted: bool) -> Tensor:
    """Return the gradient by the logits as the products want it; its memory is theirs then.

    In float16 it would vanish unless it is `lifted`.
    """
    if x.dtype == torch.float16 and not lifted:
        return dz
    units = units_for(x, dz.shape[1] * x.shape[1]) if dz.is_contiguous() else None
    return dz if units is None or dz.dtype in HALF else units.narrowed(dz, x.dtype)


def by_x(dz: Tensor, w: Tensor, out: Tensor) -> Tensor:
    """Write the gradient by the rows."""
    if dz.dtype in HALF:
        _units_of(dz).by_x(dz, w, out)
        return out
    if w.dtype == dz.dtype:
        return torch.mm(dz, w, out=out)
    out.zero_()
    for these, part in _pieces(w, dz.dtype):
        out.addmm_(dz[:, these], part)
    return out


def by_w(dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
    """Add a piece's gradient by the weight to the total, or begin the total with it."""
    if dz.dtype in HALF:
        _units_of(dz).by_w(dz, x, total, first)
        return
    x = x.to(dz.dtype)
    if first:
        torch.mm(dz.t(), x, out=total)
    else:
        total.addmm_(dz.t(), x)


def _pieces(w: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Return the weight, piece by piece in a dtype; whole if it has that already."""
    if w.dtype == dtype:
        yield slice(None), w
        return
    step = max(1, PIECE // max(1, w.shape[1]))
    for start in range(0, len(w), step):
        these = slice(start, start + step)
        yield these, w[these].to(dtype)
