"""Rows of normal vectors with Cholesky factors of their covariances."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, SETTINGS, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import KIND, array, load, log, store, wide


def multivariate_normal(args, scalars, first, last, losses, lines):
    """Write ½ ‖z‖² + Σ ln Lᵢᵢ + a constant for rows with L z = y − m; L is stored row by row."""
    wide()
    size = args[WIDTH]
    mean, y = array(args[TENSORS], last * size, KIND), array(args[TENSORS + 2], last * size, KIND)
    factor = array(args[TENSORS + 1], last * size * size, KIND)
    z = lines[0]
    for r in range(first, last):
        total = scalars[SETTINGS]
        for i in range(size):
            rest = load(y[r * size + i]) - load(mean[r * size + i])
            row = (r * size + i) * size
            for j in range(i):
                rest -= load(factor[np.uint64(row + j)]) * z[np.uint64(j)]
            own = load(factor[row + i])
            z[i] = rest / own
            total += 0.5 * z[i] * z[i] + log(own)
        losses[r - first] = total
        if args[GRADIENTS]:
            pull_vector(args, scalars, r, lines)


def pull_vector(args, scalars, r, lines):
    """Write the gradients of a row: −w by m, and −w zᵀ + 1 / Lᵢᵢ on the diagonal, with Lᵀ w = z."""
    wide()
    size, scale, end = args[WIDTH], scalars[SCALE], (r + 1) * args[WIDTH]
    factor = array(args[TENSORS + 1], end * size, KIND)
    by_mean, by_factor = (
        array(args[GRADIENTS], end, KIND),
        array(args[GRADIENTS + 1], end * size, KIND),
    )
    z, w = lines[0], lines[1]
    for j in range(size):
        w[np.uint64(j)] = z[np.uint64(j)]
    for k in range(size):
        i = size - 1 - k
        row = (r * size + i) * size
        w[i] /= load(factor[row + i])
        for j in range(i):
            w[np.uint64(j)] -= load(factor[np.uint64(row + j)]) * w[i]
    for i in range(size):
        row = (r * size + i) * size
        slope = -scale * w[i]
        by_mean[r * size + i] = store(slope)
        for j in range(size):
            by_factor[np.uint64(row + j)] = store(slope * z[np.uint64(j)] if j < i else 0.0)
        by_factor[row + i] = store(slope * z[i] + scale / load(factor[row + i]))
