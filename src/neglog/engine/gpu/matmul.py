"""Half-precision products on a GPU, whose matrix units keep the sums in float32.

The risk is a torch whose products cannot keep sums in another dtype than their factors: versions
before 2.8 have no such product, versions before 2.10 none that adds to such a sum, and AMD's
devices have none. There, and where the user requests float16 sums of float16 products, the products
are computed in float32, which is several times slower.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine.values import HALF

MM, ADDMM = torch.ops.aten.mm, torch.ops.aten.addmm
_VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])
_KEEPS_SUMS = hasattr(MM, "dtype_out") and hasattr(ADDMM, "dtype_out") and _VERSION >= (2, 10)


def serves(x: Tensor, size: int) -> bool:
    """Return whether the matrix units of a GPU multiply these rows."""
    if not x.is_cuda or x.dtype not in HALF or not _KEEPS_SUMS:
        return False
    rounds = torch.backends.cuda.matmul.allow_fp16_accumulation
    return not (rounds and x.dtype == torch.float16)


def takes_half(x: Tensor) -> bool:
    """Return whether the rows are served; Triton's kernels convert."""
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
    """Add dzᵀ · x to a total, or start the total."""
    if first:
        MM.dtype_out(dz.t(), x, total.dtype, out=total)
    else:
        ADDMM.dtype_out(total, dz.t(), x, total.dtype, out=total)
