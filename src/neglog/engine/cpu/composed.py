"""Composed losses on a CPU: the loss of rows, and the gradients of its tensors."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.cpu import ordering, threads
from neglog.engine.cpu.elementwise import sums_for, total_of
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import distances, hazards, margins, normal_vectors, risk_sets
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

FLAGS = ("SQUARED", "SWAP", "TAXICAB", "MAXIMUM")
Tensors = Sequence[Tensor | None]


class _Loss(NamedTuple):
    """How the kernel computes a loss."""

    treat_rows: Callable[..., Any]
    helpers: tuple[Callable[..., Any], ...] = ()  # which it calls; each may call those before it
    prepared: Callable[[Tensors], Tensors] = list  # returns what the kernel reads of the tensors


_LOSSES = {
    "multi_margin": _Loss(margins.multi_margin),
    "multilabel_margin": _Loss(margins.multilabel_margin),
    "triplet_margin": _Loss(distances.triplet_margin, distances.OF_TRIPLETS),
    "cosine_embedding": _Loss(distances.cosine_embedding),
    "multivariate_normal": _Loss(normal_vectors.multivariate_normal, (normal_vectors.pull_vector,)),
    "discrete_hazard": _Loss(hazards.discrete_hazard, (hazards.put_signs, hazards.hazards_of_part)),
    "risk_sets": _Loss(risk_sets.risk_sets, risk_sets.HELPERS, ordering.in_order),
}


@cache
def _kernel(name: str, dtype: torch.dtype, flags: tuple[str, ...]) -> Kernel:
    loss, sums = _LOSSES[name], sums_for(dtype)
    helpers = {"rows_of_a_block": rows_of_a_block, **sums}
    helpers |= {helper.__name__: helper for helper in loss.helpers}
    helpers["treat_rows"] = loss.treat_rows
    chosen = {flag: flag in flags for flag in FLAGS}
    real = np.float64 if dtype == torch.float64 else np.float32
    return compile_kernel(composed, dtype, name, helpers=helpers, flags=chosen, real=real)


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
    for i, tensor in enumerate(held[: problem.input_count] if any(needs_grad) else ()):
        assert tensor is not None
        gradients[i] = gradient = memory.empty_like(tensor)
        args[GRADIENTS + i] = gradient.data_ptr()
    read = _LOSSES[problem.kernel].prepared(held)
    for i, tensor in enumerate(read):
        args[TENSORS + i] = 0 if tensor is None else tensor.data_ptr()
    threads.run(_kernel(problem.kernel, first.dtype, problem.flags), args, blocks)
    if value is None:
        value = torch.tensor(total_of(scalars[PARTIALS:]) * scale, dtype=first.dtype)
    return value, [g if need else None for g, need in zip(gradients, needs_grad, strict=False)]
