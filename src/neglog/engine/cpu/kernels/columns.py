"""The kernel for rows of few classes, or of classes not adjacent in memory: many rows at once.

A few classes do not fill a vector, so a tile of rows is stored class by class, and each step
processes all rows of the tile. Images (N, C, H, W) are already in that order in memory.
The arithmetic is that of `powers`.
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
    near_log1p,
    near_power,
    nll,
    power,
    real,
    settings_of,
    soon_read,
    soon_written,
    store,
    sum_of,
    taken,
    where,
    wide,
)
from neglog.engine.cpu.kernels.rows_args import (
    ARGS,
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
    VALUE,
    WEIGHT,
    X,
)
from neglog.engine.cpu.kernels.sums import two_sum

BLOCK = 32768  # elements
TILE = 4096  # elements
LANES = 32  # rows: a multiple of the numbers per vector
NEAR: bool | None = None  # see `powers`
FEW = 4  # addends whose float32 sum loses no more than the rounding of one addend
STEPS = (
    "work_of",
    "fetch",
    "take_labels",
    "look_ahead",
    "sum_powers",
    "differentiate",
    "put",
    "one_tile",
)


def work_of(inner: int, classes: int) -> tuple[int, int, int]:
    """Return the rows per tile, the rows per block, and the blocks per outer part."""
    width = max(LANES, TILE // classes // LANES * LANES)
    in_block = max(1, BLOCK // (classes * width)) * width
    return width, in_block, -(-inner // in_block)


def label_columns(memory):
    """Process blocks of rows with labels until none is left."""
    wide()
    args = carray(memory, ARGS)
    inner, classes = args[INNER], args[CLASSES]
    width, in_block, parts = work_of(inner, classes)
    blocks = args[OUTER] * parts
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    tile = np.empty((classes, width), real)
    columns = np.empty((8, width), real)
    sums = np.empty(width)
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
            one_tile(args, scalars, outer, row, count, tile, columns, sums)
            total, lost = two_sum(total, sum_of(columns[0], count), lost)
        scalars[PARTIALS + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not args[EACH]:
            array(args[VALUE], 1, KIND)[0] = store(scalars[PARTIALS])


@in_real
def one_tile(args, scalars, outer, row, count, tile, columns, sums):
    """Write the losses of a tile to columns[0], and its gradient."""
    wide()
    inner, classes, settings = args[INNER], args[CLASSES], settings_of(args)
    start = outer * args[OUTER_STEP] + row * args[ROW_STEP]
    dense = outer * classes * inner + row * args[ROW_STEP]  # of the gradient
    first = outer * inner + row
    losses, tops, others = columns[0], columns[1], columns[2]
    picked, row_weights = columns[3], columns[4]
    slopes = columns[6]  # reuses `ones` of `sum_powers`
    fetch(args, start, count, tile)
    take_labels(args, scalars, first, count, tile, columns)
    sum_powers(args, start, dense, count, tile, columns, sums)
    for j in range(count):
        i = np.uint64(j)
        log_p = (picked[i] - tops[i]) - (near_log1p(others[i]) if NEAR else log1p(others[i]))
        counts = row_weights[i] != 0.0  # an excluded row may hold any value
        losses[i] = where(counts, nll(log_p, settings, 1.0) * row_weights[i], 0.0)
        slope = grad(log_p, settings, 1.0) * row_weights[i] / (1.0 + others[i])
        slopes[i] = where(counts, slope, 0.0)
    if args[EACH]:
        value = array(args[VALUE], first + count, KIND)
        for j in range(count):
            value[first + j] = store(losses[j])
    if args[GRADIENT]:
        differentiate(count, tile, columns)
        put(args, dense, count, tile)


@in_real
def fetch(args, start, count, tile):
    """Read the logits of a tile, class by class."""
    wide()
    x = array(args[X], args[OUTER] * args[OUTER_STEP], KIND)
    row_step, class_step = args[ROW_STEP], args[CLASS_STEP]
    for k in range(args[CLASSES]):
        line = tile[k]
        at = start + k * class_step
        if row_step == 1:
            for i in range(count):
                line[np.uint64(i)] = load(x[np.uint64(at + i)])
        else:
            for i in range(count):
                line[np.uint64(i)] = load(x[np.uint64(at + i * row_step)])


@in_real
def take_labels(args, scalars, first, count, tile, columns):
    """Write the label of each row, its logit, and the weight of the row's loss."""
    wide()
    picked, factors, numbered = columns[3], columns[4], columns[5]
    labels = array(args[LABELS], first + count, np.int64)
    row_weights = array(args[ROW_WEIGHTS], first + count, KIND)
    weight = array(args[WEIGHT], args[CLASSES], KIND)
    ignored, scale = args[IGNORED], COMPUTED_IN(scalars[0])
    for j in range(count):
        factors[j] = 1.0
    if args[ROW_WEIGHTS]:
        for j in range(count):
            factors[np.uint64(j)] = load(row_weights[np.uint64(first + j)])
    for j in range(count):
        i = np.uint64(j)
        label = labels[np.uint64(first + j)]
        counts = (label != ignored) & (factors[i] != 0.0)
        label = label if counts else 0
        factors[i] = where(counts, factors[i] * scale, 0.0)
        numbered[i] = COMPUTED_IN(label)
        picked[i] = tile[np.uint64(label), i]
    if args[WEIGHT]:
        for j in range(count):
            i = np.uint64(j)
            label = labels[np.uint64(first + j)] if factors[i] != 0.0 else 0
            factor = factors[i] * load(weight[np.uint64(label)])
            factors[i] = where(factors[i] == 0.0, 0.0, factor)


@in_real
def sum_powers(args, start, dense, count, tile, columns, sums):
    """Replace logits by powers e^(z − top); write the tops, and the sums without one e⁰."""
    wide()
    classes = tile.shape[0]
    tops, others, ones, some = columns[1], columns[2], columns[6], columns[7]
    for j in range(count):
        tops[j] = tile[0, j]
    for k in range(1, classes):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            tops[i] = where(line[i] > tops[i], line[i], tops[i])  # a NaN shows in the sum
    for j in range(count):
        sums[j] = np.float64(tops[j] - tops[j])  # NaN if the top is not finite
        ones[j] = -1.0
        some[j] = 0.0
    for k in range(classes):
        line = tile[k]
        look_ahead(args, start, dense, count, k)
        for j in range(count):
            i = np.uint64(j)
            e = near_power(line[i] - tops[i]) if NEAR else power(line[i], tops[i])
            line[i] = e
            some[i] += where(e == 1.0, 0.0, e)
            ones[i] += where(e == 1.0, 1.0, 0.0)
        if k % FEW == FEW - 1 or k == classes - 1:
            for j in range(count):
                i = np.uint64(j)
                sums[i] += np.float64(some[i])
                some[i] = 0.0
    for j in range(count):
        i = np.uint64(j)
        others[i] = COMPUTED_IN(sums[i] + np.float64(ones[i]))


def look_ahead(args, start, dense, count, k):
    """Prefetch a class of the next tile, and the memory for the gradient of this one."""
    size = array(args[X], 1, KIND).itemsize
    if args[ROW_STEP] == 1:
        here, there = dense + k * args[CLASS_STEP], start + k * args[CLASS_STEP] + count
    else:
        here, there = dense + k * count, start + (args[CLASSES] + k) * count
    soon_read(args[X] + there * size, count, size)
    if args[GRADIENT]:
        soon_written(args[GRADIENT] + here * size, count, size)


@in_real
def differentiate(count, tile, columns):
    """Replace powers by the gradient."""
    wide()
    tops, others = columns[1], columns[2]
    picked, row_weights, numbered, slopes = columns[3], columns[4], columns[5], columns[6]
    for k in range(tile.shape[0]):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            all_but = where(picked[i] == tops[i], others[i], (1.0 + others[i]) - line[i])
            slope = slopes[i] * where(numbered[i] == COMPUTED_IN(k), all_but, -line[i])
            line[i] = where(row_weights[i] == 0.0, 0.0, slope)


@in_real
def put(args, start, count, tile):
    """Write the gradient of a tile."""
    wide()
    gradient = array(args[GRADIENT], args[OUTER] * args[INNER] * args[CLASSES], KIND)
    row_step, class_step = args[ROW_STEP], args[CLASS_STEP]
    for k in range(args[CLASSES]):
        line = tile[k]
        at = start + k * class_step
        if row_step == 1:
            for i in range(count):
                gradient[np.uint64(at + i)] = store(line[np.uint64(i)])
        else:
            for i in range(count):
                gradient[np.uint64(at + i * row_step)] = store(line[np.uint64(i)])
