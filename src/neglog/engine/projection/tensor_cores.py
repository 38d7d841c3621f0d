"""Products of halves on a GPU, whose matrix units sum in float32: the sum is kept, not rounded.

float16 has few exponents, and would lose most of the gradient that a mean over many rows has by its
logits. So that is multiplied by a power of two on its way through the products: `lift`.

The danger is a torch whose products cannot keep a sum of another dtype than their factors': before
2.8 there are none, before 2.10 none that begin at such a sum, nor any on AMD's devices. There, and
where the user has sums of float16 in float16, the products are those of float32, right and several
times slower.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neglog.engine.projection.operands import HALF, Head, Operands

MM, ADDMM = torch.ops.aten.mm, torch.ops.aten.addmm
HEADROOM = 8  # powers of two: what is lifted is far from float16's 2⁻¹⁴, and from its 2¹⁶
_VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])
_KEEPS_SUMS = hasattr(MM, "dtype_out") and hasattr(ADDMM, "dtype_out") and _VERSION >= (2, 10)


def are_fast(x: Tensor) -> bool:
    """Tell whether a GPU multiplies these rows in its matrix units."""
    if not x.is_cuda or x.dtype not in HALF or not _KEEPS_SUMS:
        return False
    rounds = torch.backends.cuda.matmul.allow_fp16_accumulation
    return not (rounds and x.dtype == torch.float16)


def lift(
    head: Head, operands: Operands, upstream: Sequence[Tensor], counts: Tensor | None
) -> Tensor | None:
    """Return a power of two that brings derivatives by the logits into float16's middle.

    None if they need not be brought there. Only what `counts` says is looked at.
    """
    if not are_fast(operands.x) or operands.x.dtype != torch.float16 or not len(operands.x):
        return None
    share = 1.0 if operands.share is None else operands.share
    above = torch.stack([(u * share).abs() for u in upstream]).amax(0)
    most = (above if counts is None else torch.where(counts, above, 0.0)).amax()
    for factor in (operands.weight, operands.positive):
        if factor is not None:
            most = most * factor.abs().amax()
    most = most * ((1.0 + head.z_loss) / head.temperature)
    exponent = (HEADROOM - torch.frexp(most)[1]).clamp(-100, 100)
    return torch.ldexp(torch.ones_like(most), exponent)


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
