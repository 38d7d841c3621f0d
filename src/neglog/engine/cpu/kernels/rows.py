"""The kernels for rows of many classes: softmax, loss and gradient without intermediate tensors.

Rows are processed in batches, each step for the whole batch: the steps of one row would wait for
each other. `powers` computes the softmax; `targets` processes rows with soft or smoothed targets,
`columns` rows of few classes.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    array,
    grad,
    in_real,
    load,
    log1p,
    nll,
    store,
    taken,
    treat_batch,
    treat_block,
    wide,
)
from neglog.engine.cpu.kernels.powers import (
    FACTS,
    LANE_SUMS,
    LOSS,
    OTHERS,
    REST,
    ROW_WEIGHT,
    SLOPE,
    TOP,
    lines_for,
    powers,
    row_start,
)
from neglog.engine.cpu.kernels.rows_args import (
    ARGS,
    BY_TARGET,
    BY_Y,
    CLASS_STEP,
    CLASSES,
    EACH,
    GRADIENT,
    IGNORED,
    INNER,
    LABELS,
    OUTER,
    OUTER_STEP,
    PARTIALS,
    ROW_STEP,
    ROW_WEIGHTS,
    SCALARS,
    SETTINGS,
    TARGETED,
    VALUE,
    WEIGHT,
    X,
)
from neglog.engine.cpu.kernels.sums import two_sum

SMALLEST, LARGEST, SHARES_OF_WORK = 8192, 262144, 128  # elements per block; number of blocks


def rows_of_a_block(rows: int, classes: int) -> int:
    """Return the number of rows per block.

    Blocks are large, since their first rows are not prefetched, but every thread gets some of them.
    """
    elements = min(max(rows * classes // SHARES_OF_WORK, SMALLEST), LARGEST)
    return max(1, elements // classes)


def rows(memory):
    """Process blocks of rows until none is left."""
    wide()
    args = carray(memory, ARGS)
    count = args[OUTER] * args[INNER]
    in_block = rows_of_a_block(count, args[CLASSES])
    blocks = -(-count // in_block)
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        last = min((block + 1) * in_block, count)
        total, lost = treat_block(args, scalars, block * in_block, last)
        scalars[PARTIALS + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not args[EACH]:
            array(args[VALUE], 1, KIND)[0] = store(scalars[PARTIALS])


def picked_block(args, scalars, first, last):
    """Process rows of log-probabilities, whose gradient is 0 already except at the label."""
    classes, inner, settings = args[CLASSES], args[INNER], settings_of(args)
    total = 0.0
    lost = 0.0
    for r in range(first, last):
        row_weight = row_weight_of(args, scalars, r)
        loss = 0.0
        if row_weight != 0.0:
            outer = r // inner
            at = (r - outer * inner) * args[ROW_STEP]
            at += array(args[LABELS], r + 1, np.int64)[r] * args[CLASS_STEP]
            here = outer * args[OUTER_STEP] + at
            there = outer * classes * inner + at
            log_p = load(array(args[X], here + 1, KIND)[here])
            if args[GRADIENT]:
                slope = grad(log_p, settings, 1.0) * row_weight
                array(args[GRADIENT], there + 1, KIND)[there] = store(slope)
            loss = nll(log_p, settings, 1.0) * row_weight
        if args[EACH]:
            array(args[VALUE], r + 1, KIND)[r] = store(loss)
        total, lost = two_sum(total, loss, lost)
    return total, lost


def softmax_block(args, scalars, first, last):
    """Process rows of logits, in batches of included rows."""
    wide()
    value = array(args[VALUE], last, KIND)
    lines = lines_for(args[CLASSES])
    batch = len(lines)
    facts, sums, chosen = np.empty((FACTS, batch)), np.empty(LANE_SUMS), np.empty(batch, np.int64)
    total = 0.0
    lost = 0.0
    r = first
    while r < last:
        count = 0
        while r < last and count < batch:
            row_weight = row_weight_of(args, scalars, r)
            if row_weight == 0.0:
                leave_out(args, r)
            else:
                chosen[count] = r
                facts[ROW_WEIGHT, count] = row_weight
                count += 1
            r += 1
        treat_batch(args, scalars, chosen, count, lines, facts, sums)
        for b in range(count):
            total, lost = two_sum(total, facts[LOSS, b], lost)
            if args[EACH]:
                value[chosen[b]] = store(facts[LOSS, b])
    return total, lost


def settings_of(args):
    """Return the settings, and zeros up to the largest number of them."""
    s = array(args[SETTINGS], 8, np.float64)
    return s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]


def row_weight_of(args, scalars, r):
    """Return the weight of a row's loss, 0 if the row is excluded."""
    row_weight = load(array(args[ROW_WEIGHTS], r + 1, KIND)[r]) if args[ROW_WEIGHTS] else 1.0
    label = array(args[LABELS], r + 1, np.int64)[r] if args[LABELS] else 0
    if row_weight == 0.0 or (args[LABELS] and label == args[IGNORED]):
        return 0.0  # also in a mean over nothing, whose scale is NaN
    row_weight *= scalars[0]
    if args[WEIGHT] and not TARGETED:
        row_weight *= load(array(args[WEIGHT], args[CLASSES], KIND)[label])
    return row_weight


def leave_out(args, r):
    """Write 0 as the loss and the gradients of an excluded row, whatever its values."""
    wide()
    start, end = r * args[CLASSES], (r + 1) * args[CLASSES]
    if args[EACH]:
        array(args[VALUE], r + 1, KIND)[r] = store(0.0)
    if args[GRADIENT]:
        gradient = array(args[GRADIENT], end, KIND)
        for j in range(start, end):
            gradient[np.uint64(j)] = store(0.0)
    if BY_Y:
        slopes = array(args[BY_TARGET], end, KIND)
        for j in range(start, end):
            slopes[np.uint64(j)] = store(0.0)


def label_batch(args, scalars, chosen, count, lines, facts, sums):
    """Write the losses of rows with labels to `facts`, and the gradient."""
    wide()
    classes, settings = args[CLASSES], settings_of(args)
    powers(args, chosen, count, lines, facts, sums)
    for b in range(count):
        label = array(args[LABELS], chosen[b] + 1, np.int64)[chosen[b]]
        at = row_start(args, chosen[b]) + label
        truth = load(array(args[X], at + 1, KIND)[at]) - facts[TOP, b]
        others = facts[OTHERS, b]
        facts[REST, b] = others if truth == 0.0 else (1.0 + others) - lines[b, label]
        facts[TOP, b] = truth
    for b in range(count):
        j = np.uint64(b)
        log_p = facts[TOP, j] - log1p(facts[OTHERS, j])
        facts[LOSS, j] = nll(log_p, settings, 1.0) * facts[ROW_WEIGHT, j]
        slope = grad(log_p, settings, 1.0) * facts[ROW_WEIGHT, j]
        facts[SLOPE, j] = slope / (1.0 + facts[OTHERS, j])
    if args[GRADIENT]:
        for b in range(count):
            start = chosen[b] * classes
            scale_row(args, start, -facts[SLOPE, b], lines[b])
            at = start + array(args[LABELS], chosen[b] + 1, np.int64)[chosen[b]]
            array(args[GRADIENT], at + 1, KIND)[at] = store(facts[SLOPE, b] * facts[REST, b])


@in_real
def scale_row(args, start, factor, line):
    """Write factor · line as a row of the gradient."""
    wide()
    classes = args[CLASSES]
    gradient = array(args[GRADIENT], start + classes, KIND)
    factor = COMPUTED_IN(factor)
    for j in range(classes):
        gradient[np.uint64(start + j)] = store(factor * line[np.uint64(j)])
