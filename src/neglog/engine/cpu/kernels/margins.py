"""Rows of the hinge losses of classes.

Sums are in loops that write nothing: see `sums`.
"""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, SETTINGS, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import KIND, array, load, store, where, wide

SQUARED: bool | None = None  # whether hinges are squared


def multi_margin(args, scalars, first, last, losses, lines):
    """Write Σ max(0, margin − own score + other score)ᵖ · weight / C for rows of scores."""
    wide()
    width, size = args[WIDTH], last * args[WIDTH]
    x, labels = array(args[TENSORS], size, KIND), array(args[TENSORS + 1], last, np.int64)
    for r in range(first, last):
        start, label, weight = r * width, labels[r], 1.0 / width
        if args[TENSORS + 2]:
            weight *= load(array(args[TENSORS + 2], width, KIND)[label])
        rest = scalars[SETTINGS] - load(x[start + label])
        total = 0.0
        own = 0.0  # minus the derivative by the label's own score
        for j in range(width):
            z = rest + load(x[np.uint64(start + j)])
            counts = (z > 0.0) & (j != label)
            total += where(counts, z * z if SQUARED else z, 0.0)
            own += where(counts, 2.0 * z if SQUARED else 1.0, 0.0)
        losses[r - first] = total * weight
        if args[GRADIENTS]:
            slope, gradient = scalars[SCALE] * weight, array(args[GRADIENTS], size, KIND)
            for j in range(width):
                k = np.uint64(start + j)
                z = rest + load(x[k])
                gradient[k] = store(where(z > 0.0, slope * (2.0 * z if SQUARED else 1.0), 0.0))
            gradient[start + label] = store(-slope * own)


def multilabel_margin(args, scalars, first, last, losses, lines):
    """Write Σ max(0, 1 − own score + other score) / C for rows of scores and lists of labels."""
    wide()
    width, size = args[WIDTH], last * args[WIDTH]
    x, labels = array(args[TENSORS], size, KIND), array(args[TENSORS + 1], size, np.int64)
    others, slopes = lines[0], lines[1]
    for r in range(first, last):
        start, count = r * width, 0
        for j in range(width):
            others[np.uint64(j)] = load(x[np.uint64(start + j)])
            slopes[np.uint64(j)] = 0.0
        while count < width and labels[start + count] >= 0:
            others[labels[start + count]] = -np.inf  # labels are not compared with each other
            count += 1
        total = 0.0
        for i in range(count):
            label = labels[start + i]
            rest = 1.0 - load(x[start + label])
            own = 0.0
            for j in range(width):
                z = rest + others[np.uint64(j)]
                total += where(z > 0.0, z, 0.0)
                own += where(z > 0.0, 1.0, 0.0)
            if args[GRADIENTS]:
                for j in range(width):
                    slopes[np.uint64(j)] += where(rest + others[np.uint64(j)] > 0.0, 1.0, 0.0)
                slopes[label] -= own
        losses[r - first] = total / width
        if args[GRADIENTS]:
            slope, gradient = scalars[SCALE] / width, array(args[GRADIENTS], size, KIND)
            for j in range(width):
                gradient[np.uint64(start + j)] = store(slopes[np.uint64(j)] * slope)
