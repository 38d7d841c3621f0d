"""The first pass over labels: the divisor of a mean, and the number of labels out of range."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import KIND, array, load, taken, where, wide
from neglog.engine.cpu.kernels.rows_args import (
    ARGS,
    CLASSES,
    IGNORED,
    INNER,
    LABELS,
    OUTER,
    PARTIALS,
    ROW_WEIGHTS,
    SCALARS,
    WEIGHT,
)
from neglog.engine.cpu.kernels.sums import two_sum

BLOCK = 32768  # rows


def survey(memory):
    """Write the total weight of included rows, and the number of labels out of range."""
    wide()
    args = carray(memory, ARGS)
    rows = args[OUTER] * args[INNER]
    blocks = -(-rows // BLOCK)
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        if args[WEIGHT] or args[ROW_WEIGHTS]:
            total, invalid = weighed(args, first, last)
        else:
            total, invalid = counted(args, first, last)
        scalars[PARTIALS + 2 * block] = total
        scalars[PARTIALS + 2 * block + 1] = invalid


def counted(args, first, last):
    """Count the labels that are not ignored, and those out of range."""
    wide()
    labels = array(args[LABELS], last, np.int64)
    ignored, classes = args[IGNORED], args[CLASSES]
    total = 0.0
    invalid = 0.0
    for r in range(first, last):
        label = labels[np.uint64(r)]
        counts = label != ignored
        strange = counts & ((label < 0) | (label >= classes))
        total += where(counts, 1.0, 0.0)
        invalid += where(strange, 1.0, 0.0)
    return total, invalid


def weighed(args, first, last):
    """Sum the weights of included rows, and count the labels out of range."""
    labels = array(args[LABELS], last, np.int64)
    row_weights = array(args[ROW_WEIGHTS], last, KIND)
    weight = array(args[WEIGHT], args[CLASSES], KIND)
    total = 0.0
    lost = 0.0
    invalid = 0.0
    for r in range(first, last):
        row_weight = load(row_weights[r]) if args[ROW_WEIGHTS] else 1.0
        if row_weight == 0.0:
            continue
        if args[LABELS]:
            label = labels[r]
            if label == args[IGNORED]:
                continue
            if label < 0 or label >= args[CLASSES]:
                invalid += 1.0
                continue
            if args[WEIGHT]:
                row_weight *= load(weight[label])
        total, lost = two_sum(total, row_weight, lost)
    return total + lost, invalid
