"""The pass over labels that comes first: what a mean divides by, and whether all are classes."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.rows_slots import (
    CLASSES,
    IGNORED,
    INNER,
    LABELS,
    NOTES,
    NUMBERS,
    OUTER,
    SHARES,
    SLOTS,
    WEIGHT,
)
from neglog.engine.cpu.kernels.slots import KIND, array, load, taken, where, wide
from neglog.engine.cpu.kernels.sums import two_sum

BLOCK = 32768  # rows


def survey(memory):
    """Note the weight of the rows that count, and how many labels are no class."""
    wide()
    slots = carray(memory, SLOTS)
    rows = slots[OUTER] * slots[INNER]
    blocks = -(-rows // BLOCK)
    numbers = array(slots[NUMBERS], NOTES + 2 * blocks, np.float64)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        first, last = block * BLOCK, min((block + 1) * BLOCK, rows)
        if slots[WEIGHT] or slots[SHARES]:
            total, strangers = weighed(slots, first, last)
        else:
            total, strangers = counted(slots, first, last)
        numbers[NOTES + 2 * block] = total
        numbers[NOTES + 2 * block + 1] = strangers


def counted(slots, first, last):
    """Count the labels that are not ignored, and those that are no class."""
    wide()
    labels = array(slots[LABELS], last, np.int64)
    ignored, classes = slots[IGNORED], slots[CLASSES]
    total = 0.0
    strangers = 0.0
    for r in range(first, last):
        label = labels[np.uint64(r)]
        counts = label != ignored
        strange = counts & ((label < 0) | (label >= classes))
        total += where(counts, 1.0, 0.0)
        strangers += where(strange, 1.0, 0.0)
    return total, strangers


def weighed(slots, first, last):
    """Add up the shares and weights of the rows that count."""
    labels = array(slots[LABELS], last, np.int64)
    shares = array(slots[SHARES], last, KIND)
    weight = array(slots[WEIGHT], slots[CLASSES], KIND)
    total = 0.0
    lost = 0.0
    strangers = 0.0
    for r in range(first, last):
        share = load(shares[r]) if slots[SHARES] else 1.0
        if share == 0.0:
            continue
        if slots[LABELS]:
            label = labels[r]
            if label == slots[IGNORED]:
                continue
            if label < 0 or label >= slots[CLASSES]:
                strangers += 1.0
                continue
            if slots[WEIGHT]:
                share *= load(weight[label])
        total, lost = two_sum(total, share, lost)
    return total + lost, strangers
