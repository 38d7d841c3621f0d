"""The elementwise kernel on a GPU: loss and gradients in one pass over the elements.

Each program sums the losses of a few blocks in float64 and writes one number; `finish` sums these
numbers, in the same order on every device. Gradients are computed for an upstream gradient of 1;
for another one, the same kernel runs again and overwrites them, rounded once.
"""

from __future__ import annotations

from neglog.engine.gpu.kernels.placeholders import (
    BLOCK,
    BY_FIRST,
    BY_SECOND,
    BY_Y,
    GIVES,
    HALF,
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
    TWO_INPUTS,
    VALUED,
    WEIGHTED,
    grad,
    grad_target,
    is_well_conditioned,
    nll,
    tl,
    treat_well_conditioned,
)


def elementwise(
    first, second, given, y, weight, upstream, value, by_first, by_second, by_y, sums,
    size, runs, given_period, weight_period, scale, setting,
):  # fmt: skip
    """Process a few blocks; `scale` and `setting` are the bits of a float64."""
    if KEEPS and tl.load(upstream) == 1.0:
        return
    scale = scale.to(tl.int64).to(tl.float64, bitcast=True)
    setting = setting.to(tl.int64).to(tl.float64, bitcast=True)
    outputs = (value, by_first, by_second, by_y)
    program = tl.program_id(0).to(tl.int64)
    total = tl.zeros((BLOCK,), tl.float64)
    for run in range(runs):
        places = (program * runs + run) * BLOCK + tl.arange(0, BLOCK)
        there = places < size
        target = tl.load(y + places, mask=there, other=0.0)
        a = tl.load(first + places, mask=there, other=0.0)
        b, known, factor, above = a, a, a, a
        if TWO_INPUTS:
            b = tl.load(second + places, mask=there, other=0.0)
        if GIVES:
            at = places % given_period if REPEATS else places
            known = tl.load(given + at, mask=there, other=0.0)
        if WEIGHTED:
            at = places % weight_period if REPEATS else places
            factor = tl.load(weight + at, mask=there, other=0.0)
        if SCALED:
            above = tl.zeros_like(a) + tl.load(upstream)
        if PULLED:
            above = tl.load(upstream + places, mask=there, other=0.0)
        point = (a, b, known, setting, target)
        if NARROWS:
            ill_conditioned = tl.where(there & (is_well_conditioned(target) == 0), 1, 0)
            if tl.sum(ill_conditioned, 0) == 0:
                total += treat_well_conditioned(point, factor, above, scale, outputs, places, there)
            else:
                total += treat(point, factor, above, scale, outputs, places, there)
        else:
            total += treat(point, factor, above, scale, outputs, places, there)
    if SUMMED:
        tl.store(sums + program, tl.sum(total, 0))


def treat(point, factor, above, scale, outputs, places, there):
    """Write the results of a block, computed in one type; return its losses, unscaled."""
    first, second = point[0].to(REAL), point[1].to(REAL)
    given, setting, y = point[2].to(REAL), point[3].to(REAL), point[4].to(REAL)
    factor, scale = factor.to(REAL), scale.to(REAL)
    if SCALED or PULLED:
        scale = scale * above.to(REAL)
    loss = tl.zeros_like(first)
    if VALUED or SUMMED:
        loss = tl.where(there, kept(nll(first, second, given, setting, y), factor), 0.0)
    if VALUED:
        tl.store(outputs[0] + places, loss * scale, mask=there)
    if BY_FIRST or BY_SECOND:
        slopes = grad(first, second, given, setting, y)
        if BY_FIRST:
            slope = slopes[0] if TWO_INPUTS else slopes
            tl.store(outputs[1] + places, kept(slope * scale, factor), mask=there)
        if BY_SECOND:
            tl.store(outputs[2] + places, kept(slopes[1] * scale, factor), mask=there)
    if BY_Y:
        slope = grad_target(first, second, given, setting, y)
        tl.store(outputs[3] + places, kept(slope * scale, factor), mask=there)
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
