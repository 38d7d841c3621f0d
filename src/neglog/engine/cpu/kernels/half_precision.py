"""Between bfloat16 and float32: sums of two of the one, and rounding of the other in its place."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.slots import KIND, array, in_real, load, store, taken, wide

SLOTS = 7
# The next row; how many rows and numbers in each; from row to row in float32; and three addresses.
NEXT, ROWS, NUMBERS, STEP, HIGH, LOW, WIDE = range(SLOTS)
LINE = 4096


def joined(memory):
    """Write high + low as float32 into rows that are `STEP` apart."""
    wide()
    slots = carray(memory, SLOTS)
    while True:
        r = taken(memory)
        if r >= slots[ROWS]:
            break
        join_row(slots, r)


@in_real
def join_row(slots, r):
    """Write one row."""
    wide()
    count, start, to = slots[NUMBERS], r * slots[NUMBERS], r * slots[STEP]
    high, low = array(slots[HIGH], start + count, KIND), array(slots[LOW], start + count, KIND)
    out = array(slots[WIDE], to + count, np.float32)
    for j in range(count):
        i = np.uint64(start + j)
        out[np.uint64(to + j)] = load(high[i]) + load(low[i])


def narrowed(memory):
    """Round rows of float32 to the first halves of their memory."""
    wide()
    slots = carray(memory, SLOTS)
    line = np.empty(LINE, np.float32)
    while True:
        r = taken(memory)
        if r >= slots[ROWS]:
            break
        narrow_row(slots, r, line)


@in_real
def narrow_row(slots, r, line):
    """Round one row; a line of it is copied first, since it is written where others are read."""
    wide()
    count, step = slots[NUMBERS], slots[STEP]
    whole = array(slots[WIDE] + 4 * r * step, count, np.float32)
    half = array(slots[WIDE] + 4 * r * step, count, KIND)
    for first in range(0, count, LINE):
        size = min(LINE, count - first)
        for j in range(size):
            line[np.uint64(j)] = whole[np.uint64(first + j)]
        for j in range(size):
            half[np.uint64(first + j)] = store(line[np.uint64(j)])
