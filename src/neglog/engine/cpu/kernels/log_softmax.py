"""The log softmax and its derivative."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    array,
    exp,
    load,
    log1p,
    store,
    taken,
    where,
    wide,
)
from neglog.engine.cpu.kernels.powers import FACTS, LANE_SUMS, OTHERS, TOP, lines_for, powers
from neglog.engine.cpu.kernels.rows import rows_of_a_block
from neglog.engine.cpu.kernels.rows_args import ARGS, CLASSES, GRADIENT, OUTER, TARGETS, VALUE, X


def log_softmax(memory):
    """Write ln p, and 1 − p of each row's top class, which ln p no longer determines."""
    wide()
    args = carray(memory, ARGS)
    rows, classes = args[OUTER], args[CLASSES]
    in_block = rows_of_a_block(rows, classes)
    lines = lines_for(classes)
    batch = len(lines)
    facts, sums, chosen = np.empty((FACTS, batch)), np.empty(LANE_SUMS), np.empty(batch, np.int64)
    while True:
        block = taken(memory)
        if block * in_block >= rows:
            break
        last = min((block + 1) * in_block, rows)
        for first in range(block * in_block, last, batch):
            count = min(batch, last - first)
            for b in range(count):
                chosen[b] = first + b
            powers(args, chosen, count, lines, facts, sums)
            for b in range(count):
                log_softmax_row(args, first + b, facts[TOP, b], facts[OTHERS, b])


def log_softmax_row(args, r, top, others):
    """Process one row."""
    wide()
    rows, classes = args[OUTER], args[CLASSES]
    start = r * classes
    x = array(args[X], rows * classes, KIND)
    log_p = array(args[GRADIENT], rows * classes, KIND)
    log_sum = log1p(others)
    array(args[VALUE], rows, KIND)[r] = store(others / (1.0 + others))
    for j in range(classes):
        i = np.uint64(start + j)
        log_p[i] = store((load(x[i]) - top) - log_sum)


def log_softmax_backward(memory):
    """Write the gradient of the logits: upstream · (1 − p) − p · (the rest of upstream)."""
    wide()
    args = carray(memory, ARGS)
    rows, classes = args[OUTER], args[CLASSES]
    in_block = rows_of_a_block(rows, classes)
    while True:
        block = taken(memory)
        if block * in_block >= rows:
            break
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            log_softmax_backward_row(args, r)


def log_softmax_backward_row(args, r):
    """Process one row."""
    wide()
    rows, classes = args[OUTER], args[CLASSES]
    start = r * classes
    log_p = array(args[X], rows * classes, KIND)
    upstream = array(args[TARGETS], rows * classes, KIND)
    gradient = array(args[GRADIENT], rows * classes, KIND)
    doubt = load(array(args[VALUE], rows, KIND)[r])
    total = 0.0
    for j in range(classes):
        total += load(upstream[np.uint64(start + j)])
    for j in range(classes):
        i = np.uint64(start + j)
        p = exp(load(log_p[i]))
        rest = where(p > 0.5, doubt, 1.0 - p)
        slope = load(upstream[i])
        gradient[i] = store(slope * rest - p * (total - slope))
