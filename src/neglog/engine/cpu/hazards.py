"""Discrete hazards on a CPU: see `functional.survival`."""

from __future__ import annotations

from array import array
from functools import cache

import numpy as np
import torch
from torch import Tensor

from neglog.engine.cpu import threads
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import hazards

_BLOCK = 4096  # logits


@cache
def _kernel(dtype: torch.dtype) -> Kernel:
    real = np.float64 if dtype == torch.float64 else np.float32
    helpers = {"hazards_of_block": hazards.hazards_of_block}
    return compile_kernel(hazards.hazards, dtype, helpers=helpers, real=real)


def losses(
    logits: Tensor, interval: Tensor, event: Tensor, needs_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the loss of each row, and its gradient by the logits.

    Args:
        logits: (…, T), float32 or float64.
        interval: int64 (…), −1 for excluded rows.
        event: which rows end by an event, bool (…).
        needs_grad: whether the gradient is required.
    """
    steps = logits.shape[-1]
    rows, in_block = interval.numel(), max(1, _BLOCK // steps)
    logits, interval, event = logits.contiguous(), interval.contiguous(), event.contiguous()
    found = torch.empty(interval.shape, dtype=torch.float64)
    gradient = torch.empty_like(logits) if needs_grad else None
    tensors = (logits, interval, event, found)
    addresses = [t.data_ptr() for t in tensors] + [0 if gradient is None else gradient.data_ptr()]
    args = array("q", (0, rows, steps, in_block, logits.itemsize, *addresses))
    threads.run(_kernel(logits.dtype), args, -(-rows // in_block))
    return found.to(logits.dtype), gradient
