"""The loss scale of float16, in which most gradients with respect to logits would underflow.

A mean over many rows divides gradients by their number. So they are multiplied by a power of two
for the matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neglog.engine.projection import products
from neglog.engine.projection.operands import Head, Operands

HEADROOM = 8  # powers of two: scaled gradients are far from the limits of float16, 2⁻¹⁴ and 2¹⁶


def loss_scale(
    head: Head, operands: Operands, upstream: Sequence[Tensor], counts: Tensor | None
) -> Tensor | None:
    """Return a power of two that scales gradients to the middle of the range of float16.

    None if no product rounds them to float16. Only rows that `counts` includes are read.
    """
    x = operands.x
    if x.dtype != torch.float16 or not len(x) or products.matmul_for(x, operands.w.numel()) is None:
        return None
    sample_weight = 1.0 if operands.sample_weight is None else operands.sample_weight
    above = torch.stack([(u * sample_weight).abs() for u in upstream]).amax(0)
    most = (above if counts is None else torch.where(counts, above, 0.0)).amax()
    for factor in (operands.weight, operands.positive):
        if factor is not None:
            most = most * factor.abs().amax()
    most = most * ((1.0 + head.z_loss) / head.temperature)
    exponent = (HEADROOM - torch.frexp(most)[1]).clamp(-100, 100)
    return torch.ldexp(torch.ones_like(most), exponent)
