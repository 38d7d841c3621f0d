"""The loops over rows: softmax, loss and gradient without a tensor in between.

The row's largest logit adds e⁰ = 1 to the sum of powers. It is left out of the sum, and `log1p`
gives it back: so a row that is nearly certain loses no digit, neither in ln p nor in 1 − p.
"""

from __future__ import annotations

import numpy as np

from neglog.engine.elementwise_loop import sum_of
from neglog.engine.slots import SOFTMAX, exp, grad, largest, log1p, nll, real, where, wide

BLOCK = 32768  # elements, in whole rows
RUN = 1024


def powers(row, out):
    """Write e^(row − top); return top and the sum of the powers, one e⁰ left out."""
    wide()
    top = row[0]
    for j in range(row.size):
        top = largest(top, row[j])
    below = 0.0
    tied = 0.0
    for first in range(0, row.size, RUN):
        size = min(RUN, row.size - first)
        for j in range(size):
            i = np.uint64(first + j)
            out[i] = exp(row[i] - top)
        total = real(0)  # nothing wider than the data, or LLVM would halve its vectors
        ties = real(0)
        for j in range(size):  # apart from the loop that writes: see `sum_of`
            i = np.uint64(first + j)
            is_top = row[i] == top
            total += where(is_top, real(0), out[i])
            ties += where(is_top, real(1), real(0))
        below += np.float64(total)
        tied += np.float64(ties)
    return top, real(below + (tied - 1.0)) + (top - top)  # NaN where the top is no number


def label_row(row, label, share, line, differentiate):
    """Return the loss of one row against its label, and leave the gradient in `line`."""
    wide()
    top = real(0)
    others = real(0)
    if SOFTMAX:
        top, others = powers(row, line)
        log_p = (row[label] - top) - log1p(others)
    else:
        log_p = row[label]
    if differentiate is not None:
        slope = grad(log_p, real(1)) * share
        if SOFTMAX:
            per_power = slope / (real(1) + others)
            all_but = others if row[label] == top else (real(1) + others) - line[label]
            for j in range(row.size):
                line[j] = -per_power * line[j]
            line[label] = per_power * all_but
        else:
            line[:] = real(0)
            line[label] = slope
    return nll(log_p, real(1)) * share


def label_rows(x, labels, ignored, shares, weight, scale, value, gradient, sums, start, stop):
    """Treat blocks of rows whose target is a label; `None` arguments are pruned."""
    rows, classes = x.shape
    in_block = max(1, BLOCK // classes)
    line = np.empty(classes, x.dtype)
    for block in range(start, stop):
        block_sum = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            label = labels[r]
            loss = real(0)
            if gradient is not None:
                line = gradient[r]
            share = real(1) if shares is None else shares[r]
            if label == ignored or share == real(0):
                line[:] = real(0)
            else:
                share = share * scale
                if weight is not None:
                    share = share * weight[label]
                loss = label_row(x[r], label, share, line, gradient)
            if value is not None:
                value[r] = loss
            block_sum += loss
        sums[block] = block_sum


def target_row(row, parts, weight, scale, losses, line, differentiate):
    """Return the loss of one row against `parts` of every class; the gradient goes to `line`."""
    wide()
    top = real(0)
    others = real(0)
    log_sum = real(0)
    if SOFTMAX:
        top, others = powers(row, line)
        log_sum = log1p(others)
    for j in range(row.size):
        log_p = (row[j] - top) - log_sum
        share = scale if weight is None else scale * weight[j]
        losses[j] = nll(log_p, parts[j]) * share
        parts[j] = grad(log_p, parts[j]) * share
    loss = 0.0
    slopes = 0.0
    for first in range(0, row.size, RUN):
        loss += sum_of(losses[first : first + RUN])
        slopes += sum_of(parts[first : first + RUN])
    if differentiate is not None:
        if SOFTMAX:
            total = real(slopes)
            inverse = real(1) / (real(1) + others)
            for j in range(row.size):
                p = line[j] * inverse
                rest = where(row[j] == top, others * inverse, real(1) - p)
                line[j] = parts[j] * rest - p * (total - parts[j])
        else:
            line[:] = parts
    return real(loss)


def target_rows(
    x, labels, ignored, targets, kept, spread, shares, weight, scale, value, gradient, sums,
    start, stop
):  # fmt: skip
    """Treat blocks of rows whose target spreads over the classes: kept · target + spread."""
    rows, classes = x.shape
    in_block = max(1, BLOCK // classes)
    line = np.empty(classes, x.dtype)
    parts = np.empty(classes, x.dtype)
    losses = np.empty(classes, x.dtype)
    for block in range(start, stop):
        block_sum = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            loss = real(0)
            share = real(1) if shares is None else shares[r]
            counts = share != real(0)
            share = share * scale
            if gradient is not None:
                line = gradient[r]
            if labels is not None:
                counts = counts and labels[r] != ignored
                if counts:
                    parts[:] = spread
                    parts[labels[r]] += kept
            if targets is not None:
                for j in range(classes):
                    parts[j] = kept * targets[r, j] + spread
            if counts:
                loss = target_row(x[r], parts, weight, share, losses, line, gradient)
            else:
                line[:] = real(0)
            if value is not None:
                value[r] = loss
            block_sum += loss
        sums[block] = block_sum


def survey(size, labels, ignored, classes, weight, shares):
    """Return the weight of the rows that count, and how many labels are no class."""
    if labels is None and shares is None:
        return float(size), 0
    total = 0.0
    strangers = 0
    for r in range(size):
        share = 1.0 if shares is None else float(shares[r])
        if labels is not None:
            label = labels[r]
            if label == ignored or share == 0.0:
                continue
            if label < 0 or label >= classes:
                strangers += 1
                continue
            if weight is not None:
                share *= weight[label]
        total += share
    return total, strangers


def log_softmax(x, log_p, doubts, start, stop):
    """Write ln p; and 1 − p of the row's top class, which ln p no longer tells."""
    wide()
    for r in range(start, stop):
        top, others = powers(x[r], log_p[r])
        log_sum = log1p(others)
        doubts[r] = others / (real(1) + others)
        for j in range(x.shape[1]):
            log_p[r, j] = (x[r, j] - top) - log_sum


def log_softmax_backward(log_p, upstream, doubts, gradient, start, stop):
    """Write the derivative by the logits: upstream · (1 − p) − p · (the rest of upstream)."""
    wide()
    for r in range(start, stop):
        total = 0.0
        for j in range(log_p.shape[1]):
            total += upstream[r, j]
        for j in range(log_p.shape[1]):
            p = exp(log_p[r, j])
            rest = where(p > real(0.5), doubts[r], real(1) - p)
            gradient[r, j] = upstream[r, j] * rest - p * (real(total) - upstream[r, j])
