"""Start kernels and combine their results, for elementwise and row-wise problems."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.gpu import jit

SUMMING = 16  # warps of the program that adds the partial sums


def on(tensor: Tensor) -> AbstractContextManager[Any]:
    """Run kernels on the device of a tensor; Triton uses the current device."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def start(kernel: Any, programs: int, arguments: Sequence[Any], warps: int = 4) -> None:
    """Run a kernel with fused multiply-add, whatever Triton's default is."""
    kernel[(programs,)](*arguments, num_warps=warps, enable_fp_fusion=True)


def bits(number: float) -> int:
    """Return the bits of a float64; Triton would pass a float as float32."""
    (found,) = struct.unpack("q", struct.pack("d", number))
    return int(found)


def partial_sums(programs: int, like: Tensor) -> Tensor:
    """Return uninitialised memory for the partial sum of each program."""
    return memory.empty((programs,), torch.float64, like.device)


def total(sums: Tensor, scale: float, dtype: torch.dtype, inverse: Tensor | None = None) -> Tensor:
    """Return the scaled sum of the partial sums; NaN where the `inverse` of a count is ∞."""
    out = memory.empty((), dtype, sums.device)
    kernel = jit.finish(dtype, False, inverse is not None)
    given = (sums, sums.numel(), bits(scale), sums if inverse is None else inverse, out)
    start(kernel, 1, given, warps=SUMMING)
    return out


def inverse_of(sums: Tensor) -> Tensor:
    """Return one over the sum of the partial sums."""
    out = memory.empty((), torch.float64, sums.device)
    kernel = jit.finish(out.dtype, True, False)
    start(kernel, 1, (sums, sums.numel(), 0, sums, out), warps=SUMMING)
    return out


def chosen(**flags: object) -> frozenset[str]:
    """Return the names of the flags that are true."""
    return frozenset(name for name, holds in flags.items() if holds)


def there(tensors: Sequence[Tensor | None], stand_in: Tensor) -> list[Tensor]:
    """Return tensors for a kernel, with a placeholder for each missing tensor."""
    return [stand_in if t is None else t for t in tensors]
