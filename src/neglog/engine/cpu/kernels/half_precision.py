"""Conversions between bfloat16 and float32: sums to float32, and rounding in place to bfloat16."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import KIND, array, in_real, load, store, taken, wide

ARGS = 7
# The next row; the number of rows, and of numbers per row; the float32 row step; three addresses.
NEXT, ROWS, SCALARS, STEP, HIGH, LOW, WIDE = range(ARGS)
LINE = 4096


def joined(memory):
    """Write high + low in float32, to rows that are `STEP` apart."""
    wide()
    args = carray(memory, ARGS)
    while True:
        r = taken(memory)
        if r >= args[ROWS]:
            break
        join_row(args, r)


@in_real
def join_row(args, r):
    """Write one row."""
    wide()
    count, start, to = args[SCALARS], r * args[SCALARS], r * args[STEP]
    high, low = array(args[HIGH], start + count, KIND), array(args[LOW], start + count, KIND)
    out = array(args[WIDE], to + count, np.float32)
    for j in range(count):
        i = np.uint64(start + j)
        out[np.uint64(to + j)] = load(high[i]) + load(low[i])


def narrowed(memory):
    """Round rows of float32 into the first half of their own memory."""
    wide()
    args = carray(memory, ARGS)
    line = np.empty(LINE, np.float32)
    while True:
        r = taken(memory)
        if r >= args[ROWS]:
            break
        narrow_row(args, r, line)


@in_real
def narrow_row(args, r, line):
    """Round one row; copy each line first, since the output overlaps the input."""
    wide()
    count, step = args[SCALARS], args[STEP]
    whole = array(args[WIDE] + 4 * r * step, count, np.float32)
    half = array(args[WIDE] + 4 * r * step, count, KIND)
    for first in range(0, count, LINE):
        size = min(LINE, count - first)
        for j in range(size):
            line[np.uint64(j)] = whole[np.uint64(first + j)]
        for j in range(size):
            half[np.uint64(first + j)] = store(line[np.uint64(j)])
