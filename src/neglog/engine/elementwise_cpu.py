"""The elementwise shape on a CPU: tensors in, loss and gradient out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from neglog.engine import threads, values
from neglog.engine.elementwise_loop import BLOCK, elementwise, sum_of
from neglog.engine.jit import compile_loop
from neglog.likelihood import Elementwise


@cache
def kernel(likelihood: Any, real: type) -> Any:
    """Compile the loop for one likelihood and one floating type."""
    formulas = {
        "nll": likelihood.nll,
        "grad": likelihood.grad,
        "contains": likelihood.support.contains,
        "admits": likelihood.domain.contains,
    }
    return compile_loop(elementwise, real, likelihood.name, formulas, [sum_of])


def run(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    given: Sequence[Tensor],
    weight: Tensor | None,
    factor: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor]:
    """Return the reduced loss and its derivative by x; nothing for a derivative not wanted.

    All tensors are contiguous, of one size and of one dtype, float32 or float64. The pass itself
    counts values outside their sets: `SupportError` says which.
    """
    real = real_type(x)
    size = x.numel()
    scale = factor / size if reduction == "mean" and size else factor
    value = empty_like(x) if reduction == "none" else None
    gradient = empty_like(x) if differentiate else None
    blocks = -(-size // BLOCK)
    sums, outside = np.zeros(blocks), np.zeros(blocks)
    loop = kernel(cast(Any, likelihood), real)
    data = tuple(flat(t) for t in (x, *given))
    arguments = (data, flat(y), flat(weight), real(scale), flat(value), flat(gradient))
    threads.run(lambda start, stop: loop(*arguments, sums, outside, start, stop), blocks)
    if outside.any():
        values.check(likelihood, x, y)
    if value is None:
        total = sums.sum() * scale if size or reduction == "sum" else np.nan
        value = torch.tensor(total, dtype=x.dtype)
    return value, x.new_empty(0) if gradient is None else gradient


def real_type(tensor: Tensor) -> type:
    """Return numpy's name of a tensor's dtype, float32 or float64."""
    return np.float32 if tensor.dtype == torch.float32 else np.float64


def flat(tensor: Tensor | None) -> np.ndarray[Any, Any] | None:
    """Return a contiguous tensor's memory as one line of numbers."""
    return None if tensor is None else tensor.detach().reshape(-1).numpy()


def empty_like(tensor: Tensor) -> Tensor:
    """Return fresh memory; numpy asks for huge pages, whose faults are far fewer."""
    return torch.from_numpy(np.empty(tensor.shape, real_type(tensor)))
