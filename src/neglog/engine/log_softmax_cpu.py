"""log softmax by itself on a CPU, for those who show the log-probabilities to the world."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import threads
from neglog.engine.elementwise_cpu import empty_like, real_type
from neglog.engine.jit import compile_loop
from neglog.engine.rows_loops import BLOCK, log_softmax, log_softmax_backward, powers


@cache
def _kernel(template: Any, real: type) -> Any:
    return compile_loop(template, real, helpers={"powers": powers})


def forward(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln p of contiguous rows (N, K), and each row's 1 − p of its top class, (N,)."""
    log_p, doubts = empty_like(x), x.new_empty(x.shape[0])
    _run(log_softmax, x.shape, x, log_p, doubts)
    return log_p, doubts


def backward(log_p: Tensor, upstream: Tensor, doubts: Tensor) -> Tensor:
    """Return the derivative by the logits, from what `forward` returned."""
    gradient = empty_like(log_p)
    _run(log_softmax_backward, log_p.shape, log_p, upstream, doubts, gradient)
    return gradient


def _run(template: Any, shape: torch.Size, *tensors: Tensor) -> None:
    arrays = [t.detach().resolve_neg().numpy() for t in tensors]
    loop, in_block, rows = (
        _kernel(template, real_type(tensors[0])),
        max(1, BLOCK // shape[1]),
        shape[0],
    )

    def work(start: int, stop: int) -> None:
        loop(*arrays, start * in_block, min(stop * in_block, rows))

    threads.run(work, -(-rows // in_block))
