"""Composed losses on a CPU: the loss of rows, and the gradients of its tensors."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.cpu import threads
from neglog.engine.cpu.elementwise import sums_for, total_of
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import distances, margins
from neglog.engine.cpu.kernels.composed import (
    ARGS,
    EACH,
    GRADIENTS,
    PARTIALS,
    ROWS,
    SCALARS,
    TENSORS,
    VALUE,
    WIDTH,
    composed,
)
from neglog.engine.cpu.kernels.rows import rows_of_a_block
from neglog.engine.problem import ComposedProblem

FLAGS = ("SQUARED", "SWAP")
_STEPS: dict[str, dict[str, Any]] = {
    "multi_margin": {"treat_rows": margins.multi_margin},
    "multilabel_margin": {"treat_rows": margins.multilabel_margin},
    "triplet_margin": {
        "pull_triplet": distances.pull_triplet,
        "treat_rows": distances.triplet_margin,
    },
    "cosine_embedding": {"treat_rows": distances.cosine_embedding},
}


@cache
def _kernel(name: str, dtype: torch.dtype, flags: tuple[str, ...]) -> Kernel:
    sums = {"sum_of": sums_for(dtype)["sum_of"], "rows_of_a_block": rows_of_a_block}
    helpers = sums_for(dtype) | sums | _STEPS[name]
    chosen = {flag: flag in flags for flag in FLAGS}
    return compile_kernel(composed, dtype, name, helpers=helpers, flags=chosen)


def run(
    problem: ComposedProblem, tensors: Sequence[Any], needs_grad: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss of rows, and the gradients of the tensors that require one."""
    held = [None if t is None else t.resolve_neg().contiguous() for t in tensors]
    first: Any = held[0]
    width, each = first.shape[-1], problem.reduction == "none"
    rows = first.numel() // width
    blocks = -(-rows // rows_of_a_block(rows, width))
    scale = 1.0 / rows if problem.reduction == "mean" else 1.0
    settings = (*problem.settings, *[0.0] * (PARTIALS - 1 - len(problem.settings)))
    scalars = array("d", (scale, *settings, *[0.0] * blocks))
    args = array("q", bytes(8 * ARGS))
    args[ROWS], args[WIDTH], args[EACH] = rows, width, each
    args[SCALARS] = scalars.buffer_info()[0]
    value = torch.empty(first.shape[:-1], dtype=first.dtype) if each else None
    args[VALUE] = 0 if value is None else value.data_ptr()
    gradients: list[Tensor | None] = [None] * len(held)
    for i, tensor in enumerate(held):
        if tensor is not None:
            args[TENSORS + i] = tensor.data_ptr()
            if any(needs_grad) and i < problem.input_count:
                gradients[i] = gradient = memory.empty_like(tensor)
                args[GRADIENTS + i] = gradient.data_ptr()
    threads.run(_kernel(problem.kernel, first.dtype, problem.flags), args, blocks)
    if value is None:
        value = torch.tensor(total_of(scalars[PARTIALS:]) * scale, dtype=first.dtype)
    return value, [g if need else None for g, need in zip(gradients, needs_grad, strict=False)]
