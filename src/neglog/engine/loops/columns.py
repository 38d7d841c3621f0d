"""The loop over rows of few classes, or of classes that lie apart: many rows side by side.

A few classes do not fill a vector, so a tile of rows is laid out class by class, and every step
treats all rows of the tile at once. Images (N, C, H, W) lie in memory in that order already.
See `rows_loops` for the arithmetic, which is the same.
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
    LABELS,
    NOTES,
    NUMBERS,
    OUTER,
    ROW_STEP,
    SHARED,
    SHARES,
    SLOTS,
    VALUE,
    VALUED,
    WEIGHT,
    WEIGHTED,
    X,
)
from neglog.engine.loops.slots import (
    KIND,
    array,
    grad,
    largest,
    load,
    log1p,
    nll,
    power,
    store,
    sum_of,
    taken,
    where,
    wide,
)
from neglog.engine.loops.sums import two_sum

BLOCK = 32768  # elements
TILE = 4096  # elements
STEPS = ("work_of", "fetch", "take_labels", "sum_powers", "differentiate", "put", "one_tile")


def work_of(inner: int, classes: int) -> tuple[int, int, int]:
    """Return the rows of a tile, of a block, and the blocks of each outer part."""
    width = max(16, TILE // classes)
    in_block = max(1, BLOCK // (classes * width)) * width
    return width, in_block, -(-inner // in_block)


def label_columns(memory):
    """Treat blocks of rows whose target is a label, until none is left."""
    slots = carray(memory, SLOTS)
    inner, classes = slots[INNER], slots[CLASSES]
    width, in_block, parts = work_of(inner, classes)
    blocks = slots[OUTER] * parts
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
    tile = np.empty((classes, width))
    columns = np.empty((7, width))
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
            one_tile(slots, numbers, outer, row, count, tile, columns)
            total, lost = two_sum(total, sum_of(columns[0], count), lost)
        numbers[NOTES + 2 * block] = total if lost != lost else total + lost
        if blocks == 1 and not VALUED:
            array(slots[VALUE], 1, KIND)[0] = store(numbers[NOTES])


def one_tile(slots, numbers, outer, row, count, tile, columns):
    """Write the losses of a tile into columns[0], and its gradient."""
    wide()
    inner, classes = slots[INNER], slots[CLASSES]
    start = outer * classes * inner + row * slots[ROW_STEP]
    first = outer * inner + row
    losses, tops, others = columns[0], columns[1], columns[2]
    picked, shares, slopes = columns[3], columns[4], columns[5]
    fetch(slots, start, count, tile)
    take_labels(slots, numbers, first, count, tile, columns)
    sum_powers(count, tile, tops, others, losses)
    for j in range(count):
        i = np.uint64(j)
        log_p = (picked[i] - tops[i]) - log1p(others[i])
        counts = shares[i] != 0.0  # else the row may hold anything
        losses[i] = where(counts, nll(log_p, 1.0) * shares[i], 0.0)
        slopes[i] = where(counts, grad(log_p, 1.0) * shares[i] / (1.0 + others[i]), 0.0)
    if VALUED:
        value = array(slots[VALUE], first + count, KIND)
        for j in range(count):
            value[first + j] = store(losses[j])
    if DIFFERENTIATED:
        differentiate(count, tile, columns)
        put(slots, start, count, tile)


def fetch(slots, start, count, tile):
    """Read the logits of a tile, class by class."""
    wide()
    x = array(slots[X], slots[OUTER] * slots[INNER] * slots[CLASSES], KIND)
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


def take_labels(slots, numbers, first, count, tile, columns):
    """Write every row's label, its logit, and how much the row's loss counts."""
    wide()
    picked, factors, numbered = columns[3], columns[4], columns[6]
    labels = array(slots[LABELS], first + count, np.int64)
    shares = array(slots[SHARES], first + count, KIND)
    weight = array(slots[WEIGHT], slots[CLASSES], KIND)
    ignored = slots[IGNORED]
    for j in range(count):
        i = np.uint64(j)
        label = labels[np.uint64(first + j)]
        share = load(shares[np.uint64(first + j)]) if SHARED else 1.0
        counts = (label != ignored) & (share != 0.0)
        label = label if counts else 0
        factor = share * numbers[0]
        if WEIGHTED:
            factor *= load(weight[np.uint64(label)])
        factors[i] = where(counts, factor, 0.0)
        numbered[i] = float(label)
        picked[i] = tile[np.uint64(label), i]


def sum_powers(count, tile, tops, others, ties):
    """Turn logits into powers e^(z − top); write the tops, and the sums with one e⁰ left out."""
    wide()
    for j in range(count):
        tops[j] = tile[0, j]
    for k in range(1, tile.shape[0]):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            tops[i] = largest(tops[i], line[i])
    for j in range(count):
        others[j] = tops[j] - tops[j]  # NaN where the top is no number
        ties[j] = 0.0
    for k in range(tile.shape[0]):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            z = line[i]
            e = power(z, tops[i])
            line[i] = e
            is_top = z == tops[i]
            others[i] += where(is_top, 0.0, e)
            ties[i] += where(is_top, 1.0, 0.0)
    for j in range(count):
        others[j] += ties[j] - 1.0


def differentiate(count, tile, columns):
    """Turn powers into the gradient."""
    wide()
    tops, others = columns[1], columns[2]
    picked, shares, slopes, numbered = columns[3], columns[4], columns[5], columns[6]
    for k in range(tile.shape[0]):
        line = tile[k]
        for j in range(count):
            i = np.uint64(j)
            all_but = where(picked[i] == tops[i], others[i], (1.0 + others[i]) - line[i])
            slope = slopes[i] * where(numbered[i] == float(k), all_but, -line[i])
            line[i] = where(shares[i] == 0.0, 0.0, slope)


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
