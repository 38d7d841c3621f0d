"""The loops over rows of many classes: softmax, loss and gradient without a tensor in between.

Rows are treated a few at a time, one step for all of them and then the next: the steps of one row
would wait for each other. `powers` says how the softmax is computed; `targets` treats rows whose
target spreads over the classes, `columns` rows of few classes.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.powers import (
    FACTS,
    LANE_SUMS,
    LOSS,
    OTHERS,
    REST,
    SHARE,
    SLOPE,
    TOP,
    lines_for,
    powers,
    row_start,
)
from neglog.engine.cpu.kernels.rows_slots import (
    BY_TARGET,
    BY_Y,
    CLASS_STEP,
    CLASSES,
    EACH,
    GRADIENT,
    IGNORED,
    INNER,
    LABELS,
    NOTES,
    NUMBERS,
    OUTER,
    OUTER_STEP,
    ROW_STEP,
    SHARES,
    SLOTS,
    TARGETED,
    VALUE,
    WEIGHT,
    X,
)
from neglog.engine.cpu.kernels.slots import (
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
from neglog.engine.cpu.kernels.sums import two_sum

SMALLEST, LARGEST, SHARES_OF_WORK = 8192, 262144, 128  # the elements of a block, and blocks


def rows_of_a_block(rows: int, classes: int) -> int:
    """Return how many rows are treated between two looks at what is left.

    Many, since the first of them are not fetched ahead, but so few that all threads have some.
    """
    elements = min(max(rows * classes // SHARES_OF_WORK, SMALLEST), LARGEST)
    return max(1, elements // classes)


def rows(memory):
    """Treat blocks of rows until none is left."""
    wide()
    slots = carray(memory, SLOTS)
    count = slots[OUTER] * slots[INNER]
    in_block = rows_of_a_block(count, slots[CLASSES])
    blocks = -(-count // in_block)
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        last = min((block + 1) * in_block, count)
        total, lost = treat_block(slots, numbers, block * in_block, last)
        numbers[NOTES + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not slots[EACH]:
            array(slots[VALUE], 1, KIND)[0] = store(numbers[NOTES])


def picked_block(slots, numbers, first, last):
    """Treat rows of log-probabilities, whose gradient is 0 already but for the label."""
    classes, inner = slots[CLASSES], slots[INNER]
    total = 0.0
    lost = 0.0
    for r in range(first, last):
        share = share_of(slots, numbers, r)
        loss = 0.0
        if share != 0.0:
            outer = r // inner
            at = (r - outer * inner) * slots[ROW_STEP]
            at += array(slots[LABELS], r + 1, np.int64)[r] * slots[CLASS_STEP]
            here = outer * slots[OUTER_STEP] + at
            there = outer * classes * inner + at
            log_p = load(array(slots[X], here + 1, KIND)[here])
            if slots[GRADIENT]:
                array(slots[GRADIENT], there + 1, KIND)[there] = store(grad(log_p, 1.0) * share)
            loss = nll(log_p, 1.0) * share
        if slots[EACH]:
            array(slots[VALUE], r + 1, KIND)[r] = store(loss)
        total, lost = two_sum(total, loss, lost)
    return total, lost


def softmax_block(slots, numbers, first, last):
    """Treat rows of logits, a batch of those that count at a time."""
    wide()
    value = array(slots[VALUE], last, KIND)
    lines = lines_for(slots[CLASSES])
    batch = len(lines)
    facts, sums, chosen = np.empty((FACTS, batch)), np.empty(LANE_SUMS), np.empty(batch, np.int64)
    total = 0.0
    lost = 0.0
    r = first
    while r < last:
        count = 0
        while r < last and count < batch:
            share = share_of(slots, numbers, r)
            if share == 0.0:
                leave_out(slots, r)
            else:
                chosen[count] = r
                facts[SHARE, count] = share
                count += 1
            r += 1
        treat_batch(slots, numbers, chosen, count, lines, facts, sums)
        for b in range(count):
            total, lost = two_sum(total, facts[LOSS, b], lost)
            if slots[EACH]:
                value[chosen[b]] = store(facts[LOSS, b])
    return total, lost


def share_of(slots, numbers, r):
    """Return how much the loss of a row counts: 0 where it is left out."""
    share = load(array(slots[SHARES], r + 1, KIND)[r]) if slots[SHARES] else 1.0
    label = array(slots[LABELS], r + 1, np.int64)[r] if slots[LABELS] else 0
    if share == 0.0 or (slots[LABELS] and label == slots[IGNORED]):
        return 0.0  # also of a mean over nothing, whose factor is NaN
    share *= numbers[0]
    if slots[WEIGHT] and not TARGETED:
        share *= load(array(slots[WEIGHT], slots[CLASSES], KIND)[label])
    return share


def leave_out(slots, r):
    """Write the loss and the gradients of a row that does not count, whatever it holds."""
    wide()
    start, end = r * slots[CLASSES], (r + 1) * slots[CLASSES]
    if slots[EACH]:
        array(slots[VALUE], r + 1, KIND)[r] = store(0.0)
    if slots[GRADIENT]:
        gradient = array(slots[GRADIENT], end, KIND)
        for j in range(start, end):
            gradient[np.uint64(j)] = store(0.0)
    if BY_Y:
        slopes = array(slots[BY_TARGET], end, KIND)
        for j in range(start, end):
            slopes[np.uint64(j)] = store(0.0)


def label_batch(slots, numbers, chosen, count, lines, facts, sums):
    """Write the losses of rows against their labels among the facts; write the gradient."""
    wide()
    classes = slots[CLASSES]
    powers(slots, chosen, count, lines, facts, sums)
    for b in range(count):
        label = array(slots[LABELS], chosen[b] + 1, np.int64)[chosen[b]]
        at = row_start(slots, chosen[b]) + label
        truth = load(array(slots[X], at + 1, KIND)[at]) - facts[TOP, b]
        others = facts[OTHERS, b]
        facts[REST, b] = others if truth == 0.0 else (1.0 + others) - lines[b, label]
        facts[TOP, b] = truth
    for b in range(count):
        j = np.uint64(b)
        log_p = facts[TOP, j] - log1p(facts[OTHERS, j])
        facts[LOSS, j] = nll(log_p, 1.0) * facts[SHARE, j]
        facts[SLOPE, j] = grad(log_p, 1.0) * facts[SHARE, j] / (1.0 + facts[OTHERS, j])
    if slots[GRADIENT]:
        for b in range(count):
            start = chosen[b] * classes
            scale_row(slots, start, -facts[SLOPE, b], lines[b])
            at = start + array(slots[LABELS], chosen[b] + 1, np.int64)[chosen[b]]
            array(slots[GRADIENT], at + 1, KIND)[at] = store(facts[SLOPE, b] * facts[REST, b])


@in_real
def scale_row(slots, start, factor, line):
    """Write the multiple of a line as a row of the gradient."""
    wide()
    classes = slots[CLASSES]
    gradient = array(slots[GRADIENT], start + classes, KIND)
    factor = COMPUTED_IN(factor)
    for j in range(classes):
        gradient[np.uint64(start + j)] = store(factor * line[np.uint64(j)])
