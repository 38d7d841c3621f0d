"""Half-precision products on a GPU, whose matrix units sum in float32: sums are not rounded.

The danger is a torch whose products cannot keep a sum of another dtype than their factors': before
2.8 there are none, before 2.10 none that begin at such a sum, nor any on AMD's devices. There, and
where the user has sums of float16 in float16, the products are those of float32, right and several
times slower.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine.values import HALF

MM, ADDMM = torch.ops.aten.mm, torch.ops.aten.addmm
_VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])
_KEEPS_SUMS = hasattr(MM, "dtype_out") and hasattr(ADDMM, "dtype_out") and _VERSION >= (2, 10)


def serves(x: Tensor, size: int) -> bool:
    """Return whether a GPU multiplies these rows in its matrix units."""
    if not x.is_cuda or x.dtype not in HALF or not _KEEPS_SUMS:
        return False
    rounds = torch.backends.cuda.matmul.allow_fp16_accumulation
    return not (rounds and x.dtype == torch.float16)


def takes_half(x: Tensor) -> bool:
    """Return whether the rows are served: Triton's kernels convert."""
    return serves(x, 0)


def logits(x: Tensor, w: Tensor, out: Tensor) -> None:
    """Write x · wᵀ."""
    MM.dtype_out(x, w.t(), out.dtype, out=out)


def narrowed(dz: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the gradient by the logits, rounded to half precision."""
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
