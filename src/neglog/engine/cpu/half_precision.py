"""Conversions between bfloat16 and float32 tensors on a CPU."""

from __future__ import annotations

from array import array
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine.cpu import threads
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import half_precision


@cache
def _kernel(template: Any, step: str) -> Kernel:
    helpers = {step: getattr(half_precision, step)}
    return compile_kernel(template, torch.bfloat16, helpers=helpers, real=np.float32)


def join(high: Tensor, low: Tensor, out: Tensor) -> None:
    """Write high + low, contiguous bfloat16, into float32 rows without gaps in a row."""
    places = (high.data_ptr(), low.data_ptr(), out.data_ptr())
    args = array("q", (0, *high.shape, out.stride(0), *places))
    threads.run(_kernel(half_precision.joined, "join_row"), args, len(high))


def narrow(wide: Tensor) -> Tensor:
    """Return contiguous float32 rows rounded to bfloat16, in the first half of their memory."""
    rows, count = wide.shape
    args = array("q", (0, rows, count, count, 0, 0, wide.data_ptr()))
    threads.run(_kernel(half_precision.narrowed, "narrow_row"), args, rows)
    return wide.view(torch.bfloat16)[:, :count]
