"""The elementwise loop on a CPU: loss, gradient and the check of the target in one pass."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from neglog.engine import threads
from neglog.engine.jit import compile_loop
from neglog.likelihood import Elementwise
from neglog.words.numba import prefer_wide_vectors

BLOCK = 8192
RUN = 1024


def _elementwise(data, y, weight, scale, value, gradient, sums, outside, start, stop):  # type: ignore[no-untyped-def]
    """Treat the blocks from start to stop; `None` arguments are pruned when it is compiled."""
    prefer_wide_vectors()
    zero = scale - scale
    one = zero + real(1)
    for block in range(start, stop):
        block_sum = 0.0
        block_outside = 0.0
        for first in range(block * BLOCK, min((block + 1) * BLOCK, y.size), RUN):
            # A run holds nothing wider than the data, or LLVM would halve its vectors.
            total = zero
            strangers = zero
            for j in range(min(RUN, y.size - first)):
                i = np.uint64(first + j)  # an unsigned index spares the test for a negative one
                loss = nll(*at(data, i), y[i])
                slope = grad(*at(data, i), y[i]) * scale
                if weight is not None:
                    loss = loss * weight[i]
                    slope = slope * weight[i]
                total += loss
                strangers += where(contains(y[i]) & admits(data[0][i]), zero, one)
                if value is not None:
                    value[i] = loss * scale
                if gradient is not None:
                    gradient[i] = slope
            block_sum += total
            block_outside += strangers
        sums[block] = block_sum
        outside[block] = block_outside


def at(arrays, i):  # type: ignore[no-untyped-def]
    """Return the i-th elements of a tuple of arrays, as a tuple."""
    raise NotImplementedError("only compiled code calls this")


@overload(at)
def _at(arrays, i):  # type: ignore[no-untyped-def]
    if len(arrays) == 0:
        return lambda arrays, i: ()
    return lambda arrays, i: (arrays[0][i], *at(arrays[1:], i))


@cache
def kernel(likelihood: type[Elementwise], real: type) -> Any:
    """Compile the loop for one likelihood and one floating type."""
    formulas = {
        "nll": likelihood.nll,
        "grad": likelihood.grad,
        "contains": likelihood.support.contains,
        "admits": likelihood.domain.contains,
    }
    return compile_loop(_elementwise, real, likelihood.name, formulas)


def run(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    given: list[Tensor],
    weight: Tensor | None,
    factor: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor, int]:
    """Return the reduced loss, its derivative by x, and how many elements lie outside their sets.

    All tensors are contiguous, of one size and of one dtype, float32 or float64.
    """
    real = np.float32 if x.dtype == torch.float32 else np.float64
    size = x.numel()
    scale = factor / size if reduction == "mean" and size else factor
    value = empty_like(x) if reduction == "none" else None
    gradient = empty_like(x) if differentiate else None
    blocks = -(-size // BLOCK)
    sums, outside = np.zeros(blocks), np.zeros(blocks)
    loop = kernel(likelihood, real)
    data = tuple(flat(t) for t in (x, *given))
    arguments = (data, flat(y), flat(weight), real(scale), flat(value), flat(gradient))
    threads.run(lambda start, stop: loop(*arguments, sums, outside, start, stop), blocks)
    if value is None:
        total = sums.sum() * scale if size or reduction == "sum" else np.nan
        value = torch.tensor(total, dtype=x.dtype)
    return value, x.new_empty(0) if gradient is None else gradient, int(outside.sum())


def flat(tensor: Tensor | None) -> np.ndarray[Any, Any] | None:
    """Return a contiguous tensor's memory as one line of numbers."""
    return None if tensor is None else tensor.detach().reshape(-1).numpy()


def empty_like(tensor: Tensor) -> Tensor:
    """Return fresh memory; numpy asks for huge pages, whose faults are far fewer."""
    return torch.from_numpy(np.empty(tensor.shape, flat(tensor.new_empty(0)).dtype))
