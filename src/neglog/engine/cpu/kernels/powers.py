"""The powers of softmax rows, one batch at a time.

The largest logit of a row adds e⁰ = 1 to the sum of powers. The sum excludes it, and `log1p`
restores it, so a nearly certain row loses no digit, neither in ln p nor in 1 − p.
"""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    array,
    in_real,
    load,
    near_power,
    power,
    rank,
    ranked,
    soon_read,
    soon_written,
    where,
    wide,
)
from neglog.engine.cpu.kernels.rows_args import (
    CLASSES,
    GRADIENT,
    INNER,
    OUTER,
    OUTER_STEP,
    ROW_STEP,
    X,
)
from neglog.engine.cpu.kernels.sums import two_sum

BATCH = 4096  # elements; the fastest cache holds several batches
LANES = 16
LANE = np.uint64(LANES)
CHUNK = 4 * LANES
LANE_SUMS = 3 * LANES  # per lane: the sum, the number of ones, the rounding error
FACTS = 6
LOSS, ROW_WEIGHT, TOP, OTHERS, SLOPE, REST = range(FACTS)  # per row of a batch
FINE: bool | None = None  # whether the stored type is as precise as float64
NEAR: bool | None = None  # whether it is not, and the arithmetic is in float64
STEPS = (
    "lines_for", "row_start", "fetch_row", "top_of", "below_one", "is_one", "add_chunk",
    "raise_row", "powers",
)  # fmt: skip


@in_real
def lines_for(classes):
    """Return memory for the rows of a batch, each padded to whole chunks."""
    line = -(-classes // CHUNK) * CHUNK
    return np.empty((max(1, BATCH // line), line), COMPUTED_IN)


def powers(args, chosen, count, lines, facts, sums):
    """Write e^(row − top) of rows, their tops, and the sums of their powers without one e⁰."""
    wide()
    for b in range(count):
        fetch_row(args, chosen[b], lines[b])
    for b in range(count):
        facts[TOP, b] = top_of(lines[b])
    for b in range(count):
        below = raise_row(args, chosen[b], facts[TOP, b], lines[b], len(lines), sums)
        facts[OTHERS, b] = below + (facts[TOP, b] - facts[TOP, b])  # NaN if the top is not finite


def row_start(args, r):
    """Return the index of the first logit of a row."""
    if args[OUTER] == 1:  # a division takes as long as a few powers
        return r * args[ROW_STEP]
    outer = r // args[INNER]
    return outer * args[OUTER_STEP] + (r - outer * args[INNER]) * args[ROW_STEP]


@in_real
def fetch_row(args, r, line):
    """Read a row, and pad its last chunk with −∞, which adds e^−∞ = 0."""
    wide()
    classes = args[CLASSES]
    start = row_start(args, r)
    x = array(args[X], start + classes, KIND)
    for j in range(len(line) - CHUNK, len(line)):
        line[np.uint64(j)] = -np.inf
    for j in range(classes):
        line[np.uint64(j)] = load(x[np.uint64(start + j)])


@in_real
def top_of(line):
    """Return the largest number of a line."""
    wide()
    top = rank(line[0])
    for j in range(len(line) // CHUNK * CHUNK):
        top = max(top, rank(line[np.uint64(j)]))
    return np.float64(ranked(top))


@in_real
def raise_row(args, r, top, line, batch, sums):
    """Replace a line by its powers, and return their sum without that of the top, which is 1.

    Meanwhile, prefetch the memory that is read and written next.
    """
    wide()
    size = array(args[X], 1, KIND).itemsize
    here = r * args[CLASSES] * size
    there = (row_start(args, r) + batch * args[CLASSES]) * size
    top = COMPUTED_IN(top)
    for j in range(LANE_SUMS if FINE else 2 * LANES):
        sums[j] = 0.0
    for first in range(0, len(line), CHUNK):
        soon_read(args[X] + there + first * size, CHUNK, size)
        if args[GRADIENT]:
            soon_written(args[GRADIENT] + here + first * size, CHUNK, size)
        for j in range(CHUNK):
            i = np.uint64(first + j)
            line[i] = near_power(line[i] - top) if NEAR else power(line[i], top)
        add_chunk(line, np.uint64(first), sums)
    if FINE:
        for j in range(LANES):
            sums[j] += sums[2 * LANES + j]
    for j in range(8):
        sums[j] += sums[8 + j]
        sums[LANES + j] += sums[LANES + 8 + j]
    for j in range(4):
        sums[j] += sums[4 + j]
        sums[LANES + j] += sums[LANES + 4 + j]
    below = (sums[0] + sums[1]) + (sums[2] + sums[3])
    ones = (sums[LANES] + sums[LANES + 1]) + (sums[LANES + 2] + sums[LANES + 3])
    return below + (ones - 1.0)


@in_real
def add_chunk(line, first, sums):
    """Add the powers that are not 1, and the number of those that are, to the sums of each lane.

    Groups of four are added in the type of the arithmetic, which loses no more than their own
    rounding; everything else is added in float64, or more precisely.
    """
    wide()
    for j in range(LANES):
        i = first + np.uint64(j)
        a, b, c, d = line[i], line[i + LANE], line[i + LANE + LANE], line[i + LANE + LANE + LANE]
        four = np.float64((below_one(a) + below_one(b)) + (below_one(c) + below_one(d)))
        if FINE:
            sums[j], sums[2 * LANES + j] = two_sum(sums[j], four, sums[2 * LANES + j])
        else:
            sums[j] += four
        sums[LANES + j] += np.float64((is_one(a) + is_one(b)) + (is_one(c) + is_one(d)))


@in_real
def below_one(e):
    """Return the power if it is not 1, else 0."""
    return where(e == 1.0, 0.0, e)


@in_real
def is_one(e):
    """Return 1 if the power is 1, else 0."""
    return where(e == 1.0, 1.0, 0.0)
