"""Sums over an array, in loops that write nothing.

A loop that writes is compiled twice, for memory that may overlap and for memory that does not. The
two would add in different orders, and the addresses decide which one runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neglog.engine.cpu.kernels.placeholders import wide

LANES = 32


def plain_sum(values, count):
    """Add numbers in any order: exact enough if the result is rounded to float32 or less."""
    wide()
    total = 0.0
    for j in range(count):
        total += np.float64(values[np.uint64(j)])
    return total


def in_order(function):
    """Mark a function to be compiled without reordering, which would undo its compensation."""
    IN_ORDER.append(function)
    return function


IN_ORDER: list[Any] = []


@in_order
def compensated_sum(values, count):
    """Add numbers and the rounding errors of their sums, so that nothing is lost.

    Source: T. Ogita, S. M. Rump, S. Oishi, Accurate sum and dot product, SISC 26, 2005 (Sum2),
    in parallel lanes. The algorithm is the order of its operations: nothing may be reordered.
    """
    wide()
    sums = np.zeros(LANES)
    lost = np.zeros(LANES)
    whole = count - count % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            sums[lane], lost[lane] = two_sum(sums[lane], values[first + lane], lost[lane])
    total = 0.0
    rest = 0.0
    for lane in range(LANES):
        total, rest = two_sum(total, sums[lane], rest)
        rest += lost[lane]
    for j in range(whole, count):
        total, rest = two_sum(total, values[j], rest)
    return total if rest != rest else total + rest  # ∞ makes it NaN


@in_order
def two_sum(total, value, lost):
    """Return the rounded sum, and `lost` plus its rounding error."""
    new = total + value
    taken = new - total
    return new, lost + ((total - (new - taken)) + (value - taken))
