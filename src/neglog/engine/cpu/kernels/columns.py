"""The loop over rows of few classes, or of classes that lie apart: many rows side by side.

A few classes do not fill a vector, so a tile of rows is laid out class by class, and every step
treats all rows of the tile at once. Images (N, C, H, W) lie in memory in that order already.
See `powers` for the arithmetic, which is the same.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.rows_slots import (
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
    power,
    real,
    soon_read,
    soon_written,
    store,
    sum_of,
    taken,
    where,
    wide,
)
from neglog.engine.cpu.kernels.sums import two_sum

BLOCK = 32768  # elements
TILE = 4096  # elements
LANES = 32  # rows: a multiple of what a vector holds
FEW = 4  # addends of which the sum in float32 loses no more than an addend's own rounding
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
    """Return the rows of a tile, of a block, and the blocks of each outer part."""
    width = max(LANES, TILE // classes // LANES * LANES)
    in_block = max(1, BLOCK // (classes * width)) * width
    return width, in_block, -(-inner // in_block)


def label_columns(memory):
    """Treat blocks of rows whose target is a label, until none is left."""
    wide()
    slots = carray(memory, SLOTS)
    inner, classes = slots[INNER], slots[CLASSES]
    width, in_block, parts = work_of(inner, classes)
    blocks = slots[OUTER] * parts
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
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
            one_tile(slots, numbers, outer, row, count, tile, columns, sums)
            total, lost = two_sum(total, sum_of(columns[0], count), lost)
        numbers[NOTES + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not slots[EACH]:
            array(slots[VALUE], 1, KIND)[0] = store(numbers[NOTES])


@in_real
def one_tile(slots, numbers, outer, row, count, tile, columns, sums):
    """Write the losses of a tile into columns[0], and its gradient."""
    wide()
    inner, classes = slots[INNER], slots[CLASSES]
    start = outer * slots[OUTER_STEP] + row * slots[ROW_STEP]
    dense = outer * classes * inner + row * slots[ROW_STEP]  # of the gradient
    first = outer * inner + row
    losses, tops, others = columns[0], columns[1], columns[2]
    picked, shares = columns[3], columns[4]
    slopes = columns[6]  # in the place of what `sum_powers` needed
    fetch(slots, start, count, tile)
    take_labels(slots, numbers, first, count, tile, columns)
    sum_powers(slots, start, dense, count, tile, columns, sums)
    for j in range(count):
        i = np.uint64(j)
        log_p = (picked[i] - tops[i]) - log1p(others[i])
        counts = shares[i] != 0.0  # else the row may hold anything
        losses[i] = where(counts, nll(log_p, 1.0) * shares[i], 0.0)
        slopes[i] = where(counts, grad(log_p, 1.0) * shares[i] / (1.0 + others[i]), 0.0)
    if slots[EACH]:
        value = array(slots[VALUE], first + count, KIND)
        for j in range(count):
            value[first + j] = store(losses[j])
    if slots[GRADIENT]:
        differentiate(count, tile, columns)
        put(slots, dense, count, tile)


@in_real
def fetch(slots, start, count, tile):
    """Read the logits of a tile, class by class."""
    wide()
    x = array(slots[X], slots[OUTER] * slots[OUTER_STEP], KIND)
    row_step, class_step = slots[ROW_STEP], slots[CLASS_STEP]
    for k in range(slots[CLASSES]):
        line = tile[k]
        at = start + k * class_step
        if row_step == 1:
            for i in range(count):
                line[np.uint64(i)] = load(x[np.uint64(at + i)])
        else:
            for i in range(count):
                line[np.uint64(i)] = load(x[np.uint64(at + i * row_step)])


@in_real
def take_labels(slots, numbers, first, count, tile, columns):
    """Write every row's label, its logit, and how much the row's loss counts."""
    wide()
    picked, factors, numbered = columns[3], columns[4], columns[5]
    labels = array(slots[LABELS], first + count, np.int64)
    shares = array(slots[SHARES], first + count, KIND)
    weight = array(slots[WEIGHT], slots[CLASSES], KIND)
    ignored, scale = slots[IGNORED], COMPUTED_IN(numbers[0])
    for j in range(count):
        factors[j] = 1.0
    if slots[SHARES]:
        for j in range(count):
            factors[np.uint64(j)] = load(shares[np.uint64(first + j)])
    for j in range(count):
        i = np.uint64(j)
        label = labels[np.uint64(first + j)]
        counts = (label != ignored) & (factors[i] != 0.0)
        label = label if counts else 0
        factors[i] = where(counts, factors[i] * scale, 0.0)
        numbered[i] = COMPUTED_IN(label)
        picked[i] = tile[np.uint64(label), i]
    if slots[WEIGHT]:
        for j in range(count):
            i = np.uint64(j)
            label = labels[np.uint64(first + j)] if factors[i] != 0.0 else 0
            factor = factors[i] * load(weight[np.uint64(label)])
            factors[i] = where(factors[i] == 0.0, 0.0, factor)


@in_real
def sum_powers(slots, start, dense, count, tile, columns, sums):
    """Turn logits into powers e^(z − top); write the tops, and the sums with one e⁰ left out."""
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
        look_ahead(slots, start, dense, count, k)
        for j in range(count):
            i = np.uint64(j)
            e = power(line[i], tops[i])
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


def look_ahead(slots, start, dense, count, k):
    """Have a class of the next tile fetched, and the memory for the gradient of this one."""
    size = array(slots[X], 1, KIND).itemsize
    if slots[ROW_STEP] == 1:
        here, there = dense + k * slots[CLASS_STEP], start + k * slots[CLASS_STEP] + count
    else:
        here, there = dense + k * count, start + (slots[CLASSES] + k) * count
    soon_read(slots[X] + there * size, count, size)
    if slots[GRADIENT]:
        soon_written(slots[GRADIENT] + here * size, count, size)


@in_real
def differentiate(count, tile, columns):
    """Turn powers into the gradient."""
    wide()
    tops, others = columns[1], columns[2]
    picked, shares, numbered, slopes = columns[3], columns[4], columns[5], columns[6]
    for k in range(tile.shape[0]):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            all_but = where(picked[i] == tops[i], others[i], (1.0 + others[i]) - line[i])
            slope = slopes[i] * where(numbered[i] == COMPUTED_IN(k), all_but, -line[i])
            line[i] = where(shares[i] == 0.0, 0.0, slope)


@in_real
def put(slots, start, count, tile):
    """Write the gradient of a tile."""
    wide()
    gradient = array(slots[GRADIENT], slots[OUTER] * slots[INNER] * slots[CLASSES], KIND)
    row_step, class_step = slots[ROW_STEP], slots[CLASS_STEP]
    for k in range(slots[CLASSES]):
        line = tile[k]
        at = start + k * class_step
        if row_step == 1:
            for i in range(count):
                gradient[np.uint64(at + i)] = store(line[np.uint64(i)])
        else:
            for i in range(count):
                gradient[np.uint64(at + i * row_step)] = store(line[np.uint64(i)])
