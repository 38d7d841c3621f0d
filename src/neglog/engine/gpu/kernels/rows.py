"""The kernels for rows on a GPU: softmax, loss and gradient without intermediate tensors.

A program processes a few rows. A row that fits into one `WIDTH` is read once; a longer row is read
once for the sum of its powers, one width at a time, and again for its gradient, when it is often
still in the device's cache. As on the CPU, the sum of powers excludes the e⁰ = 1 of the largest
logit, and `log1p` restores it: a nearly certain row loses no digit.
"""

from __future__ import annotations

from neglog.engine.gpu.kernels.placeholders import (
    BLOCK,
    DIFFERENTIATED,
    INFINITY,
    KEEPS,
    LABELLED,
    PULLED,
    REAL,
    ROW_WEIGHTED,
    ROWS,
    SCALED,
    SUM,
    SUMMED,
    SURVEYED,
    TARGETED,
    VALUED,
    WEIGHTED,
    WHOLE,
    WIDTH,
    grad,
    log1p,
    nll,
    power,
    tl,
    treat_row,
)


def rows(
    x, labels, targets, weight, row_weights, inverse, upstream, value, gradient, settings, sums,
    inner, classes, row_step, class_step, chunks, ignored, scale, kept, spread,
):  # fmt: skip
    """Process rows; `scale`, `kept` and `spread` are the bits of a float64."""
    if KEEPS and tl.load(upstream) == 1.0:
        return
    program = tl.program_id(0).to(tl.int64)
    outer, row = program // chunks, (program % chunks) * ROWS + tl.arange(0, ROWS)
    there, number = row < inner, outer * inner + row
    scale = scale.to(tl.int64).to(tl.float64, bitcast=True).to(SUM)
    given = (labels, weight, row_weights, inverse, upstream)
    row_weight, label = row_weight_of(given, number, there, classes, ignored, scale)
    start = outer * inner * classes + row * row_step
    columns = (start, class_step, classes, there)
    tile = tile_of(x, columns, 0)
    top = tl.max(tile, 1)
    e, others = powers_of(tile, top)
    if not WHOLE:
        for first in range(WIDTH, classes, WIDTH):
            tile = tile_of(x, columns, first)
            next_top = tl.max(tile, 1)
            e, next_others = powers_of(tile, next_top)
            top, others = joined(top, others, next_top, next_others)
    others += (top - top).to(SUM)  # NaN if the top is not finite
    kept = kept.to(tl.int64).to(tl.float64, bitcast=True).to(REAL)
    spread = spread.to(tl.int64).to(tl.float64, bitcast=True).to(REAL)
    target = (label, targets, weight, kept, spread)
    powers = (tile, e, top, others)
    loss = treat_row(x, columns, powers, target, row_weight, gradient, settings)
    loss = tl.where(row_weight == 0.0, 0.0, loss)
    if VALUED:
        tl.store(value + number, loss, mask=there)
    if SUMMED:
        tl.store(sums + program, tl.sum(loss, 0).to(tl.float64))


def row_weight_of(given, number, there, classes, ignored, scale):
    """Return the weights of rows: 0 for excluded rows, NaN for labels out of range."""
    labels, weight, row_weights, inverse, upstream = given
    row_weight = tl.zeros_like(number).to(SUM) + scale
    label = tl.zeros_like(number)
    counts = there
    if ROW_WEIGHTED:
        own = tl.load(row_weights + number, mask=there, other=0.0).to(SUM)
        row_weight, counts = row_weight * own, counts & (own != 0.0)
    if SURVEYED:
        row_weight = row_weight * tl.load(inverse).to(SUM)
    if SCALED:
        row_weight = row_weight * tl.load(upstream).to(SUM)
    if PULLED:
        row_weight = row_weight * tl.load(upstream + number, mask=there, other=0.0).to(SUM)
    if LABELLED:
        label = tl.load(labels + number, mask=there, other=0)
        counts = counts & (label != ignored)
        known = (label >= 0) & (label < classes)
        label = tl.where(counts & known, label, 0)
        if WEIGHTED and not TARGETED:
            row_weight = row_weight * tl.load(weight + label).to(SUM)
        row_weight = tl.where(known, row_weight, INFINITY - INFINITY)
    return tl.where(counts, row_weight, 0.0), label


def tile_of(x, columns, first):
    """Read one width of classes; those beyond the last are −∞."""
    start, class_step, classes, there = columns
    k = first + tl.arange(0, WIDTH)
    mask = there[:, None] & (k < classes)[None, :]
    places = start[:, None] + k[None, :].to(tl.int64) * class_step
    return tl.load(x + places, mask=mask, other=-INFINITY).to(REAL)


def powers_of(tile, top):
    """Return e^(tile − top), and the sum of each row without one e⁰."""
    e = tl.where(tile == -INFINITY, 0.0, power(tile, top[:, None]))
    below = tl.sum(tl.where(e == 1.0, 0.0, e).to(SUM), 1)
    ones = tl.sum(tl.where(e == 1.0, 1.0, 0.0), 1).to(SUM)
    return e, below + (ones - 1.0)


def joined(top, others, next_top, next_others):
    """Combine the sums of two parts of a row, each without the e⁰ of its top."""
    first = top >= next_top
    highest, lowest = tl.where(first, top, next_top), tl.where(first, next_top, top)
    larger, smaller = tl.where(first, others, next_others), tl.where(first, next_others, others)
    factor = tl.where(top == next_top, 1.0, power(lowest, highest)).to(SUM)
    return highest, larger + factor * (1.0 + smaller)


def treat_label_row(x, columns, powers, target, row_weight, gradient, settings):
    """Return the losses of rows with labels; write the gradient."""
    _, e, top, others = powers
    start, class_step, classes, there = columns
    label = target[0]
    picked = tl.load(x + start + label * class_step, mask=there, other=0.0).to(REAL)
    truth = picked.to(SUM) - top.to(SUM)
    rest = tl.where(truth == 0.0, others, (1.0 + others) - power(picked, top).to(SUM))
    log_p = truth - log1p(others.to(REAL)).to(SUM)
    if DIFFERENTIATED:
        slope = grad(log_p, settings, 1.0) * row_weight / (1.0 + others)
        at_label, elsewhere = (slope * rest).to(REAL), -slope.to(REAL)
        counts = row_weight != 0.0
        tl.debug_barrier()  # the gradient may overwrite the logits: all have read theirs
        for first in range(0, WIDTH if WHOLE else classes, WIDTH):
            if not WHOLE:
                e = power(tile_of(x, columns, first), top[:, None])
            k = first + tl.arange(0, WIDTH)
            dz = tl.where(k[None, :] == label[:, None], at_label[:, None], elsewhere[:, None] * e)
            dz = tl.where(counts[:, None], dz, 0.0)
            mask = there[:, None] & (k < classes)[None, :]
            places = start[:, None] + k[None, :].to(tl.int64) * class_step
            tl.store(gradient + places, dz, mask=mask)
    return nll(log_p, settings, 1.0) * row_weight


def treat_target_row(x, columns, powers, target, row_weight, gradient, settings):
    """Return the losses of rows with soft or smoothed targets; write the gradient."""
    tile, e, top, others = powers
    start, class_step, classes, there = columns
    log_sum = log1p(others.to(REAL))
    loss = tl.zeros_like(others)
    total = tl.zeros_like(others)
    for first in range(0, WIDTH if WHOLE else classes, WIDTH):
        if not WHOLE:
            tile = tile_of(x, columns, first)
        part, factor = part_of(target, columns, first)
        log_p = (tile - top[:, None]) - log_sum[:, None]
        loss += tl.sum((nll(log_p, settings, part) * factor).to(SUM), 1)
        total += tl.sum((grad(log_p, settings, part) * factor).to(SUM), 1)
    if DIFFERENTIATED:
        inverse, counts = (1.0 / (1.0 + others)).to(REAL), row_weight != 0.0
        rest = (others * inverse.to(SUM)).to(REAL)
        for first in range(0, WIDTH if WHOLE else classes, WIDTH):
            if not WHOLE:
                tile = tile_of(x, columns, first)
                e = power(tile, top[:, None])
            part, factor = part_of(target, columns, first)
            log_p = (tile - top[:, None]) - log_sum[:, None]
            slope = grad(log_p, settings, part) * factor
            p = e * inverse[:, None]
            not_p = tl.where(e == 1.0, rest[:, None], 1.0 - p)
            dz = slope * not_p - p * (total[:, None].to(REAL) - slope)
            dz = tl.where(counts[:, None], dz * row_weight[:, None].to(REAL), 0.0)
            k = first + tl.arange(0, WIDTH)
            mask = there[:, None] & (k < classes)[None, :]
            places = start[:, None] + k[None, :].to(tl.int64) * class_step
            tl.store(gradient + places, dz, mask=mask)
    return loss * row_weight


def part_of(target, columns, first):
    """Return the targets of one width of classes in each row, and the weights of the classes."""
    label, targets, weight, kept, spread = target
    start, class_step, classes, there = columns
    k = first + tl.arange(0, WIDTH)
    within = (k < classes)[None, :]
    if LABELLED:
        part = tl.where(k[None, :] == label[:, None], kept, 0.0) + spread
    else:
        mask = there[:, None] & within
        places = start[:, None] + k[None, :].to(tl.int64) * class_step
        part = kept * tl.load(targets + places, mask=mask, other=0.0).to(REAL) + spread
    part = tl.where(within, part, 0.0)
    factor = tl.zeros_like(part) + 1.0
    if WEIGHTED:
        own = tl.load(weight + k.to(tl.int64), mask=k < classes, other=0.0).to(REAL)
        factor = own[None, :] + 0.0 * factor
    return part, factor


def picked(
    x, labels, weight, row_weights, inverse, upstream, value, gradient, settings, sums,
    inner, classes, row_step, class_step, size, ignored, scale,
):  # fmt: skip
    """Process rows of log-probabilities, whose gradient is 0 already except at the label."""
    if KEEPS and tl.load(upstream) == 1.0:
        return
    program = tl.program_id(0).to(tl.int64)
    number = program * BLOCK + tl.arange(0, BLOCK)
    there = number < size
    scale = scale.to(tl.int64).to(tl.float64, bitcast=True).to(SUM)
    given = (labels, weight, row_weights, inverse, upstream)
    row_weight, label = row_weight_of(given, number, there, classes, ignored, scale)
    outer = number // inner
    place = outer * inner * classes + (number - outer * inner) * row_step + label * class_step
    log_p = tl.load(x + place, mask=there, other=0.0).to(SUM)
    counts = row_weight != 0.0
    if DIFFERENTIATED:
        slope = tl.where(counts, grad(log_p, settings, 1.0) * row_weight, 0.0)
        tl.store(gradient + place, slope, mask=there)
    loss = tl.where(counts, nll(log_p, settings, 1.0) * row_weight, 0.0)
    if VALUED:
        tl.store(value + number, loss, mask=there)
    if SUMMED:
        tl.store(sums + program, tl.sum(loss, 0).to(tl.float64))


def survey(labels, weight, row_weights, sums, size, classes, ignored):
    """Sum the weights of rows, the divisor of their mean."""
    program = tl.program_id(0).to(tl.int64)
    number = program * BLOCK + tl.arange(0, BLOCK)
    given = (labels, weight, row_weights, row_weights, row_weights)
    row_weight = row_weight_of(given, number, number < size, classes, ignored, 1.0)[0]
    tl.store(sums + program, tl.sum(row_weight, 0).to(tl.float64))
