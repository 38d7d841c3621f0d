"""Cumulative probabilities of a density that has no formula for them: integrals of each row.

The rules are double-exponential (H. Takahasi and M. Mori, 1974): their nodes crowd at the ends of
an interval, of which the predicted location is one, so that peaks of any width are resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neglog.support import Support

Array = np.ndarray[Any, Any]
Density = Callable[[Array], Array]
NODES = 520
"""The number of densities of each row that an integral takes."""
_STEP, _FAR_ALONG_A_LINE, _FAR_BETWEEN = 0.04, 3.6, 3.2
_ERROR, _BAD = 1e-4, 0.01  # of a row's total probability; of the rows


class Ends(NamedTuple):
    """The ends of a support, which may be infinite."""

    low: float
    high: float


def ends_of(support: Support) -> Ends | None:
    """Return the ends of a support; None if it is not an interval that this module knows."""
    for ends, inside, outside in (
        (Ends(-np.inf, np.inf), (-1e30, 0.0, 1e30), ()),
        (Ends(0.0, np.inf), (1e-30, 0.5, 1e30), (-1e-6, -1.0)),
        (Ends(0.0, 1.0), (1e-9, 0.5, 1 - 1e-9), (-1e-6, 1 + 1e-6)),
    ):
        contained = [bool(support.contains(x)) for x in (*inside, *outside)]
        if contained == [True] * len(inside) + [False] * len(outside):
            return ends
    return None


def tails(
    density: Density, y: Array, centre: Array, spread: float, ends: Ends
) -> tuple[Array, Array] | None:
    """Return (N,) the probabilities below and above y; None if they do not add up to 1.

    Args:
        density: maps (N,) targets, one of each row, to their densities.
        y: (N,) the targets.
        centre: (N,) numbers near the peaks of the densities.
        spread: the order of magnitude of the width of a peak.
        ends: of the support.
    """
    centre = np.clip(centre, ends.low, ends.high)
    between = _between(density, np.minimum(y, centre), np.maximum(y, centre))
    below = _outside(density, np.minimum(y, centre), -spread, ends.low)
    above = _outside(density, np.maximum(y, centre), spread, ends.high)
    below, above = (
        below + np.where(y > centre, between, 0.0),
        above + np.where(y > centre, 0.0, between),
    )
    bad = ~(np.abs(below + above - 1) < _ERROR)
    if bad.mean() > _BAD:
        return None
    smaller = np.minimum(below, above).clip(0.0, 0.5)
    lower = below < above
    return np.where(lower, smaller, 1 - smaller), np.where(lower, 1 - smaller, smaller)


def _outside(density: Density, start: Array, spread: float, end: float) -> Array:
    """Return the integrals from a start to an end of the support."""
    if np.isfinite(end):
        far = np.full_like(start, end)
        return _between(density, np.minimum(start, far), np.maximum(start, far))
    total = np.zeros_like(start)
    for t in _nodes(_FAR_ALONG_A_LINE):
        distance = np.exp(np.pi / 2 * np.sinh(t))
        weight = np.pi / 2 * np.cosh(t) * distance * _STEP * abs(spread)
        total += weight * density(start + spread * distance)
    return total


def _between(density: Density, low: Array, high: Array) -> Array:
    """Return the integrals between two numbers of each row."""
    total = np.zeros_like(low)
    for t in _nodes(_FAR_BETWEEN):
        near, far = 1 / (1 + np.exp(-np.pi * np.sinh([t, -t])))
        weight = np.pi * np.cosh(t) * near * far * _STEP
        y = low + (high - low) * near if near < far else high - (high - low) * far
        total += weight * (high - low) * density(y)
    return total


def _nodes(far: float) -> Array:
    return np.arange(-far, far + _STEP / 2, _STEP)
