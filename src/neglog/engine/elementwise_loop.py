"""The elementwise loop: loss, gradient and the check of the values in one pass."""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from neglog.engine.slots import (
    MASKED,
    admits,
    admits_first,
    admits_second,
    contains,
    grad,
    grad_target,
    nll,
    real,
    where,
    wide,
)

BLOCK = 8192
RUN = 1024


def elementwise(
    inputs, given, settings, y, weight, scale, value, by_first, by_second, by_target, notes,
    start, stop,
):  # fmt: skip
    """Treat the blocks from start to stop; `None` arguments are pruned when it is compiled.

    Every block notes its sum and how many of its values lie outside their sets.
    """
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
                point = at(inputs, i) + at(given, i) + settings + (y[i],)
                factor = real(1) if weight is None else weight[i]
                loss = kept(nll(*point), factor)
                slopes = grad(*point)
                losses[np.uint64(j)] = loss
                inside = contains(y[i]) & admits(*at(inputs, i))
                if MASKED:
                    inside = inside | (factor == real(0))
                strangers += where(inside, real(0), real(1))
                if value is not None:
                    value[i] = loss * scale
                if by_first is not None:
                    by_first[i] = kept(leading(slopes) * scale, factor)
                if by_second is not None:
                    by_second[i] = kept(slopes[1] * scale, factor)
                if by_target is not None:
                    by_target[i] = kept(grad_target(*point) * scale, factor)
            block_sum += sum_of(losses[:size])
            block_outside += strangers
        notes[0, block] = block_sum
        notes[1, block] = block_outside


def admits_both(first, second):
    """Tell whether each of two inputs lies in its domain."""
    return admits_first(first) & admits_second(second)


def kept(term, factor):
    """Weigh a term; where elements are masked, one of weight 0 is 0 whatever it holds."""
    if MASKED:
        return where(factor == real(0), real(0), term * factor)
    return term * factor


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


def leading(slopes):
    """Return the first of several slopes, or the only one."""
    return slopes[0] if isinstance(slopes, tuple) else slopes


@overload(leading)
def leading_compiled(slopes):
    """Choose `leading` by type."""
    if hasattr(slopes, "types"):
        return lambda slopes: slopes[0]
    return lambda slopes: slopes
