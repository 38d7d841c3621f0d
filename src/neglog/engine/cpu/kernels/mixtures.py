"""Rows of mixtures of normals: each step for the components of many rows at once."""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, SETTINGS, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import KIND, array, exp, load, log, store, where, wide

LOGITS, MEANS, LOG_SCALES, TARGETS = range(TENSORS, TENSORS + 4)
CONSTANT, SIZE, OWN_SCALES = range(SETTINGS, SETTINGS + 3)  # OWN_SCALES: one for each dimension
PART = 4096  # means that are computed together, and stay in the cache
# Numbers of each mean: the root of 1 / scale, and the error over the scale. Of each component: the
# exponents or powers of its prior and its posterior probability.
ROOT, ERROR = 0, 1
PRIOR, POSTERIOR = 0, 1


def mixture_density(args, scalars, first, last, losses, lines):
    """Write ln Σ e^a − ln Σ e^(a − q) + a constant, with q = Σ ½ z² + s of a component."""
    wide()
    components, size = args[WIDTH], np.int64(scalars[SIZE])
    in_part = max(1, PART // max(1, components * size))
    of_means = np.empty((2, in_part * components * size))
    of_components = np.empty((2, in_part * components))
    for start in range(first, last, in_part):
        end = min(start + in_part, last)
        put_errors(args, scalars, start, end, of_means, of_components)
        put_losses(args, scalars, start, end, losses[start - first :], of_components)
        if args[GRADIENTS]:
            pull_components(args, scalars, start, end, of_means, of_components)


def put_errors(args, scalars, first, last, of_means, of_components):
    """Write the errors z = (y − m) e^(−s) of rows, and −q of their components."""
    wide()
    components, size, own = args[WIDTH], np.int64(scalars[SIZE]), scalars[OWN_SCALES] != 0.0
    scales = components * (size if own else 1)
    root, error, minus_q = of_means[ROOT], of_means[ERROR], of_components[POSTERIOR]
    s = array(args[LOG_SCALES], last * scales, KIND)[first * scales :]
    m = array(args[MEANS], last * components * size, KIND)[first * components * size :]
    y = array(args[TARGETS], last * size, KIND)[first * size :]
    for j in range((last - first) * scales):
        k = np.uint64(j)
        root[k] = exp(-0.5 * load(s[k]))  # e^(−s) may overflow where the error is 0
    for r in range(last - first):
        for c in range(r * components, (r + 1) * components):
            total = 0.0 if own else np.float64(size) * load(s[c])
            for d in range(size):
                i, k = np.uint64(c * size + d), np.uint64(r * size + d)
                at = i if own else np.uint64(c)
                z = (load(y[k]) - load(m[i])) * root[at] * root[at]
                error[i] = z
                total += 0.5 * z * z + (load(s[at]) if own else 0.0)
            minus_q[c] = -total


def put_losses(args, scalars, first, last, losses, of_components):
    """Write the losses of rows, and the prior and posterior probabilities of their components."""
    wide()
    components, rows = args[WIDTH], last - first
    count = rows * components
    prior, posterior = of_components[PRIOR], of_components[POSTERIOR]
    a = array(args[LOGITS], last * components, KIND)[first * components :]
    for j in range(count):
        k = np.uint64(j)
        prior[k] = load(a[k])
        posterior[k] += load(a[k])
    for r in range(rows):
        start, end = r * components, (r + 1) * components
        losses[r] = lower(prior, start, end) - lower(posterior, start, end)
    for j in range(count):
        k = np.uint64(j)
        prior[k] = exp(prior[k])
        posterior[k] = exp(posterior[k])
    for r in range(rows):
        start, end = r * components, (r + 1) * components
        of_prior, of_posterior = normalise(prior, start, end), normalise(posterior, start, end)
        losses[r] += log(of_prior) - log(of_posterior) + scalars[CONSTANT]


def lower(line, start, end):
    """Subtract the highest number from a part of a line, and return it."""
    top = line[start]
    for j in range(start, end):
        top = where((line[j] > top) | (line[j] != line[j]), line[j], top)
    for j in range(start, end):
        line[j] -= top
    return top


def normalise(line, start, end):
    """Divide a part of a line by its sum, and return the sum."""
    total = 0.0
    for j in range(start, end):
        total += line[j]
    for j in range(start, end):
        line[j] /= total
    return total


def pull_components(args, scalars, first, last, of_means, of_components):
    """Write the gradients: π − r by the logits, −r z e^(−s) by the means, r (1 − z²) by the s."""
    wide()
    components, size, own = args[WIDTH], np.int64(scalars[SIZE]), scalars[OWN_SCALES] != 0.0
    means, scales = components * size, components * (size if own else 1)
    prior, posterior = of_components[PRIOR], of_components[POSTERIOR]
    root, error, scale = of_means[ROOT], of_means[ERROR], scalars[SCALE]
    by_a = array(args[GRADIENTS], last * components, KIND)[first * components :]
    by_m = array(args[GRADIENTS + 1], last * means, KIND)[first * means :]
    by_s = array(args[GRADIENTS + 2], last * scales, KIND)[first * scales :]
    for c in range((last - first) * components):
        weight = scale * posterior[c]
        by_a[c] = store(scale * prior[c] - weight)
        excess = 0.0
        for d in range(size):
            i = np.uint64(c * size + d)
            at = i if own else np.uint64(c)
            z = error[i]
            by_m[i] = store(where(weight == 0.0, 0.0, -weight * z * root[at] * root[at]))
            slope = where(weight == 0.0, 0.0, weight * (1.0 - z * z))
            if own:
                by_s[i] = store(slope)
            else:
                excess += slope
        if not own:
            by_s[c] = store(excess)


OF_MIXTURES = (lower, normalise, put_errors, put_losses, pull_components)  # what it calls
