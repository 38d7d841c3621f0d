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
    signs, terms = np.empty(size, real), np.empty(size, real)
    for start in range(first, last, in_part):
        end = min(start + in_part, last)
        put_signs(args, start, end, signs)
        hazards_of_part(args, scalars, start, end, losses[start - first :], signs, terms)


@in_real
def put_signs(args, first, last, signs):
    """Write 1 up to an interval and 0 after it, −1 at an event."""
    wide()
    steps = args[WIDTH]
    intervals = array(args[TENSORS + 1], last, np.int64)
    events = array(args[TENSORS + 2], last, KIND)
    for r in range(last - first):
        reached = intervals[first + r]
        for t in range(steps):
            signs[np.uint64(r * steps + t)] = where(t <= reached, 1.0, 0.0)
        if reached >= 0:
            signs[np.uint64(r * steps + reached)] = where(events[first + r] == 0.0, 1.0, -1.0)


@in_real
def hazards_of_part(args, scalars, first, last, losses, signs, terms):
    """Write the losses and the gradient of rows."""
    wide()
    steps, rows = args[WIDTH], last - first
    begin, count = first * steps, rows * steps
    x = array(args[TENSORS], last * steps, KIND)[begin:]
    for j in range(count):  # e^x of the others may underflow, which takes ten times as long
        k = np.uint64(j)
        counts = signs[k] != 0.0
        terms[k] = where(counts, softplus(where(counts, signs[k] * load(x[k]), 0.0)), 0.0)
    for r in range(rows):
        total = np.float64(0.0)
        for t in range(steps):
            total += np.float64(terms[np.uint64(r * steps + t)])
        losses[r] = total
    if args[GRADIENTS]:
        gradient = array(args[GRADIENTS], last * steps, KIND)[begin:]
        scale = COMPUTED_IN(scalars[SCALE])
        for j in range(count):
            k = np.uint64(j)
            z = where(signs[k] == 0.0, 0.0, signs[k] * load(x[k]))
            gradient[k] = store(signs[k] * scale * sigmoid(z))
