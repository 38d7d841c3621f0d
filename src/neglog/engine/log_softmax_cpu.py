"""log softmax by itself on a CPU, for those who show the log-probabilities to the world."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine import threads
from neglog.engine.elementwise_cpu import empty_like
from neglog.engine.jit import compile_loop
from neglog.engine.rows_cpu import BLOCK, powers
from neglog.words.numba import prefer_wide_vectors


def _forward(x, log_p, doubts, start, stop):  # type: ignore[no-untyped-def]
    """Write ln p; and 1 − p of the row's top class, which ln p no longer tells."""
    prefer_wide_vectors()
    for r in range(start, stop):
        top, others = powers_of(x[r], log_p[r])
        log_sum = log1p(others)
        doubts[r] = others / (real(1) + others)
        for j in range(x.shape[1]):
            log_p[r, j] = (x[r, j] - top) - log_sum


def _backward(log_p, upstream, doubts, gradient, start, stop):  # type: ignore[no-untyped-def]
    prefer_wide_vectors()
    for r in range(start, stop):
        total = 0.0
        for j in range(log_p.shape[1]):
            total += upstream[r, j]
        for j in range(log_p.shape[1]):
            p = exp(log_p[r, j])
            rest = where(p > real(0.5), doubts[r], real(1) - p)
            gradient[r, j] = upstream[r, j] * rest - p * (real(total) - upstream[r, j])


@cache
def _kernel(template: Any, real: type) -> Any:
    return compile_loop(template, real, helpers={"powers_of": powers})


def forward(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln p of contiguous rows (N, K), and each row's 1 − p of its top class, (N,)."""
    log_p, doubts = empty_like(x), x.new_empty(x.shape[0])
    _run(_forward, x.shape, x, log_p, doubts)
    return log_p, doubts


def backward(log_p: Tensor, upstream: Tensor, doubts: Tensor) -> Tensor:
    """Return the derivative by the logits, from what `forward` returned."""
    gradient = empty_like(log_p)
    _run(_backward, log_p.shape, log_p, upstream, doubts, gradient)
    return gradient


def _run(template: Any, shape: torch.Size, *tensors: Tensor) -> None:
    real = np.float32 if tensors[0].dtype == torch.float32 else np.float64
    arrays = [t.detach().numpy() for t in tensors]
    loop, in_block, rows = _kernel(template, real), max(1, BLOCK // shape[1]), shape[0]

    def work(start: int, stop: int) -> None:
        loop(*arrays, start * in_block, min(stop * in_block, rows))

    threads.run(work, -(-rows // in_block))
