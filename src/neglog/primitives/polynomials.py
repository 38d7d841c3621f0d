"""Polynomials that approximate a function on an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext


def coefficients(
    function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
) -> list[float]:
    """Return c₀, c₁, … of the polynomial that approximates the function on [low, high]."""
    with localcontext() as context:
        context.prec = 60  # near 0 the functions are quotients of small differences
        return [float(c) for c in _interpolate(function, low, high, degree)]


def _interpolate(
    function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
) -> list[Decimal]:
    """Return c₀, c₁, … of the polynomial that interpolates the function at the Chebyshev points."""
    angles = [math.pi * (j + 0.5) / (degree + 1) for j in range(degree + 1)]
    points = [Decimal(low + (high - low) * (1 + math.cos(angle)) / 2) for angle in angles]
    differences = [function(x) for x in points]
    for order in range(1, degree + 1):
        for j in range(degree, order - 1, -1):
            run = points[j] - points[j - order]
            differences[j] = (differences[j] - differences[j - 1]) / run
    found = [differences[-1]]
    for point, difference in zip(points[-2::-1], differences[-2::-1], strict=True):
        raised, same = [Decimal(0), *found], [*found, Decimal(0)]
        found = [a - point * b for a, b in zip(raised, same, strict=True)]
        found[0] += difference
    return found
