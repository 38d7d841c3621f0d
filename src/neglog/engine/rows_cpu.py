"""The shape of rows on a CPU: tensors in, loss and gradient out."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine import rows_loops, threads, values
from neglog.engine.elementwise_cpu import empty_like, flat, real_type
from neglog.engine.elementwise_loop import sum_of
from neglog.engine.jit import cached, compile_loop
from neglog.engine.problem import RowsOfClasses
from neglog.engine.rows_loops import BLOCK, label_row, label_rows, powers, target_row, target_rows

survey = cached(rows_loops.survey, nogil=True)


@cache
def kernel(template: Any, likelihood: Any, real: type) -> Any:
    """Compile one of the loops for one likelihood and one floating type."""
    formulas = {"nll": likelihood.nll, "grad": likelihood.grad}
    helpers = {"sum_of": sum_of, "powers": powers}
    row = label_row if template is label_rows else target_row
    helpers[row.__name__] = row
    flags = {"SOFTMAX": likelihood.softmax}
    return compile_loop(template, real, likelihood.name, formulas, helpers, flags)


def run(problem: RowsOfClasses, differentiate: bool) -> tuple[Tensor, Tensor | None]:
    """Return the reduced loss, and its derivative by x if that is wanted.

    x (N, K) is float32 or float64. Labels are checked before anything is computed:
    `SupportError` says which is no class.
    """
    if not all(t is None or t.is_contiguous() for t in problem.tensors()):
        problem = problem.each(Tensor.contiguous)
    x, y, smoothing, reduction = problem.x, problem.y, problem.smoothing, problem.reduction
    real: Any = real_type(x)
    (size, classes), labelled = x.shape, y.dim() == 1
    data, target = (t.detach().contiguous().resolve_neg().numpy() for t in (x, y))
    weights, shares, ignored = flat(problem.weight), flat(problem.share), problem.ignored
    labels = target if labelled else None
    counted, strangers = survey(size, labels, ignored, classes, weights, shares)
    if strangers:
        values.check_labels(problem)
    value = torch.empty(size, dtype=x.dtype) if reduction == "none" else None
    gradient = empty_like(x) if differentiate else None
    blocks = -(-size // max(1, BLOCK // classes))
    sums = np.zeros(blocks)
    scale = real(1)
    if reduction == "mean":
        scale = real(1 / counted if counted else np.nan)
    slopes = None if gradient is None else gradient.numpy()
    tail = (shares, weights, scale, flat(value), slopes, sums)
    head: tuple[Any, ...] = (data, target, ignored)
    template: Any = label_rows
    if smoothing or not labelled:
        targets = None if labelled else target
        head = (data, labels, ignored, targets, real(1 - smoothing), real(smoothing / classes))
        template = target_rows
    likelihood: Any = problem.likelihood
    loop = kernel(template, likelihood, real)
    threads.run(lambda start, stop: loop(*head, *tail, start, stop), blocks)
    if value is None:
        total = np.nan if reduction == "mean" and not counted else sums.sum()
        value = torch.tensor(total, dtype=x.dtype)
    return value, gradient
