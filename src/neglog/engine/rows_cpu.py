"""The loop over rows on a CPU: softmax, loss and gradient without a tensor in between.

The row's largest logit adds e⁰ = 1 to the sum of powers. It is left out of the sum, and `log1p`
gives it back: so a row that is nearly certain loses no digit, neither in ln p nor in 1 − p.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from neglog.engine import threads
from neglog.engine.jit import compile_loop
from neglog.engine.elementwise_cpu import empty_like, flat
from neglog.likelihood import Rows
from neglog.words.numba import largest, prefer_wide_vectors

BLOCK = 32768  # elements, in whole rows
RUN = 1024


def powers(row, out):  # type: ignore[no-untyped-def]
    """Write e^(row − top); return top and the sum of the powers, one e⁰ left out."""
    prefer_wide_vectors()
    top = row[0]
    for j in range(row.size):
        top = largest(top, row[j])
    below = 0.0
    tied = 0.0
    for first in range(0, row.size, RUN):
        total = real(0)  # nothing wider than the data, or LLVM would halve its vectors
        ties = real(0)
        for j in range(min(RUN, row.size - first)):
            i = np.uint64(first + j)
            is_top = row[i] == top
            power = exp(row[i] - top)
            out[i] = power
            total += where(is_top, real(0), power)
            ties += where(is_top, real(1), real(0))
        below += np.float64(total)
        tied += np.float64(ties)
    return top, real(below + (tied - 1.0))


def _label_rows(x, labels, ignored, weight, scale, value, gradient, sums, start, stop):  # type: ignore[no-untyped-def]
    """Treat blocks of rows whose target is a label; `None` arguments are pruned."""
    prefer_wide_vectors()
    rows, classes = x.shape
    in_block = max(1, BLOCK // classes)
    line = np.empty(classes, x.dtype)
    for block in range(start, stop):
        block_sum = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            label = labels[r]
            if gradient is not None:
                line = gradient[r]
            if label == ignored:
                if value is not None:
                    value[r] = real(0)
                if gradient is not None:
                    line[:] = real(0)
                continue
            top = real(0)
            others = real(0)
            if SOFTMAX:
                top, others = powers_of(x[r], line)
                log_p = (x[r, label] - top) - log1p(others)
            else:
                log_p = x[r, label]
            share = scale if weight is None else scale * weight[label]
            loss = nll(log_p, real(1)) * share
            block_sum += loss
            if value is not None:
                value[r] = loss
            if gradient is not None:
                slope = grad(log_p, real(1)) * share
                if SOFTMAX:
                    per_power = slope / (real(1) + others)
                    all_but = others if x[r, label] == top else (real(1) + others) - line[label]
                    for j in range(classes):
                        line[j] = -per_power * line[j]
                    line[label] = per_power * all_but
                else:
                    line[:] = real(0)
                    line[label] = slope
        sums[block] = block_sum


def _target_rows(  # type: ignore[no-untyped-def]
    x, labels, ignored, targets, kept, spread, weight, scale, value, gradient, sums, start, stop
):
    """Treat blocks of rows whose target spreads over the classes: kept · target + spread."""
    prefer_wide_vectors()
    rows, classes = x.shape
    in_block = max(1, BLOCK // classes)
    line = np.empty(classes, x.dtype)
    parts = np.empty(classes, x.dtype)
    for block in range(start, stop):
        block_sum = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            if gradient is not None:
                line = gradient[r]
            if labels is not None:
                if labels[r] == ignored:
                    if value is not None:
                        value[r] = real(0)
                    if gradient is not None:
                        line[:] = real(0)
                    continue
                parts[:] = spread
                parts[labels[r]] += kept
            if targets is not None:
                for j in range(classes):
                    parts[j] = kept * targets[r, j] + spread
            top = real(0)
            others = real(0)
            log_sum = real(0)
            if SOFTMAX:
                top, others = powers_of(x[r], line)
                log_sum = log1p(others)
            loss = 0.0
            slopes = 0.0
            for j in range(classes):
                log_p = (x[r, j] - top) - log_sum
                share = scale if weight is None else scale * weight[j]
                loss += nll(log_p, parts[j]) * share
                parts[j] = grad(log_p, parts[j]) * share
                slopes += parts[j]
            block_sum += loss
            if value is not None:
                value[r] = loss
            if gradient is not None:
                if SOFTMAX:
                    total = real(slopes)
                    inverse = real(1) / (real(1) + others)
                    for j in range(classes):
                        p = line[j] * inverse
                        rest = where(x[r, j] == top, others * inverse, real(1) - p)
                        line[j] = parts[j] * rest - p * (total - parts[j])
                else:
                    line[:] = parts
        sums[block] = block_sum


def _survey(labels, ignored, classes, weight):  # type: ignore[no-untyped-def]
    """Return the weight of the rows that count, and how many labels are no class."""
    total = 0.0
    strangers = 0
    for label in labels:
        if label != ignored:
            if label < 0 or label >= classes:
                strangers += 1
            else:
                total += 1.0 if weight is None else weight[label]
    return total, strangers


@cache
def kernel(template: Any, likelihood: type[Rows], real: type) -> Any:
    """Compile one of the loops for one likelihood and one floating type."""
    formulas = {"nll": likelihood.nll, "grad": likelihood.grad}
    flags = {"SOFTMAX": likelihood.softmax}
    return compile_loop(template, real, likelihood.name, formulas, {"powers_of": powers}, flags)


survey = njit(_survey, cache=True, nogil=True)


def run(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    factor: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor, int]:
    """Return the reduced loss, its derivative by x, and how many labels are no class.

    x (N, K) is contiguous, float32 or float64; y is (N,) of int64 or (N, K) of x's dtype. Where a
    label is no class nothing is computed.
    """
    real = np.float32 if x.dtype == torch.float32 else np.float64
    (size, classes), labelled = x.shape, y.dim() == 1
    data, target, weights = x.detach().numpy(), y.detach().numpy(), flat(weight)
    counted, strangers = survey(target, ignored, classes, weights) if labelled else (size, 0)
    if strangers:
        return x.new_empty(0), x.new_empty(0), strangers
    value = torch.empty(size, dtype=x.dtype) if reduction == "none" else None
    gradient = empty_like(x) if differentiate else None
    blocks = -(-size // max(1, BLOCK // classes))
    sums = np.zeros(blocks)
    scale = real(factor / counted if reduction == "mean" and counted else factor)
    tail = (weights, scale, flat(value), None if gradient is None else gradient.numpy(), sums)
    if labelled and not smoothing:
        loop, head = kernel(_label_rows, likelihood, real), (data, target, ignored)
    else:
        labels, targets = (target, None) if labelled else (None, target)
        spread = (labels, ignored, targets, real(1 - smoothing), real(smoothing / classes))
        loop, head = kernel(_target_rows, likelihood, real), (data, *spread)
    threads.run(lambda start, stop: loop(*head, *tail, start, stop), blocks)
    if value is None:
        total = np.nan if reduction == "mean" and not counted else sums.sum()
        value = torch.tensor(total, dtype=x.dtype)
    return value, x.new_empty(0) if gradient is None else gradient, 0
