"""Rows of the losses of distances between embeddings.

At ties and where a length is 0, derivatives are torch's. Sums are in loops that write nothing: see
`sums`.
"""

from __future__ import annotations

import numpy as np

from neglog.engine.cpu.kernels.composed import GRADIENTS, SCALE, SETTINGS, TENSORS, WIDTH
from neglog.engine.cpu.kernels.placeholders import (
    KIND,
    absolute,
    array,
    load,
    sqrt,
    store,
    where,
    wide,
)

SWAP: bool | None = None  # whether the distance of positive and negative is used if it is less
TAXICAB: bool | None = None  # whether a distance is the sum of the absolute differences
MAXIMUM: bool | None = None  # whether it is the largest of them
TINY = 1e-12  # which torch adds to squared lengths


def triplet_margin(args, scalars, first, last, losses, lines):
    """Write max(0, margin + ‖a − p + ε‖ − ‖a − n + ε‖) for rows a, p and n, by one of three norms.

    They are the Euclidean one, the sum of absolute differences, and the largest of them.
    """
    wide()
    width, size = args[WIDTH], last * args[WIDTH]
    margin, eps = scalars[SETTINGS], scalars[SETTINGS + 1]
    a, p = array(args[TENSORS], size, KIND), array(args[TENSORS + 1], size, KIND)
    n = array(args[TENSORS + 2], size, KIND)
    for r in range(first, last):
        start = r * width
        near, far, across = 0.0, 0.0, 0.0
        for j in range(width):
            k = np.uint64(start + j)
            to_p, to_n = (load(a[k]) - load(p[k])) + eps, (load(a[k]) - load(n[k])) + eps
            near, far = longer(near, to_p), longer(far, to_n)
            if SWAP:
                across = longer(across, (load(p[k]) - load(n[k])) + eps)
        if not (TAXICAB or MAXIMUM):
            near, far, across = sqrt(near), sqrt(far), sqrt(across)
        least, by_far, by_across = far, 1.0, 0.0
        if SWAP:  # a minimum of equal numbers has half the derivative by each
            least = where((far < across) | (far != far), far, across)
            by_far = where(far == across, 0.5, where(far > across, 0.0, 1.0))
            by_across = where(far == across, 0.5, where(across > far, 0.0, 1.0))
        hinge = (margin + near) - least
        losses[r - first] = where(hinge < 0.0, 0.0, hinge)
        if args[GRADIENTS]:
            slope = where(hinge >= 0.0, scalars[SCALE], 0.0)
            slopes = (slope, slope * by_far, slope * by_across)
            pull_triplet(args, start, eps, (near, far, across), slopes)


def longer(length, difference):
    """Return what a length is summed up from, with another difference."""
    if TAXICAB:
        return length + absolute(difference)
    if MAXIMUM:
        size = absolute(difference)
        return where((size > length) | (size != size), size, length)
    return length + difference * difference


def pull_triplet(args, start, eps, lengths, slopes):
    """Write the gradients of a row, given the three distances and the derivatives by them."""
    wide()
    width, end = args[WIDTH], start + args[WIDTH]
    a, p = array(args[TENSORS], end, KIND), array(args[TENSORS + 1], end, KIND)
    n = array(args[TENSORS + 2], end, KIND)
    by_a, by_p = array(args[GRADIENTS], end, KIND), array(args[GRADIENTS + 1], end, KIND)
    by_n = array(args[GRADIENTS + 2], end, KIND)
    near, far, across = lengths
    ties_near, ties_far, ties_across = 0.0, 0.0, 0.0
    if MAXIMUM:
        for j in range(width):
            k = np.uint64(start + j)
            to_p, to_n = (load(a[k]) - load(p[k])) + eps, (load(a[k]) - load(n[k])) + eps
            between = (load(p[k]) - load(n[k])) + eps
            ties_near += where(absolute(to_p) == near, 1.0, 0.0)
            ties_far += where(absolute(to_n) == far, 1.0, 0.0)
            ties_across += where(absolute(between) == across, 1.0, 0.0)
    of_near = over(slopes[0], near, ties_near)
    of_far, of_across = over(slopes[1], far, ties_far), over(slopes[2], across, ties_across)
    for j in range(width):
        k = np.uint64(start + j)
        to_p = of_near * direction((load(a[k]) - load(p[k])) + eps, near)
        to_n = of_far * direction((load(a[k]) - load(n[k])) + eps, far)
        between = 0.0
        if SWAP:
            between = of_across * direction((load(p[k]) - load(n[k])) + eps, across)
        by_a[k] = store(to_p - to_n)
        by_p[k] = store(-to_p - between)
        by_n[k] = store(to_n + between)


def over(slope, length, ties):
    """Return the derivative by a length over the size of its `direction`."""
    if TAXICAB:
        return slope
    size = ties if MAXIMUM else length
    return where(size == 0.0, 0.0, slope / size)


def direction(difference, length):
    """Return the derivative of a length by a difference, times a number that `over` divides by."""
    sign = where(difference > 0.0, 1.0, where(difference < 0.0, -1.0, 0.0))
    if TAXICAB:
        return sign
    if MAXIMUM:
        return where(absolute(difference) == length, sign, 0.0)
    return difference


OF_TRIPLETS = (longer, over, direction, pull_triplet)  # what `triplet_margin` calls, in this order


def cosine_embedding(args, scalars, first, last, losses, lines):
    """Write 1 − cosine for similar rows u and v, max(0, cosine − margin) for dissimilar ones."""
    wide()
    width, size, margin = args[WIDTH], last * args[WIDTH], scalars[SETTINGS]
    u, v = array(args[TENSORS], size, KIND), array(args[TENSORS + 1], size, KIND)
    y = array(args[TENSORS + 2], last, KIND)
    for r in range(first, last):
        start, target = r * width, load(y[r])
        product, of_u, of_v = 0.0, TINY, TINY
        for j in range(width):
            k = np.uint64(start + j)
            product += load(u[k]) * load(v[k])
            of_u += load(u[k]) * load(u[k])
            of_v += load(v[k]) * load(v[k])
        length = sqrt(of_u) * sqrt(of_v)
        cosine = product / length
        hinge = cosine - margin
        dissimilar = where(target == -1.0, where(hinge < 0.0, 0.0, hinge), 0.0)
        losses[r - first] = where(target == 1.0, 1.0 - cosine, dissimilar)
        if args[GRADIENTS]:
            slope = where((target == -1.0) & (hinge >= 0.0), scalars[SCALE], 0.0)
            slope = where(target == 1.0, -scalars[SCALE], slope)
            by_u, by_v = array(args[GRADIENTS], size, KIND), array(args[GRADIENTS + 1], size, KIND)
            across, along = slope / length, slope * cosine
            along_u, along_v = along / of_u, along / of_v
            for j in range(width):
                k = np.uint64(start + j)
                one, two = load(u[k]), load(v[k])
                by_u[k] = store(across * two - along_u * one)
                by_v[k] = store(across * one - along_v * two)
