"""The elementwise loop: loss, gradient and the check of the values in one pass."""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from neglog.engine.slots import admits, contains, grad, nll, real, where, wide

BLOCK = 8192
RUN = 1024


def elementwise(data, y, weight, scale, value, gradient, sums, outside, start, stop):
    """Treat the blocks from start to stop; `None` arguments are pruned when it is compiled."""
    wide()
    losses = np.empty(RUN, y.dtype)
    for block in range(start, stop):
        block_sum = 0.0
        block_outside = 0.0
        for first in range(block * BLOCK, min((block + 1) * BLOCK, y.size), RUN):
            size = min(RUN, y.size - first)
            strangers = real(0)  # nothing wider than the data, or LLVM would halve its vectors
            for j in range(size):
                i = np.uint64(first + j)  # an unsigned index spares the test for a negative one
                loss = nll(*at(data, i), y[i])
                slope = grad(*at(data, i), y[i]) * scale
                if weight is not None:
                    loss = loss * weight[i]
                    slope = slope * weight[i]
                losses[np.uint64(j)] = loss
                strangers += where(contains(y[i]) & admits(data[0][i]), real(0), real(1))
                if value is not None:
                    value[i] = loss * scale
                if gradient is not None:
                    gradient[i] = slope
            block_sum += sum_of(losses[:size])
            block_outside += strangers
        sums[block] = block_sum
        outside[block] = block_outside


def sum_of(values):
    """Add numbers up, at most a run of them, in a loop that writes nothing.

    A loop that writes is compiled twice, for memory that may overlap and for memory that may not;
    the two add in different orders, and which one runs depends on where the memory lies.
    """
    wide()
    total = real(0)
    for j in range(values.size):
        total += values[j]
    return np.float64(total)


def at(arrays, i):
    """Return the i-th elements of a tuple of arrays, as a tuple."""
    return tuple(array[i] for array in arrays)


@overload(at)
def at_compiled(arrays, i):
    """Unroll `at` by recursion: the arrays are few and their number is known."""
    if len(arrays) == 0:
        return lambda arrays, i: ()
    return lambda arrays, i: (arrays[0][i], *at(arrays[1:], i))
