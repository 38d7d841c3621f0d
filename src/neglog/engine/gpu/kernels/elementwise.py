"""The elementwise kernel on a GPU: loss and gradients in one pass over the elements.

Each program sums the losses of a few blocks in float64 and writes one number; `finish` sums these
numbers, in the same order on every device. Gradients are computed for an upstream gradient of 1;
for another one, the same kernel runs again and overwrites them, rounded once.
"""

from __future__ import annotations

from neglog.engine.gpu.kernels.placeholders import (
    BLOCK,
    BY_ANY,
    BY_Y,
    HALF,
    INPUTS,
    INVERTED,
    KEEPS,
    MASKED,
    NARROWS,
    PULLED,
    REAL,
    REPEATS,
    SCALED,
    SUMMED,
    SURVEYED,
    VALUED,
    WEIGHTED,
    BY_n,
    grad,
    grad_target,
    is_well_conditioned,
    n,
    nll,
    tl,
    treat_any,
    treat_well_conditioned,
)


def elementwise(
    input_n, given_g, y, weight, upstream, value, by_n, by_y, sums,
    size, runs, period_g, weight_period, scale, setting_s,
):  # fmt: skip
    """Process a few blocks; `scale` and the settings are the bits of a float64.

    It is written out for the inputs (n), given tensors (g) and settings (s), as `treat` is: see
    `primitives.unrolled`.
    """
    if KEEPS and tl.load(upstream) == 1.0:
        return
    scale = scale.to(tl.int64).to(tl.float64, bitcast=True)
    setting_s = setting_s.to(tl.int64).to(tl.float64, bitcast=True)
    program = tl.program_id(0).to(tl.int64)
    total = tl.zeros((BLOCK,), tl.float64)
    for run in range(runs):
        places = (program * runs + run) * BLOCK + tl.arange(0, BLOCK)
        there = places < size
        target = tl.load(y + places, mask=there, other=0.0)
        x_n = tl.load(input_n + places, mask=there, other=0.0)
        at_g = places % period_g if REPEATS else places
        known_g = tl.load(given_g + at_g, mask=there, other=0.0)
        factor, above = target, target
        if WEIGHTED:
            at = places % weight_period if REPEATS else places
            factor = tl.load(weight + at, mask=there, other=0.0)
        if SCALED:
            above = tl.zeros_like(target) + tl.load(upstream)
        if PULLED:
            above = tl.load(upstream + places, mask=there, other=0.0)
        if NARROWS:
            ill_conditioned = tl.where(there & (is_well_conditioned(target) == 0), 1, 0)
            if tl.sum(ill_conditioned, 0) == 0:
                total += treat_well_conditioned(
                    *x_n, *known_g, *setting_s, target, factor, above, scale,
                    value, *by_n, by_y, places, there,
                )  # fmt: skip
            else:
                total += treat_any(
                    *x_n, *known_g, *setting_s, target, factor, above, scale,
                    value, *by_n, by_y, places, there,
                )  # fmt: skip
        else:
            total += treat_any(
                *x_n, *known_g, *setting_s, target, factor, above, scale,
                value, *by_n, by_y, places, there,
            )  # fmt: skip
    if SUMMED:
        tl.store(sums + program, tl.sum(total, 0))


def treat(
    x_n, known_g, setting_s, y, factor, above, scale, value, by_n, by_y, places, there,
):  # fmt: skip
    """Write the results of a block, computed in one type; return its losses, unscaled."""
    x_n = x_n.to(REAL)
    known_g = known_g.to(REAL)
    y, factor, scale = y.to(REAL), factor.to(REAL), scale.to(REAL)
    setting_s = tl.zeros_like(y) + setting_s.to(REAL)  # primitives take blocks
    if SCALED or PULLED:
        scale = scale * above.to(REAL)
    loss = tl.zeros_like(y)
    if VALUED or SUMMED:
        loss = tl.where(there, kept(nll(*x_n, *known_g, *setting_s, y), factor), 0.0)
    if VALUED:
        tl.store(value + places, loss * scale, mask=there)
    if BY_ANY:
        slopes = grad(*x_n, *known_g, *setting_s, y)
        if BY_n:
            slope_n = slopes[n] if INPUTS > 1 else slopes
            tl.store(by_n + places, kept(slope_n * scale, factor), mask=there)
    if BY_Y:
        slope = grad_target(*x_n, *known_g, *setting_s, y)
        tl.store(by_y + places, kept(slope * scale, factor), mask=there)
    return loss.to(tl.float64)


def kept(term, factor):
    """Multiply a term by its weight; a masked term is 0, whatever its value."""
    if WEIGHTED:
        if MASKED:
            return tl.where(factor == 0.0, 0.0, term * factor)
        return term * factor
    return term


def finish(sums, count, scale, inverse, out):
    """Write the scaled sum over the results of programs, or its inverse.

    A mean over nothing is NaN: its `inverse` is infinite.
    """
    total = tl.zeros((BLOCK,), tl.float64)
    for start in range(0, count, BLOCK):
        places = start + tl.arange(0, BLOCK).to(tl.int64)
        total += tl.load(sums + places, mask=places < count, other=0.0)
    result = tl.sum(total, 0)
    if INVERTED:
        result = 1.0 / result
    else:
        result = result * scale.to(tl.int64).to(tl.float64, bitcast=True)
        if SURVEYED:
            result += 0.0 * tl.load(inverse)
    if HALF:  # float64 is not converted to half precision
        result = result.to(tl.float32)
    tl.store(out, result)
