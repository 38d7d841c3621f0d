"""The three matrix products of a linear layer on a chunk of rows, in float32 or more.

Half-precision factors are multiplied in float32, a few classes at a time, so that the whole weight
is never copied: torch's own half-precision products would round the logits to 8 or 11 bits. The
`matmul` of a backend is used where it is faster.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from neglog.engine import selection
from neglog.engine.matmul import Matmul
from neglog.engine.values import HALF

PIECE = 1 << 22  # elements of the weight to convert at a time


def matmul_for(x: Tensor, size: int) -> Matmul | None:
    """Return a fast matrix product for a weight of this size; None for torch's."""
    for backend in selection.BACKENDS:
        if backend.matmul is not None and backend.matmul.serves(x, size):
            return backend.matmul
    return None


def takes_half(x: Tensor) -> bool:
    """Return whether a kernel may write the gradient of the logits in the dtype of the rows."""
    every = (backend.matmul for backend in selection.BACKENDS)
    return any(matmul is not None and matmul.takes_half(x) for matmul in every)


def logits(x: Tensor, w: Tensor, b: Tensor | None, out: Tensor) -> Tensor:
    """Write the logits of the rows."""
    matmul = matmul_for(x, w.numel())
    if matmul is not None:
        matmul.logits(x, w, out)
        return out if b is None else out.add_(b)
    x = x.to(out.dtype)
    for these, part in _class_chunks(w, out.dtype):
        if b is None:
            torch.mm(x, part.t(), out=out[:, these])
        else:
            torch.addmm(b[these].to(out.dtype), x, part.t(), out=out[:, these])
    return out


def factor(dz: Tensor, x: Tensor, is_scaled: bool) -> Tensor:
    """Return the gradient of the logits as the products take it; its memory may be reused.

    In float16 it would underflow without a loss scale.
    """
    if x.dtype == torch.float16 and not is_scaled:
        return dz
    matmul = matmul_for(x, dz.shape[1] * x.shape[1]) if dz.is_contiguous() else None
    return dz if matmul is None or dz.dtype in HALF else matmul.narrowed(dz, x.dtype)


def by_x(dz: Tensor, w: Tensor, out: Tensor) -> Tensor:
    """Write the gradient of the rows."""
    matmul = matmul_for(w, w.numel()) if dz.dtype in HALF else None
    if matmul is not None:
        matmul.by_x(dz, w, out)
        return out
    if w.dtype == dz.dtype:
        return torch.mm(dz, w, out=out)
    out.zero_()
    for these, part in _class_chunks(w, dz.dtype):
        out.addmm_(dz[:, these], part)
    return out


def by_w(dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
    """Add a chunk's gradient of the weight to the total, or start the total."""
    matmul = matmul_for(x, total.numel()) if dz.dtype in HALF else None
    if matmul is not None:
        matmul.by_w(dz, x, total, first)
        return
    x = x.to(dz.dtype)
    if first:
        torch.mm(dz.t(), x, out=total)
    else:
        total.addmm_(dz.t(), x)


def _class_chunks(w: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Yield the weight chunk by chunk in a dtype; whole if it has that dtype."""
    if w.dtype == dtype:
        yield slice(None), w
        return
    step = max(1, PIECE // max(1, w.shape[1]))
    for start in range(0, len(w), step):
        these = slice(start, start + step)
        yield these, w[these].to(dtype)
