"""The kernel for soft and smoothed targets, many rows at once: see `columns`.

The probabilities and the target may cancel in the gradient, so everything except the largest
logit is computed in float64. A tile fits the fastest cache, since it is read three times.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.columns import LANES
from neglog.engine.cpu.kernels.pairs import put_pairs, treat_pairs
from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    array,
    real,
    store,
    sum_of,
    taken,
    wide,
)
from neglog.engine.cpu.kernels.rows_args import (
    ARGS,
    CLASS_STEP,
    CLASSES,
    EACH,
    GRADIENT,
    INNER,
    OUTER,
    OUTER_STEP,
    PARTIALS,
    ROW_STEP,
    SCALARS,
    VALUE,
    X,
)
from neglog.engine.cpu.kernels.spread_steps import (
    FINE,
    LINES,
    LOSSES,
    add_around_peaks,
    add_powers,
    add_terms,
    fetch_line,
    finish_rows,
    leave_out_rows,
    put_fine_gradient,
    put_gradient,
    take_part,
    take_row_weights,
    take_tops,
)
from neglog.engine.cpu.kernels.sums import two_sum

TILE = 2048  # elements
BLOCK = 16384  # elements


def spread_work(inner: int, classes: int) -> tuple[int, int, int]:
    """Return the rows per tile, the rows per block, and the blocks per outer part."""
    width = max(LANES, TILE // (classes + 4) // LANES * LANES)
    in_block = max(1, BLOCK // (classes * width)) * width
    return width, in_block, -(-inner // in_block)


def spread_columns(memory):
    """Process blocks of rows until none is left."""
    wide()
    args = carray(memory, ARGS)
    inner, classes = args[INNER], args[CLASSES]
    width, in_block, parts = spread_work(inner, classes)
    blocks = args[OUTER] * parts
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    tile, tops = np.empty((classes + 1, width), real), np.empty(width, real)
    powers, slopes = np.empty((classes, width)), np.empty((classes, width))
    lines = np.empty((LINES, width))
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        outer = block // parts
        first = (block - outer * parts) * in_block
        last = min(first + in_block, inner)
        total = 0.0
        lost = 0.0
        for row in range(first, last, width):
            count = min(width, last - row)
            spread_tile(args, scalars, outer, row, count, tile, tops, powers, slopes, lines)
            total, lost = two_sum(total, sum_of(lines[LOSSES], count), lost)
        scalars[PARTIALS + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not args[EACH]:
            array(args[VALUE], 1, KIND)[0] = store(scalars[PARTIALS])


def spread_tile(args, scalars, outer, row, count, tile, tops, powers, slopes, lines):
    """Write the losses of a tile to a line, and its gradient."""
    wide()
    classes, losses = args[CLASSES], lines[LOSSES]
    start = outer * args[OUTER_STEP] + row * args[ROW_STEP]
    dense = outer * classes * args[INNER] + row * args[ROW_STEP]  # of targets and gradient
    first = outer * args[INNER] + row
    for k in range(classes):
        fetch_line(args, args[X], start + k * args[CLASS_STEP], count, tile[k])
    left_out = take_row_weights(args, scalars, first, count, lines)
    if classes == 2:
        for k in range(classes):
            take_part(args, scalars, dense, count, k, tile, slopes[k], lines)
        treat_pairs(args, count, tile, slopes, powers[0], lines)
    else:
        take_tops(classes, count, tile, tops)
        add_powers(classes, count, tile, tops, powers, lines)
        add_terms(args, scalars, dense, count, tile, tops, slopes, lines)
        if FINE:
            add_around_peaks(classes, count, slopes, lines)
        finish_rows(count, lines)
    if args[EACH]:
        value = array(args[VALUE], first + count, KIND)
        for j in range(count):
            value[np.uint64(first + j)] = store(losses[np.uint64(j)])
    if args[GRADIENT] and classes == 2:
        put_pairs(args, dense, count, powers[0])
    elif args[GRADIENT]:
        if FINE:
            put_fine_gradient(args, dense, count, powers, slopes, lines)
        else:
            put_gradient(args, dense, count, powers, slopes, lines)
        if left_out != 0.0:
            leave_out_rows(args, dense, count, lines)
