"""Rows with soft or smoothed targets, kept · target + spread, in the batches of `rows`."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    absolute,
    array,
    grad,
    grad_target,
    load,
    log1p,
    nll,
    rank,
    ranked,
    settings_of,
    store,
    sum_of,
    where,
    wide,
)
from neglog.engine.cpu.kernels.powers import LOSS, OTHERS, ROW_WEIGHT, SLOPE, TOP, powers, row_start
from neglog.engine.cpu.kernels.rows_args import (
    BY_TARGET,
    BY_Y,
    CLASSES,
    GRADIENT,
    LABELS,
    SOFTMAX,
    TARGETS,
    WEIGHT,
    X,
)

FINE: bool | None = None  # whether the stored type is as precise as float64
STEPS = (
    "target_row", "around_the_peak", "put_target_row", "put_by_target", "target_batch",
)  # fmt: skip


def target_batch(args, scalars, chosen, count, lines, facts, sums):
    """Write the losses of rows with targets to `facts`, and the gradient."""
    wide()
    classes = args[CLASSES]
    terms, slopes = np.empty(classes), np.empty(classes)
    if SOFTMAX:
        powers(args, chosen, count, lines, facts, sums)
        for b in range(count):
            facts[SLOPE, np.uint64(b)] = log1p(facts[OTHERS, np.uint64(b)])
    else:
        for b in range(count):
            facts[TOP, b] = 0.0
            facts[SLOPE, b] = 0.0
    for b in range(count):
        start, row_weight = chosen[b] * classes, facts[ROW_WEIGHT, b]
        origin = row_start(args, chosen[b])
        label = array(args[LABELS], chosen[b] + 1, np.int64)[chosen[b]] if args[LABELS] else 0
        ends = (facts[TOP, b], facts[SLOPE, b])
        target_row(args, scalars, origin, start, label, ends, terms, slopes)
        facts[LOSS, b] = sum_of(terms, classes) * row_weight
        if BY_Y:
            put_by_target(args, scalars, origin, start, row_weight, ends)
        if args[GRADIENT]:
            put_target_row(args, start, row_weight, facts[OTHERS, b], slopes, lines[b])


def target_row(args, scalars, origin, start, label, ends, terms, slopes):
    """Write the terms of a row's loss, and their derivatives by the log-probabilities."""
    wide()
    classes = args[CLASSES]
    top, log_sum = ends
    kept, added, settings = scalars[1], scalars[2], settings_of(args)
    x = array(args[X], origin + classes, KIND)
    weight = array(args[WEIGHT], classes, KIND)
    targets = array(args[TARGETS], start + classes, KIND)
    if args[LABELS]:
        for j in range(classes):
            slopes[np.uint64(j)] = added
        slopes[label] = added + kept
    else:
        for j in range(classes):
            i = np.uint64(j)
            slopes[i] = kept * load(targets[np.uint64(start) + i]) + added
    for j in range(classes):
        i = np.uint64(j)
        part = slopes[i]
        log_p = (load(x[np.uint64(origin) + i]) - top) - log_sum
        terms[i] = nll(log_p, settings, part)
        slopes[i] = grad(log_p, settings, part)
    if args[WEIGHT]:
        for j in range(classes):
            i = np.uint64(j)
            factor = load(weight[i])
            terms[i] *= factor
            slopes[i] *= factor


def put_by_target(args, scalars, origin, start, row_weight, ends):
    """Write the gradient of a row's target, 0 where a weight is 0."""
    wide()
    classes = args[CLASSES]
    top, log_sum = ends
    kept, added, settings = scalars[1], scalars[2], settings_of(args)
    x = array(args[X], origin + classes, KIND)
    targets = array(args[TARGETS], start + classes, KIND)
    weight = array(args[WEIGHT], classes, KIND)
    slopes = array(args[BY_TARGET], start + classes, KIND)
    for j in range(classes):
        i = np.uint64(j)
        factor = row_weight * kept * load(weight[i]) if args[WEIGHT] else row_weight * kept
        log_p = (load(x[np.uint64(origin) + i]) - top) - log_sum
        part = kept * load(targets[np.uint64(start) + i]) + added
        slope = where(factor == 0.0, 0.0, grad_target(log_p, settings, part) * factor)
        slopes[np.uint64(start) + i] = store(slope)


def put_target_row(args, start, row_weight, others, slopes, line):
    """Write a row's gradient: slope · (1 − p) − p · (the sum of the other slopes)."""
    wide()
    classes = args[CLASSES]
    gradient = array(args[GRADIENT], start + classes, KIND)
    total = sum_of(slopes, classes) if SOFTMAX else 0.0
    peak, peaks, rest = around_the_peak(slopes, classes) if FINE else (0.0, 0.0, 0.0)
    inverse = 1.0 / (1.0 + others)
    for j in range(classes):
        i = np.uint64(j)
        slope = slopes[i]
        if SOFTMAX:
            p = line[i] * inverse
            not_p = where(line[i] == 1.0, others * inverse, 1.0 - p)
            left = total - slope
            if FINE:
                is_peak = absolute(slope) == peak
                left = where(is_peak, peaks - slope, peaks) + rest
                left = where(is_peak, left, left - slope)
            slope = slope * not_p - p * left
        gradient[np.uint64(start) + i] = store(slope * row_weight)


def around_the_peak(parts, classes):
    """Return the largest absolute value, the sum of the numbers of that size, and of the others.

    With these, the sum of all numbers except one does not cancel, whichever one it is.
    """
    wide()
    highest = rank(0.0)
    for j in range(classes):
        highest = max(highest, rank(absolute(parts[np.uint64(j)])))
    peak = ranked(highest)
    peaks = 0.0
    rest = 0.0
    for j in range(classes):
        part = parts[np.uint64(j)]
        is_peak = absolute(part) == peak
        peaks += where(is_peak, part, 0.0)
        rest += where(is_peak, 0.0, part)
    return peak, peaks, rest
