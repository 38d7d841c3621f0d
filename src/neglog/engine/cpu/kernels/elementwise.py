"""The elementwise kernel: loss, gradient and the check of values in one pass."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    admits,
    admits_first,
    admits_second,
    array,
    contains,
    grad,
    grad_target,
    in_real,
    is_well_conditioned,
    load,
    narrow_one_run,
    nll,
    real,
    store,
    sum_of,
    taken,
    where,
    wide,
)
from neglog.engine.cpu.kernels.sums import two_sum

BLOCK = 8192
RUN = 1024

# Arguments: the next block, the number of elements, then addresses.
SIZE, SCALARS, INPUTS, GIVEN, TARGET, WEIGHT, EACH, VALUE, BY_INPUT, BY_TARGET, PERIODS, ARGS = (
    1, 2, 3, 5, 6, 7, 8, 9, 10, 12, 13, 15,
)  # fmt: skip
# Scalars: the scale, the setting, the weight of masked elements (NaN, which equals nothing, without
# a mask); from here on, two per block: the sum of its losses, and the number of its values outside
# their sets.
PARTIALS = 4

# Whether each optional array is present.
WEIGHTED: bool | None = None
BY_FIRST: bool | None = None
BY_SECOND: bool | None = None
BY_Y: bool | None = None
TWO_INPUTS: bool | None = None
GIVES: bool | None = None
SETS: bool | None = None
NARROWS: bool | None = None  # whether runs of well-conditioned targets are computed in float32


def elementwise(memory):
    """Process blocks until none is left."""
    wide()
    args = carray(memory, ARGS)
    size = args[SIZE]
    blocks = -(-size // BLOCK)
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    losses = np.empty(RUN, real)
    narrow_losses = np.empty(RUN, np.float32)
    repeated = np.empty((2, RUN if GIVES or WEIGHTED else 0), KIND)
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        block_sum = 0.0
        lost = 0.0
        outside = 0.0
        for first in range(block * BLOCK, min((block + 1) * BLOCK, size), RUN):
            count = min(RUN, size - first)
            given, weight = repeated[0], repeated[1]
            if GIVES:
                if args[PERIODS] == size:
                    given = array(args[GIVEN] + first * given.itemsize, count, KIND)
                else:
                    repeat(args[GIVEN], args[PERIODS], first, count, given)
            if WEIGHTED:
                if args[PERIODS + 1] == size:
                    weight = array(args[WEIGHT] + first * weight.itemsize, count, KIND)
                else:
                    repeat(args[WEIGHT], args[PERIODS + 1], first, count, weight)
            if NARROWS and all_well_conditioned(args, first, count):
                outside += narrow_one_run(args, scalars, first, count, narrow_losses, given, weight)
                block_sum, lost = two_sum(block_sum, sum_of(narrow_losses, count), lost)
                if args[EACH]:
                    put_losses(args, scalars[0], first, count, narrow_losses)
            else:
                outside += one_run(args, scalars, first, count, losses, given, weight)
                block_sum, lost = two_sum(block_sum, sum_of(losses, count), lost)
                if args[EACH]:
                    put_losses(args, scalars[0], first, count, losses)
        block_sum = block_sum if lost != lost else block_sum + lost
        scalars[PARTIALS + 2 * block] = block_sum
        scalars[PARTIALS + 2 * block + 1] = outside
        if blocks == 1 and not args[EACH]:
            array(args[VALUE], 1, KIND)[0] = store(block_sum * scalars[0])


def repeat(address, period, first, count, out):
    """Write the elements of a run, from stored numbers that repeat with a period."""
    stored = array(address, period, KIND)
    at = first % period
    done = 0
    while done < count:
        length = min(period - at, count - done)
        for j in range(length):
            out[np.uint64(done + j)] = stored[np.uint64(at + j)]
        done += length
        at = 0


@in_real
def all_well_conditioned(args, first, count):
    """Return whether all targets of a run are well-conditioned."""
    wide()
    y = array(args[TARGET], args[SIZE], KIND)
    ill_conditioned = 0.0
    for j in range(count):
        ill_conditioned += where(is_well_conditioned(load(y[np.uint64(first + j)])), 0.0, 1.0)
    return ill_conditioned == 0.0


@in_real
def one_run(args, scalars, first, count, losses, given, weight):
    """Process a run of elements: write losses, return how many values are outside their sets."""
    wide()
    size = args[SIZE]
    scale, setting, hidden = (
        COMPUTED_IN(scalars[0]),
        COMPUTED_IN(scalars[1]),
        COMPUTED_IN(scalars[2]),
    )
    y = array(args[TARGET], size, KIND)
    first_input = array(args[INPUTS], size, KIND)
    second_input = array(args[INPUTS + 1], size, KIND)
    by_first = array(args[BY_INPUT], size, KIND)
    by_second = array(args[BY_INPUT + 1], size, KIND)
    by_y = array(args[BY_TARGET], size, KIND)
    outside = 0.0
    for j in range(count):
        i = np.uint64(first + j)  # unsigned: needs no test for a negative index
        target = load(y[i])
        first_in = load(first_input[i])
        inputs = (first_in, load(second_input[i])) if TWO_INPUTS else (first_in,)
        k = np.uint64(j)
        known = (load(given[k]),) if GIVES else ()
        point = inputs + known + ((setting, target) if SETS else (target,))
        factor = load(weight[k]) if WEIGHTED else 1.0
        losses[np.uint64(j)] = kept(nll(*point), factor, hidden)
        inside = contains(target) & admits(*inputs)
        if WEIGHTED:
            inside = inside | (factor == hidden)
        outside += where(inside, 0.0, 1.0)
        if BY_FIRST:
            slopes = grad(*point)
            slope = slopes[0] if TWO_INPUTS else slopes
            by_first[i] = store(kept(slope * scale, factor, hidden))
        if BY_SECOND:
            by_second[i] = store(kept(grad(*point)[1] * scale, factor, hidden))
        if BY_Y:
            by_y[i] = store(kept(grad_target(*point) * scale, factor, hidden))
    return outside


def admits_both(first, second):
    """Return whether both inputs are in their domains."""
    return admits_first(first) & admits_second(second)


@in_real
def kept(term, factor, hidden):
    """Multiply a term by its weight; a masked term is 0, whatever its value."""
    if WEIGHTED:
        return where(factor == hidden, 0.0, term * factor)
    return term


def put_losses(args, scale, first, count, losses):
    """Write the losses of a run."""
    wide()
    value = array(args[VALUE], args[SIZE], KIND)
    for j in range(count):
        value[np.uint64(first + j)] = store(np.float64(losses[np.uint64(j)]) * scale)
