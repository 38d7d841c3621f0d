"""bfloat16 products on processors with matrix units, several times as fast as float32 ones.

Such a product is summed in float32 and then rounded to 8 bits, which is too coarse for logits. So
logits are computed twice: the second product starts from minus the result of the first, and its
rounded difference holds the next 8 bits. Gradients are rounded to bfloat16 in the end, so one
product is enough.

The risk is a library that rounds intermediate sums, which would lose the digits of both:
`tests/test_linear.py` compares with float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 2**18  # size of a weight; below it, float32 is fast enough and rounds less
CLASSES = 4096  # logits, or gradients, that are computed at a time and fit into the caches


def serves(x: Tensor, size: int) -> bool:
    """Return whether the processor has matrix units for bfloat16 and the weight is large enough."""
    if x.dtype != torch.bfloat16 or not x.is_cpu or size < LEAST:
        return False
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(has_tiles()) and torch.backends.mkldnn.is_available()


def takes_half(x: Tensor) -> bool:
    """Return False: the kernels write float32, which `narrowed` rounds in place."""
    return False


def logits(x: Tensor, w: Tensor, out: Tensor) -> None:
    """Write x · wᵀ to 16 bits or more."""
    from neglog.engine.cpu import half_precision  # which imports Numba

    for start in range(0, len(w), CLASSES):
        part = w[start : start + CLASSES].t()
        high = torch.mm(x, part)
        low = torch.addmm(high, x, part, beta=-1)
        half_precision.join(high, low, out[:, start : start + CLASSES])


def narrowed(dz: Tensor, dtype: torch.dtype) -> Tensor:
    """Return float32 rounded to bfloat16, in the first half of each row's memory."""
    from neglog.engine.cpu import half_precision  # which imports Numba

    return half_precision.narrow(dz)


def by_x(dz: Tensor, w: Tensor, out: Tensor) -> None:
    """Write dz · w."""
    out.copy_(torch.mm(dz, w))


def by_w(dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
    """Add dzᵀ · x to a total in float32, or start the total."""
    for start in range(0, len(total), CLASSES):
        chunk = torch.mm(dz[:, start : start + CLASSES].t(), x)
        if first:
            total[start : start + CLASSES] = chunk
        else:
            total[start : start + CLASSES] += chunk
