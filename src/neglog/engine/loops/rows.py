"""The loops over rows of many classes: softmax, loss and gradient without a tensor in between.

The row's largest logit adds e⁰ = 1 to the sum of powers. It is left out of the sum, and `log1p`
gives it back: so a row that is nearly certain loses no digit, neither in ln p nor in 1 − p.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.loops.rows_slots import (
    CLASS_STEP,
    CLASSES,
    DIFFERENTIATED,
    GRADIENT,
    IGNORED,
    INNER,
    LABELLED,
    LABELS,
    NOTES,
    NUMBERS,
    OUTER,
    ROW_STEP,
    SHARED,
    SHARES,
    SLOTS,
    SOFTMAX,
    TARGETED,
    TARGETS,
    VALUE,
    VALUED,
    WEIGHT,
    WEIGHTED,
    X,
)
from neglog.engine.loops.slots import (
    KIND,
    absolute,
    array,
    exp,
    grad,
    largest,
    load,
    log1p,
    nll,
    one_row,
    store,
    sum_of,
    taken,
    where,
    wide,
)
from neglog.engine.loops.sums import in_order, two_sum

BLOCK = 32768  # elements, in whole rows
RUN = 1024


def rows_of_a_block(classes: int) -> int:
    """Return how many rows are treated at a time."""
    return max(1, BLOCK // classes)


def power(z, top):
    """Return e^(z − top) where the difference is exact to float64, which is more than is stored."""
    return exp(z - top)


@in_order
def exact_power(z, top):
    """Return e^(z − top) of float64s, with what rounding took from the difference."""
    difference = z - top
    back = difference - z
    lost = (z - (difference - back)) - (top + back)
    whole = exp(difference)
    return whole + where(whole == 0.0, 0.0, whole * lost)


def powers(x, start, classes, out):
    """Write e^(row − top); return top and the sum of the powers, one e⁰ left out."""
    wide()
    top = load(x[start])
    for j in range(classes):
        top = largest(top, load(x[np.uint64(start + j)]))
    below = 0.0
    tied = 0.0
    for first in range(0, classes, RUN):
        count = min(RUN, classes - first)
        for j in range(count):
            i = np.uint64(first + j)
            out[i] = power(load(x[np.uint64(start) + i]), top)
        total = 0.0
        ties = 0.0
        for j in range(count):  # apart from the loop that writes: see `sums`
            i = np.uint64(first + j)
            is_top = load(x[np.uint64(start) + i]) == top
            total += where(is_top, 0.0, out[i])
            ties += where(is_top, 1.0, 0.0)
        below += total
        tied += ties
    return top, below + (tied - 1.0) + (top - top)  # NaN where the top is no number


def label_row(slots, numbers, r, line):
    """Return the loss of one row against its label, and write its gradient."""
    wide()
    classes = slots[CLASSES]
    start = r * classes
    x = array(slots[X], start + classes, KIND)
    gradient = array(slots[GRADIENT], start + classes, KIND)
    label, share = label_and_share(slots, numbers, r)
    if share == 0.0:
        if DIFFERENTIATED:
            for j in range(classes):
                gradient[np.uint64(start + j)] = store(0.0)
        return 0.0
    truth = load(x[start + label])
    top, others = powers(x, start, classes, line)
    log_p = (truth - top) - log1p(others)
    if DIFFERENTIATED:
        per_power = grad(log_p, 1.0) * share / (1.0 + others)
        all_but = others if truth == top else (1.0 + others) - line[label]
        for j in range(classes):
            gradient[np.uint64(start + j)] = store(-per_power * line[np.uint64(j)])
        gradient[start + label] = store(per_power * all_but)
    return nll(log_p, 1.0) * share


def label_and_share(slots, numbers, r):
    """Return a row's label, and how much its loss counts: 0 where the label is ignored."""
    label = array(slots[LABELS], r + 1, np.int64)[r]
    share = load(array(slots[SHARES], r + 1, KIND)[r]) if SHARED else 1.0
    if label == slots[IGNORED] or share == 0.0:
        return label, 0.0
    share *= numbers[0]
    if WEIGHTED:
        share *= load(array(slots[WEIGHT], slots[CLASSES], KIND)[label])
    return label, share


def picked_row(slots, numbers, r, line):
    """Treat one row of log-probabilities, whose gradient is 0 already but for the label."""
    classes, inner = slots[CLASSES], slots[INNER]
    label, share = label_and_share(slots, numbers, r)
    if share == 0.0:
        return 0.0
    outer = r // inner
    here = outer * classes * inner + (r - outer * inner) * slots[ROW_STEP]
    here += label * slots[CLASS_STEP]
    log_p = load(array(slots[X], here + 1, KIND)[here])
    if DIFFERENTIATED:
        array(slots[GRADIENT], here + 1, KIND)[here] = store(grad(log_p, 1.0) * share)
    return nll(log_p, 1.0) * share


def label_rows(memory):
    """Treat blocks of rows whose target is a label, until none is left."""
    slots = carray(memory, SLOTS)
    rows, classes = slots[OUTER] * slots[INNER], slots[CLASSES]
    in_block = rows_of_a_block(classes)
    blocks = -(-rows // in_block)
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
    value = array(slots[VALUE], rows, KIND)
    line = np.empty(classes)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        total = 0.0
        lost = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            loss = one_row(slots, numbers, r, line)
            if VALUED:
                value[r] = store(loss)
            total, lost = two_sum(total, loss, lost)
        numbers[NOTES + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not VALUED:
            array(slots[VALUE], 1, KIND)[0] = store(numbers[NOTES])


def set_parts(slots, numbers, r, parts):
    """Write how much of a row's target lies on every class; tell whether the row counts."""
    wide()
    classes = slots[CLASSES]
    if LABELLED:
        label = array(slots[LABELS], r + 1, np.int64)[r]
        if label == slots[IGNORED]:
            return False
        for j in range(classes):
            parts[np.uint64(j)] = numbers[2]
        parts[label] += numbers[1]
    if TARGETED:
        start = r * classes
        targets = array(slots[TARGETS], start + classes, KIND)
        for j in range(classes):
            parts[np.uint64(j)] = numbers[1] * load(targets[np.uint64(start + j)]) + numbers[2]
    return True


def target_row(slots, share, r, parts, losses, line):
    """Return the loss of one row against `parts` of every class, and write its gradient."""
    wide()
    classes = slots[CLASSES]
    start = r * classes
    x = array(slots[X], start + classes, KIND)
    gradient = array(slots[GRADIENT], start + classes, KIND)
    weight = array(slots[WEIGHT], classes, KIND)
    top = 0.0
    others = 0.0
    log_sum = 0.0
    if SOFTMAX:
        top, others = powers(x, start, classes, line)
        log_sum = log1p(others)
    for j in range(classes):
        i = np.uint64(j)
        log_p = (load(x[np.uint64(start) + i]) - top) - log_sum
        factor = share * load(weight[i]) if WEIGHTED else share
        part = parts[i]
        losses[i] = nll(log_p, part) * factor
        parts[i] = grad(log_p, part) * factor
    if DIFFERENTIATED:
        if SOFTMAX:
            peak, peaks, rest = around_the_peak(parts, classes)
            inverse = 1.0 / (1.0 + others)
            for j in range(classes):
                i = np.uint64(j)
                part = parts[i]
                p = line[i] * inverse
                not_p = where(load(x[np.uint64(start) + i]) == top, others * inverse, 1.0 - p)
                left = where(absolute(part) == peak, peaks - part, peaks) + rest
                left = where(absolute(part) == peak, left, left - part)
                gradient[np.uint64(start) + i] = store(part * not_p - p * left)
        else:
            for j in range(classes):
                gradient[np.uint64(start + j)] = store(parts[np.uint64(j)])
    return sum_of(losses, classes)


def around_the_peak(parts, classes):
    """Return the largest size among numbers, the sum of those of that size, and of the others.

    The sum of all but one of them does not cancel then, whichever the one is.
    """
    wide()
    peak = 0.0
    for j in range(classes):
        peak = largest(peak, absolute(parts[np.uint64(j)]))
    peaks = 0.0
    rest = 0.0
    for j in range(classes):
        part = parts[np.uint64(j)]
        is_peak = absolute(part) == peak
        peaks += where(is_peak, part, 0.0)
        rest += where(is_peak, 0.0, part)
    return peak, peaks, rest


def target_rows(memory):
    """Treat blocks of rows whose target spreads over the classes: kept · target + spread."""
    wide()
    slots = carray(memory, SLOTS)
    rows, classes = slots[OUTER] * slots[INNER], slots[CLASSES]
    in_block = rows_of_a_block(classes)
    blocks = -(-rows // in_block)
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
    shares = array(slots[SHARES], rows, KIND)
    value = array(slots[VALUE], rows, KIND)
    gradient = array(slots[GRADIENT], rows * classes, KIND)
    line, parts, losses = np.empty(classes), np.empty(classes), np.empty(classes)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        total = 0.0
        lost = 0.0
        for r in range(block * in_block, min((block + 1) * in_block, rows)):
            share = load(shares[r]) if SHARED else 1.0
            loss = 0.0
            if share != 0.0 and set_parts(slots, numbers, r, parts):
                loss = target_row(slots, share * numbers[0], r, parts, losses, line)
            elif DIFFERENTIATED:
                for j in range(r * classes, (r + 1) * classes):
                    gradient[np.uint64(j)] = store(0.0)
            if VALUED:
                value[r] = store(loss)
            total, lost = two_sum(total, loss, lost)
        numbers[NOTES + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not VALUED:
            array(slots[VALUE], 1, KIND)[0] = store(numbers[NOTES])
