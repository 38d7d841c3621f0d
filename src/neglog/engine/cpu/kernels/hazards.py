"""Discrete hazards: the loss and the gradient of rows of logits up to their intervals."""

from __future__ import annotations

import numpy as np
from numba import carray

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
    taken,
    where,
    wide,
)

# Arguments: the next block, the numbers of rows, of steps, of rows in a block and of bytes of a
# logit, and the addresses of the logits, the intervals (−1: excluded), the events, the losses and
# the gradient (0: none).
ROWS, STEPS, IN_BLOCK, BYTES, LOGITS, INTERVALS, EVENTS, LOSSES, GRADIENT = range(1, 10)
ARGS = 10


def hazards(memory):
    """Process blocks of rows until none is left."""
    wide()
    args = carray(memory, ARGS)
    rows, in_block = args[ROWS], args[IN_BLOCK]
    size = in_block * args[STEPS]
    logits, losses = np.empty(size, real), np.empty(size, real)
    while True:
        block = taken(memory)
        if block * in_block >= rows:
            break
        first, last = block * in_block, min((block + 1) * in_block, rows)
        hazards_of_block(args, first, last - first, logits, losses)


@in_real
def hazards_of_block(args, first, rows, logits, losses):
    """Replace the logits after an interval by −∞, which costs nothing; an event's turns round."""
    wide()
    steps = args[STEPS]
    count, skipped = rows * steps, first * steps * args[BYTES]
    x = array(args[LOGITS] + skipped, count, KIND)
    intervals = array(args[INTERVALS] + first * 8, rows, np.int64)
    events = array(args[EVENTS] + first, rows, np.uint8)
    totals = array(args[LOSSES] + first * 8, rows, np.float64)
    for r in range(rows):
        reached = intervals[r]
        for t in range(steps):
            k = np.uint64(r * steps + t)
            logits[k] = where(t <= reached, load(x[k]), COMPUTED_IN(-np.inf))
        if events[r]:
            logits[np.uint64(r * steps + reached)] *= -1.0
    for j in range(count):
        k = np.uint64(j)
        losses[k] = softplus(logits[k])
    for r in range(rows):
        total = np.float64(0.0)
        for t in range(steps):
            total += np.float64(losses[np.uint64(r * steps + t)])
        totals[r] = total
    if args[GRADIENT]:
        gradient = array(args[GRADIENT] + skipped, count, KIND)
        for j in range(count):
            k = np.uint64(j)
            gradient[k] = store(sigmoid(logits[k]))
        for r in range(rows):
            if events[r]:
                k = np.uint64(r * steps + intervals[r])
                gradient[k] = store(-load(gradient[k]))
