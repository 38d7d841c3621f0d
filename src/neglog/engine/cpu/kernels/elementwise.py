"""The elementwise kernel: loss, gradient and the check of values in one pass."""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import (
    COMPUTED_IN,
    KIND,
    accepts_g,
    address_of,
    admits_n,
    array,
    contains,
    copy,
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

# Arguments: the next block, the number of elements, the addresses of the scalars and settings,
# whether each loss is written, and the address of the losses or of their total. From `TENSORS` on,
# for each tensor, in the order of a problem's: its address, the number of its elements, which may
# repeat, and the address of its gradient.
SIZE, SCALARS, SETTINGS, EACH, VALUE, TENSORS = 1, 2, 3, 4, 5, 6
PERIOD, GRADIENT, FACTS = 1, 2, 3
# Scalars: the scale, the weight of masked elements (NaN, which equals nothing, without a mask);
# from here on, two per block: the sum of its losses, and the number of its values outside their
# sets.
PARTIALS = 2

# Numbers of inputs, given tensors and settings, and the letters that stand for them in `one_run`:
# see `primitives.unrolled`.
INPUTS: int = 0
GIVEN: int = 0
SETS: int = 0
n = g = s = 0

# Whether there are weights, and which gradients are required.
WEIGHTED: bool | None = None
BY_ANY: bool | None = None  # input
BY_n: bool | None = None
BY_Y: bool | None = None
NARROWS: bool | None = None  # whether runs of well-conditioned targets are computed in float32


def elementwise(memory):
    """Process blocks until none is left."""
    wide()
    tensors = INPUTS + 1 + GIVEN + (1 if WEIGHTED else 0)
    args = carray(memory, TENSORS + FACTS * tensors)
    size = args[SIZE]
    blocks = -(-size // BLOCK)
    scalars = array(args[SCALARS], PARTIALS + 2 * blocks, np.float64)
    losses = np.empty(RUN, real)
    narrow_losses = np.empty(RUN, np.float32)
    repeated = np.empty(tensors * RUN, KIND)
    bytes_each, room = repeated.itemsize, address_of(repeated)
    places = np.empty(2 * tensors, np.int64)  # of a run of each tensor, and of its gradient
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        block_sum = 0.0
        lost = 0.0
        outside = 0.0
        for first in range(block * BLOCK, min((block + 1) * BLOCK, size), RUN):
            count = min(RUN, size - first)
            for t in range(tensors):
                at = TENSORS + FACTS * t
                places[2 * t + 1] = args[at + GRADIENT] + first * bytes_each
                if args[at + PERIOD] == size:
                    places[2 * t] = args[at] + first * bytes_each
                else:
                    places[2 * t] = room + t * RUN * bytes_each
                    repeat(args[at], args[at + PERIOD], first, count, places[2 * t], bytes_each)
            if NARROWS and all_well_conditioned(places, count):
                outside += narrow_one_run(args, places, scalars, count, narrow_losses)
                block_sum, lost = two_sum(block_sum, sum_of(narrow_losses, count), lost)
                if args[EACH]:
                    put_losses(args, scalars[0], first, count, narrow_losses)
            else:
                outside += one_run(args, places, scalars, count, losses)
                block_sum, lost = two_sum(block_sum, sum_of(losses, count), lost)
                if args[EACH]:
                    put_losses(args, scalars[0], first, count, losses)
        block_sum = block_sum if lost != lost else block_sum + lost
        scalars[PARTIALS + 2 * block] = block_sum
        scalars[PARTIALS + 2 * block + 1] = outside
        if blocks == 1 and not args[EACH]:
            array(args[VALUE], 1, KIND)[0] = store(block_sum * scalars[0])


def repeat(address, period, first, count, place, bytes_each):
    """Write the elements of a run, from stored numbers that repeat with a period."""
    at = first % period
    done = 0
    while done < count:
        length = min(period - at, count - done)
        copy(address + at * bytes_each, place + done * bytes_each, length * bytes_each)
        done += length
        at = 0


@in_real
def all_well_conditioned(places, count):
    """Return whether all targets of a run are well-conditioned."""
    wide()
    y = array(places[2 * INPUTS], count, KIND)
    ill_conditioned = 0.0
    for j in range(count):
        ill_conditioned += where(is_well_conditioned(load(y[np.uint64(j)])), 0.0, 1.0)
    return ill_conditioned == 0.0


def one_run(args, places, scalars, count, losses):
    """Process a run of elements: write losses, return how many values are outside their sets.

    It is written out for the inputs, given tensors and settings, and computes `in_real`.
    """
    wide()
    scale, hidden = COMPUTED_IN(scalars[0]), COMPUTED_IN(scalars[1])
    if SETS:
        settings = array(args[SETTINGS], SETS, np.float64)
        setting_s = COMPUTED_IN(settings[s])
    input_n = array(places[2 * n], count, KIND)
    y = array(places[2 * INPUTS], count, KIND)
    given_g = array(places[2 * (INPUTS + 1 + g)], count, KIND)
    if WEIGHTED:
        weight = array(places[2 * (INPUTS + 1 + GIVEN)], count, KIND)
    if BY_n:
        by_n = array(places[2 * n + 1], count, KIND)
    if BY_Y:
        by_y = array(places[2 * INPUTS + 1], count, KIND)
    outside = 0.0
    for j in range(count):
        k = np.uint64(j)  # unsigned: needs no test for a negative index
        target = load(y[k])
        x_n = load(input_n[k])
        known_g = load(given_g[k])
        point = (*x_n, *known_g, *setting_s, target)
        factor = load(weight[k]) if WEIGHTED else 1.0
        losses[k] = kept(nll(*point), factor, hidden)
        inside = contains(target)
        inside = inside & admits_n(x_n)
        inside = inside & accepts_g(known_g)
        if WEIGHTED:
            inside = inside | (factor == hidden)
        outside += where(inside, 0.0, 1.0)
        if BY_ANY:
            slopes = grad(*point)
        if BY_n:
            slope = slopes[n] if INPUTS > 1 else slopes
            by_n[k] = store(kept(slope * scale, factor, hidden))
        if BY_Y:
            by_y[k] = store(kept(grad_target(*point) * scale, factor, hidden))
    return outside


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
