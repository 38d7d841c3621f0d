"""The tile of `spread` for two classes: one power per row, and one pass over the rows."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    array,
    grad,
    load,
    log1p,
    near_power,
    near_shortfall,
    nll,
    power,
    settings_of,
    where,
    wide,
)
from neglog.engine.cpu.kernels.rows_args import (
    CLASS_STEP,
    WEIGHT,
)
from neglog.engine.cpu.kernels.spread_steps import FACTORS, FINE, LOSSES, inverse_of, put_line

STEPS = ("treat_pairs", "put_pairs")


def treat_pairs(args, count, tile, parts, slope, lines):
    """Write the loss of each row, and the gradient of its first logit.

    It is slope · (1 − p) − p · other slope; the gradient of the second logit is its negative.
    """
    wide()
    first, second, y_first, y_second = tile[0], tile[1], parts[0], parts[1]
    losses, factors, settings = lines[LOSSES], lines[FACTORS], settings_of(args)
    weight = array(args[WEIGHT], 2, KIND)
    w_first = np.float64(load(weight[0])) if args[WEIGHT] else 1.0
    w_second = np.float64(load(weight[1])) if args[WEIGHT] else 1.0
    for j in range(count):
        i = np.uint64(j)
        swapped = second[i] > first[i]
        a, b = np.float64(first[i]), np.float64(second[i])
        top, low = where(swapped, b, a), where(swapped, a, b)
        e = power(low, top) if FINE else near_power(low - top)
        e += top - top  # NaN where the top is NaN or infinite
        inverse = 1.0 / (1.0 + e) if FINE else inverse_of(1.0 + e)
        log = log1p(e) if FINE else e - near_shortfall(e, e * inverse)
        y_top = where(swapped, y_second[i], y_first[i])
        y_low = where(swapped, y_first[i], y_second[i])
        w_top, w_low = where(swapped, w_second, w_first), where(swapped, w_first, w_second)
        log_low = (low - top) - log
        loss = nll(-log, settings, y_top) * w_top + nll(log_low, settings, y_low) * w_low
        rise = grad(-log, settings, y_top) * w_top * e - grad(log_low, settings, y_low) * w_low
        rise *= inverse * factors[i]
        left_out = factors[i] == 0.0
        losses[i] = where(left_out, 0.0, loss * factors[i])
        slope[i] = where(left_out, 0.0, where(swapped, -rise, rise))


def put_pairs(args, start, count, slope):
    """Write the gradient of both logits."""
    put_line(args, start, count, slope)
    for j in range(count):
        slope[np.uint64(j)] = -slope[np.uint64(j)]
    put_line(args, start + args[CLASS_STEP], count, slope)
