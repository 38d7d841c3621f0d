"""The kernel of losses of rows that no formula of one element expresses.

`alignments`, `margins`, `mixtures`, `distances`, `hazards`, `normal_vectors` and `risk_sets`
compute the rows of each loss: they write the losses of a block, and the gradients by all tensors.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    array,
    rows_of_a_block,
    store,
    sum_of,
    taken,
    treat_rows,
    wide,
)

# Arguments: the next block, the shape, the numbers in a line of memory, whether each loss is
# written, whether a value is invalid (which kernels write), and addresses: of the scalars, of the
# losses, from `TENSORS` on of the tensors, from `GRADIENTS` on of their gradients.
MOST = 4  # tensors of a loss
ROWS, WIDTH, LINE, EACH, FAULT, SCALARS, VALUE, TENSORS = range(1, 9)
GRADIENTS = TENSORS + MOST
ARGS = GRADIENTS + MOST
# Scalars: the scale and the settings of the loss; from here on, the sum of each block's losses.
SCALE, SETTINGS, PARTIALS = 0, 1, 11


def composed(memory):
    """Process blocks of rows until none is left."""
    wide()
    args = carray(memory, ARGS)
    rows, width = args[ROWS], args[WIDTH]
    in_block = rows_of_a_block(rows, width)
    blocks = -(-rows // in_block)
    scalars = array(args[SCALARS], PARTIALS + blocks, np.float64)
    losses, lines = np.empty(in_block), np.empty((2, args[LINE]))
    while True:
        block = taken(memory)
        if block >= blocks:
            break
        first, last = block * in_block, min((block + 1) * in_block, rows)
        treat_rows(args, scalars, first, last, losses, lines)
        scalars[PARTIALS + block] = sum_of(losses, last - first)
        if args[EACH]:
            value = array(args[VALUE], rows, KIND)
            for r in range(first, last):
                value[np.uint64(r)] = store(losses[np.uint64(r - first)])
