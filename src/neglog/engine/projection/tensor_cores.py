"""Products of halves on a GPU, whose matrix units sum in float32: the sum is kept, not rounded.

float16 has few exponents, and would lose most of the gradient that a mean over many rows has by its
logits. So that is multiplied by a power of two on its way through the products: `lift`.

The danger is a torch without products of another dtype than their factors' (before 2.8): there
the products are those of float32, right and several times slower.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neglog.engine.projection.problem import HALF, Operands

MM, ADDMM = torch.ops.aten.mm, torch.ops.aten.addmm
_KEEPS_SUMS = hasattr(MM, "dtype_out") and hasattr(ADDMM, "dtype_out")


def are_fast(x: Tensor) -> bool:
    """Tell whether a GPU multiplies these rows in its matrix units."""
    return x.is_cuda and x.dtype in HALF and _KEEPS_SUMS


def lift(operands: Operands, upstream: Sequence[Tensor]) -> Tensor | None:
    """Return a power of two that brings what rows count near 1; None if they need not be there."""
    if not are_fast(operands.x) or operands.x.dtype != torch.float16 or not len(operands.x):
        return None
    share = 1.0 if operands.share is None else operands.share
    most = torch.stack([(u * share).abs().amax() for u in upstream]).amax()
    exponent = torch.frexp(most)[1].clamp(-100, 100)
    return torch.ldexp(torch.ones_like(most), -exponent)


def logits(x: Tensor, w: Tensor, out: Tensor) -> None:
    """Write x · wᵀ."""
    MM.dtype_out(x, w.t(), out.dtype, out=out)


def narrowed(dz: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the gradient by the logits rounded to halves."""
    return dz.to(dtype)


def by_x(dz: Tensor, w: Tensor, out: Tensor) -> None:
    """Write dz · w."""
    MM.dtype_out(dz, w, out.dtype, out=out)


def by_w(dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
    """Add dzᵀ · x to a total, or begin it."""
    if first:
        MM.dtype_out(dz.t(), x, total.dtype, out=total)
    else:
        ADDMM.dtype_out(total, dz.t(), x, total.dtype, out=total)
