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
from neglog.engine.cpu.kernels import (
    alignments,
    distances,
    hazards,
    margins,
    mixtures,
    normal_vectors,
    positions,
    risk_sets,
)
from neglog.engine.cpu.kernels.composed import (
    ARGS,
    EACH,
    FAULT,
    GRADIENTS,
    LINE,
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


class Layout(NamedTuple):
    """What a kernel must know of its tensors.

    Attributes:
        rows, width: the number of rows, and of the elements of each in the first tensor.
        line: the numbers in one of its two lines of memory.
        settings: further settings, which depend on the tensors.
    """

    rows: int
    width: int
    line: int
    settings: tuple[float, ...] = ()


def _of_rows(tensors: Tensors, needs_grad: bool) -> Layout:
    """Return the layout of rows that are adjacent in memory."""
    first: Any = tensors[0]
    width = first.shape[-1]
    return Layout(first.numel() // width, width, width)


def _of_sequences(tensors: Tensors, needs_grad: bool) -> Layout:
    """Return the layout of log-probabilities (N, T, C), in either order, and of their labels."""
    x, labels, _, _ = tensors
    assert x is not None and labels is not None
    (size, steps, classes), count = x.shape, labels.numel()
    longest, to_target = (count, 0) if labels.dim() == 1 else (labels.shape[1], labels.shape[1])
    kept = (steps if needs_grad else 2) * positions.PER_FRAME
    line = (kept + positions.PER_SEQUENCE) * (longest + 1)
    settings = (steps, classes, *x.stride()[:2], longest, count, to_target)
    return Layout(size, steps * classes, (line + 1) // 2, settings)


def _in_either_order(x: Tensor) -> Tensor:
    """Return log-probabilities without gaps, the frames or the sequences first."""
    return x if x.is_contiguous() or x.transpose(0, 1).is_contiguous() else x.contiguous()


class _Loss(NamedTuple):
    """How the kernel computes a loss."""

    treat_rows: Callable[..., Any]
    helpers: tuple[Callable[..., Any], ...] = ()  # which it calls; each may call those before it
    prepared: Callable[[Tensors], Tensors] = list  # returns what the kernel reads of the tensors
    layout: Callable[[Tensors, bool], Layout] = _of_rows
    compact: Callable[[Tensor], Tensor] = Tensor.contiguous  # returns the first in a known layout


_LOSSES = {
    "multi_margin": _Loss(margins.multi_margin),
    "multilabel_margin": _Loss(margins.multilabel_margin),
    "triplet_margin": _Loss(distances.triplet_margin, distances.OF_TRIPLETS),
    "cosine_embedding": _Loss(distances.cosine_embedding),
    "mixture_density": _Loss(mixtures.mixture_density, mixtures.OF_MIXTURES),
    "multivariate_normal": _Loss(normal_vectors.multivariate_normal, (normal_vectors.pull_vector,)),
    "discrete_hazard": _Loss(hazards.discrete_hazard, (hazards.put_signs, hazards.hazards_of_part)),
    "ctc": _Loss(
        alignments.ctc, alignments.OF_SEQUENCES, layout=_of_sequences, compact=_in_either_order
    ),
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
    loss = _LOSSES[problem.kernel]
    first = loss.compact(tensors[0].resolve_neg())
    rest = [None if t is None else t.resolve_neg().contiguous() for t in tensors[1:]]
    held = [first, *rest]
    each, differentiated = problem.reduction == "none", any(needs_grad)
    rows, width, line, further = loss.layout(held, differentiated)
    blocks = -(-rows // rows_of_a_block(rows, width))
    scale = 1.0 / rows if problem.reduction == "mean" else 1.0
    scalars = array("d", (scale, *problem.settings, *further))
    scalars.extend([0.0] * (PARTIALS + blocks - len(scalars)))
    args = array("q", bytes(8 * ARGS))
    args[ROWS], args[WIDTH], args[LINE], args[EACH] = rows, width, line, each
    args[SCALARS] = scalars.buffer_info()[0]
    shape = first.shape[: -problem.row_dims]
    value = torch.empty(shape, dtype=first.dtype) if each else None
    args[VALUE] = 0 if value is None else value.data_ptr()
    gradients: list[Tensor | None] = [None] * len(held)
    for i, tensor in enumerate(held[: problem.input_count] if differentiated else ()):
        assert tensor is not None
        gradients[i] = gradient = memory.empty_like(tensor)
        args[GRADIENTS + i] = gradient.data_ptr()
    read = loss.prepared(held)
    for i, tensor in enumerate(read):
        args[TENSORS + i] = 0 if tensor is None else tensor.data_ptr()
    threads.run(_kernel(problem.kernel, first.dtype, problem.flags), args, blocks)
    if args[FAULT] and problem.check is not None:
        problem.check(*tensors)
    if value is None:
        value = torch.tensor(total_of(scalars[PARTIALS:]) * scale, dtype=first.dtype)
    return value, [g if need else None for g, need in zip(gradients, needs_grad, strict=False)]
