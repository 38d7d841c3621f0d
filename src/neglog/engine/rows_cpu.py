"""The shape of rows on a CPU: tensors in, loss and gradient out."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from neglog.engine import rows_loops, threads, values
from neglog.engine.elementwise_cpu import empty_like, flat, real_type
from neglog.engine.elementwise_loop import sum_of
from neglog.engine.jit import cached, compile_loop
from neglog.engine.rows_loops import BLOCK, label_row, label_rows, powers, target_row, target_rows
from neglog.likelihood import Rows

survey = cached(rows_loops.survey, nogil=True)


@cache
def kernel(template: Any, likelihood: Any, real: type) -> Any:
    """Compile one of the loops for one likelihood and one floating type."""
    formulas = {"nll": likelihood.nll, "grad": likelihood.grad}
    helpers = [sum_of, powers, label_row if template is label_rows else target_row]
    flags = {"SOFTMAX": likelihood.softmax}
    return compile_loop(template, real, likelihood.name, formulas, helpers, flags)


def run(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor]:
    """Return the reduced loss and its derivative by x; nothing for a derivative not wanted.

    x (N, K) is contiguous, float32 or float64; y is (N,) of int64 or (N, K) of x's dtype. Labels
    are checked before anything is computed: `SupportError` says which is no class.
    """
    real: Any = real_type(x)
    (size, classes), labelled = x.shape, y.dim() == 1
    data, target, weights = x.detach().numpy(), y.detach().numpy(), flat(weight)
    counted, strangers = survey(target, ignored, classes, weights) if labelled else (size, 0)
    if strangers:
        values.check_labels(y, classes, ignored)
    value = torch.empty(size, dtype=x.dtype) if reduction == "none" else None
    gradient = empty_like(x) if differentiate else None
    blocks = -(-size // max(1, BLOCK // classes))
    sums = np.zeros(blocks)
    scale = real(1 / counted if reduction == "mean" and counted else 1)
    tail = (weights, scale, flat(value), None if gradient is None else gradient.numpy(), sums)
    head: tuple[Any, ...] = (data, target, ignored)
    template: Any = label_rows
    if smoothing or not labelled:
        labels, targets = (target, None) if labelled else (None, target)
        head = (data, labels, ignored, targets, real(1 - smoothing), real(smoothing / classes))
        template = target_rows
    loop = kernel(template, cast(Any, likelihood), real)
    threads.run(lambda start, stop: loop(*head, *tail, start, stop), blocks)
    if value is None:
        total = np.nan if reduction == "mean" and not counted else sums.sum()
        value = torch.tensor(total, dtype=x.dtype)
    return value, x.new_empty(0) if gradient is None else gradient
