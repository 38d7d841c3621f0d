"""The steps of `spread`: each processes all rows of a tile, class by class."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    absolute,
    array,
    grad,
    in_real,
    load,
    log1p,
    near_log1p,
    near_power,
    nll,
    power,
    settings_of,
    store,
    where,
    wide,
)
from neglog.engine.cpu.kernels.rows_args import (
    CLASS_STEP,
    CLASSES,
    GRADIENT,
    IGNORED,
    INNER,
    LABELS,
    OUTER,
    ROW_STEP,
    ROW_WEIGHTS,
    TARGETS,
    WEIGHT,
)

FINE: bool | None = None  # whether the stored type is as precise as float64
STEPS = (
    "fetch_line", "take_tops", "take_row_weights", "inverse_of", "add_powers", "take_part",
    "add_terms", "add_around_peaks", "finish_rows", "put_line", "put_gradient",
    "put_fine_gradient", "leave_out_rows",
)  # fmt: skip
LOSSES, OTHERS, LOGS, INVERSES, FACTORS, LABEL, TOTALS, PEAKS, RESTS, LINES = range(10)


@in_real
def fetch_line(args, address, start, count, line):
    """Read the numbers of one class in all rows of a tile."""
    wide()
    stored = array(address, start + count * args[ROW_STEP], KIND)
    if args[ROW_STEP] == 1:
        for i in range(count):
            line[np.uint64(i)] = load(stored[np.uint64(start + i)])
    else:
        for i in range(count):
            line[np.uint64(i)] = load(stored[np.uint64(start + i * args[ROW_STEP])])


@in_real
def take_tops(classes, count, tile, tops):
    """Write the largest logit of each row; a NaN appears in the sum of powers."""
    wide()
    for j in range(count):
        tops[j] = tile[0, j]
    for k in range(1, classes):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            tops[i] = where(line[i] > tops[i], line[i], tops[i])


def take_row_weights(args, scalars, first, count, lines):
    """Write the weight of each row's loss, and its label; return the number of excluded rows."""
    wide()
    factors, numbered = lines[FACTORS], lines[LABEL]
    scale = scalars[0]
    plain = not (args[LABELS] or args[ROW_WEIGHTS])
    for j in range(count):
        factors[np.uint64(j)] = scale if plain else 1.0
    if plain:
        return 0.0
    row_weights = array(args[ROW_WEIGHTS], first + count, KIND)
    labels = array(args[LABELS], first + count, np.int64)
    if args[ROW_WEIGHTS]:
        for j in range(count):
            factors[np.uint64(j)] = load(row_weights[np.uint64(first + j)])
    if args[LABELS]:
        for j in range(count):
            i, label = np.uint64(j), labels[np.uint64(first + j)]
            numbered[i] = np.float64(label)
            factors[i] = where(label == args[IGNORED], 0.0, factors[i])
    left_out = 0.0
    for j in range(count):
        left_out += where(factors[np.uint64(j)] == 0.0, 1.0, 0.0)
    for j in range(count):
        i = np.uint64(j)  # the scale of a mean over nothing is NaN
        factors[i] = where(factors[i] == 0.0, 0.0, factors[i] * scale)
    return left_out


def add_powers(classes, count, tile, tops, powers, lines):
    """Write powers e^(z − top), their sums s without one e⁰, ln(1 + s) and 1 / (1 + s)."""
    wide()
    others, logs, inverses = lines[OTHERS], lines[LOGS], lines[INVERSES]
    for j in range(count):
        i = np.uint64(j)
        top = np.float64(tops[i])
        others[i] = top - top  # NaN where the top is NaN or infinite
        logs[i] = -1.0
    for k in range(classes):
        line, raised = tile[k], powers[k]
        for j in range(count):
            i = np.uint64(j)
            z, top = np.float64(line[i]), np.float64(tops[i])
            e = power(z, top) if FINE else near_power(z - top)
            raised[i] = e
            others[i] += where(e == 1.0, 0.0, e)
            logs[i] += where(e == 1.0, 1.0, 0.0)
    for j in range(count):
        i = np.uint64(j)
        below = others[i] + logs[i]
        others[i] = below
        logs[i] = log1p(below) if FINE else near_log1p(below)
        inverses[i] = 1.0 / (1.0 + below) if FINE else inverse_of(1.0 + below)


def inverse_of(x):
    """Return 1 / x from a float32 division, which takes a third of the time of float64's."""
    start = np.float64(np.float32(1.0) / np.float32(x))
    error = 1.0 - x * start
    return start + start * (error + error * error)


def take_part(args, scalars, start, count, k, tile, part, lines):
    """Write the targets of one class in all rows of a tile."""
    wide()
    target, numbered, own = tile[args[CLASSES]], lines[LABEL], np.float64(k)
    kept, spread = scalars[1], scalars[2]
    if args[LABELS]:
        for j in range(count):
            i = np.uint64(j)
            part[i] = spread + where(numbered[i] == own, kept, 0.0)
    else:
        fetch_line(args, args[TARGETS], start + k * args[CLASS_STEP], count, target)
        for j in range(count):
            i = np.uint64(j)
            part[i] = kept * np.float64(target[i]) + spread


def add_terms(args, scalars, start, count, tile, tops, slopes, lines):
    """Sum the terms of each loss, and write their derivatives by the log-probabilities."""
    wide()
    classes, settings = args[CLASSES], settings_of(args)
    losses, logs, totals = lines[LOSSES], lines[LOGS], lines[TOTALS]
    weight = array(args[WEIGHT], classes, KIND)
    for j in range(count):
        losses[np.uint64(j)] = 0.0
        totals[np.uint64(j)] = 0.0
    for k in range(classes):
        factor = load(weight[k]) if args[WEIGHT] else 1.0
        line, slope = tile[k], slopes[k]
        take_part(args, scalars, start, count, k, tile, slope, lines)
        for j in range(count):
            i = np.uint64(j)
            part = slope[i]
            log_p = (np.float64(line[i]) - np.float64(tops[i])) - logs[i]
            losses[i] += nll(log_p, settings, part) * factor
            slope[i] = grad(log_p, settings, part) * factor
            totals[i] += slope[i]


def add_around_peaks(classes, count, slopes, lines):
    """Write the largest absolute slope, the sum of the slopes of that size, and of the others."""
    wide()
    peaks, totals, rests = lines[PEAKS], lines[TOTALS], lines[RESTS]
    for j in range(count):
        i = np.uint64(j)
        peaks[i], totals[i], rests[i] = 0.0, 0.0, 0.0
    for k in range(classes):
        slope = slopes[k]
        for j in range(count):
            i = np.uint64(j)
            size = absolute(slope[i])
            peaks[i] = where(size > peaks[i], size, peaks[i])
    for k in range(classes):
        slope = slopes[k]
        for j in range(count):
            i = np.uint64(j)
            is_peak = absolute(slope[i]) == peaks[i]
            totals[i] += where(is_peak, slope[i], 0.0)
            rests[i] += where(is_peak, 0.0, slope[i])


def finish_rows(count, lines):
    """Scale the losses, and the factors that `put_gradient` multiplies by the powers."""
    wide()
    losses, others, inverses = lines[LOSSES], lines[OTHERS], lines[INVERSES]
    factors, totals, rests = lines[FACTORS], lines[TOTALS], lines[RESTS]
    for j in range(count):
        i = np.uint64(j)
        losses[i] = where(factors[i] == 0.0, 0.0, losses[i] * factors[i])
        if not FINE:
            inverses[i] *= factors[i]
            others[i] *= inverses[i]
            rests[i] = totals[i] * inverses[i]


def put_line(args, start, count, line):
    """Write the gradient of one class in all rows of a tile."""
    wide()
    row_step = args[ROW_STEP]
    gradient = array(args[GRADIENT], start + count * row_step, KIND)
    if row_step == 1:
        for j in range(count):
            gradient[np.uint64(start + j)] = store(line[np.uint64(j)])
    else:
        for j in range(count):
            gradient[np.uint64(start + j * row_step)] = store(line[np.uint64(j)])


def put_gradient(args, start, count, powers, slopes, lines):
    """Write the gradient: slope − p · total, or slope · (1 − p) − p · (rest) for the top class."""
    wide()
    others, inverses, factors = lines[OTHERS], lines[INVERSES], lines[FACTORS]
    totals, rests = lines[TOTALS], lines[RESTS]
    for k in range(args[CLASSES]):
        at, raised, slope = start + k * args[CLASS_STEP], powers[k], slopes[k]
        for j in range(count):
            i = np.uint64(j)
            own, e = slope[i], raised[i]
            of_top = own * others[i] - (totals[i] - own) * inverses[i]
            slope[i] = where(e == 1.0, of_top, own * factors[i] - e * rests[i])
        put_line(args, at, count, slope)


def put_fine_gradient(args, start, count, powers, slopes, lines):
    """Write the gradient from the sum of all other slopes, where differences would lose digits."""
    wide()
    others, inverses, factors = lines[OTHERS], lines[INVERSES], lines[FACTORS]
    totals, peaks, rests = lines[TOTALS], lines[PEAKS], lines[RESTS]
    for k in range(args[CLASSES]):
        at, raised, slope = start + k * args[CLASS_STEP], powers[k], slopes[k]
        for j in range(count):
            i = np.uint64(j)
            own = slope[i]
            p = raised[i] * inverses[i]
            not_p = where(raised[i] == 1.0, others[i] * inverses[i], 1.0 - p)
            is_peak = absolute(own) == peaks[i]
            left = where(is_peak, totals[i] - own, totals[i]) + rests[i]
            left = where(is_peak, left, left - own)
            slope[i] = (own * not_p - p * left) * factors[i]
        put_line(args, at, count, slope)


def leave_out_rows(args, start, count, lines):
    """Write 0 as the gradient of excluded rows, whatever their values."""
    factors = lines[FACTORS]
    gradient = array(args[GRADIENT], args[CLASSES] * args[OUTER] * args[INNER], KIND)
    for k in range(args[CLASSES]):
        at = start + k * args[CLASS_STEP]
        for j in range(count):
            if factors[j] == 0.0:
                gradient[at + j * args[ROW_STEP]] = store(0.0)
