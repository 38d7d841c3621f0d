"""The three matrix products of a linear layer on a piece of its rows, in float32 or more.

Halves are multiplied in float32, a few classes at a time, so that no copy of the whole weight is
made: torch's own products of halves would round the logits to 8 or 11 bits. `brain` is the faster
way where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from neglog.engine.projection import brain
from neglog.engine.projection.problem import HALF

PIECE = 1 << 22  # numbers of the weight that are converted at a time


def logits(x: Tensor, w: Tensor, b: Tensor | None, out: Tensor) -> Tensor:
    """Write the rows' logits."""
    if brain.is_fast(x, w.numel()):
        brain.logits(x, w, out)
        return out if b is None else out.add_(b)
    x = x.to(out.dtype)
    for these, part in _pieces(w, out.dtype):
        if b is None:
            torch.mm(x, part.t(), out=out[:, these])
        else:
            torch.addmm(b[these].to(out.dtype), x, part.t(), out=out[:, these])
    return out


def factor(dz: Tensor, x: Tensor) -> Tensor:
    """Return the gradient by the logits as the products want it; its memory is theirs then."""
    fast = dz.is_contiguous() and brain.is_fast(x, dz.shape[1] * x.shape[1])
    return brain.narrowed(dz) if fast else dz


def by_x(dz: Tensor, w: Tensor, out: Tensor) -> Tensor:
    """Write the gradient by the rows."""
    if dz.dtype in HALF:
        return out.copy_(torch.mm(dz, w))
    if w.dtype == dz.dtype:
        return torch.mm(dz, w, out=out)
    out.zero_()
    for these, part in _pieces(w, dz.dtype):
        out.addmm_(dz[:, these], part)
    return out


def by_w(dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
    """Add a piece's gradient by the weight to the total, or begin the total with it."""
    if dz.dtype in HALF:
        brain.by_w(dz, x, total, first)
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
