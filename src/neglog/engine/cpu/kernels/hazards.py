"""Rows of discrete hazards: logits up to the interval of an event or of the censoring."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    array,
    in_real,
    load,
    real,
    sigmoid,
    softplus,
    store,
    where,
    wide,
)

PART = 4096  # logits that are computed together, and stay in the cache


def discrete_hazard(args, scalars, first, last, losses, lines):
    """Write Σ softplus of the logits up to an interval (−1: excluded), an event's negated."""
    wide()
    in_part = max(1, PART // args[WIDTH])
    size = in_part * args[WIDTH]
    logits, terms = np.empty(size, real), np.empty(size, real)
    for start in range(first, last, in_part):
        end = min(start + in_part, last)
        hazards_of_part(args, scalars, start, end, losses[start - first :], logits, terms)


@in_real
def hazards_of_part(args, scalars, first, last, losses, logits, terms):
    """Replace the logits after an interval by −∞, which costs nothing; an event's turns round."""
    wide()
    steps, rows = args[WIDTH], last - first
    begin, count = first * steps, rows * steps
    x = array(args[TENSORS], last * steps, KIND)
    intervals = array(args[TENSORS + 1], last, np.int64)
    events = array(args[TENSORS + 2], last, KIND)
    for r in range(rows):
        reached = intervals[first + r]
        for t in range(steps):
            k = np.uint64(r * steps + t)
            logits[k] = where(t <= reached, load(x[np.uint64(begin) + k]), COMPUTED_IN(-np.inf))
        if load(events[first + r]) and reached >= 0:
            logits[np.uint64(r * steps + reached)] *= -1.0
    for j in range(count):
        k = np.uint64(j)
        terms[k] = softplus(logits[k])
    for r in range(rows):
        total = np.float64(0.0)
        for t in range(steps):
            total += np.float64(terms[np.uint64(r * steps + t)])
        losses[r] = total
    if args[GRADIENTS]:
        gradient, scale = array(args[GRADIENTS], last * steps, KIND), COMPUTED_IN(scalars[SCALE])
        for j in range(count):
            k = np.uint64(j)
            gradient[np.uint64(begin) + k] = store(scale * sigmoid(logits[k]))
        for r in range(rows):
            reached = intervals[first + r]
            if load(events[first + r]) and reached >= 0:
                k = np.uint64(begin + r * steps + reached)
                gradient[k] = store(-load(gradient[k]))
