"""Polynomials that stand for a function on an interval, as instructions of the compiled words."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

LONG = 10  # of this degree and more, one chain of instructions waits more than it works


def polynomial(function: Callable[[Decimal], Decimal], low: float, high: float, degree: int) -> Any:
    """Return a word for the function on [low, high], as straight instructions."""
    with localcontext() as context:
        context.prec = 60  # near 0 the functions are quotients of small differences
        coefficients = [float(c) for c in _interpolate(function, low, high, degree)]

    @intrinsic
    def evaluate(context: Any, x: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            (value,) = arguments
            if degree < LONG:
                return _horner(builder, coefficients, value)
            square = builder.fmul(value, value)
            even = _horner(builder, coefficients[0::2], square)
            odd = _horner(builder, coefficients[1::2], square)
            return _fused(builder, odd, value, even)

        return x(x), build

    return evaluate


def _horner(builder: Any, coefficients: list[float], value: Any) -> Any:
    constants = [ir.Constant(value.type, c) for c in coefficients]
    total = constants.pop()
    while constants:
        total = _fused(builder, total, value, constants.pop())
    return total


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c, in one instruction where the machine has one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _interpolate(
    function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
) -> list[Decimal]:
    """Return c₀, c₁, … of the polynomial through the function at the Chebyshev points."""
    angles = [math.pi * (j + 0.5) / (degree + 1) for j in range(degree + 1)]
    points = [Decimal(low + (high - low) * (1 + math.cos(angle)) / 2) for angle in angles]
    differences = [function(x) for x in points]
    for order in range(1, degree + 1):
        for j in range(degree, order - 1, -1):
            run = points[j] - points[j - order]
            differences[j] = (differences[j] - differences[j - 1]) / run
    coefficients = [differences[-1]]
    for point, difference in zip(points[-2::-1], differences[-2::-1], strict=True):
        raised, same = [Decimal(0), *coefficients], [*coefficients, Decimal(0)]
        coefficients = [a - point * b for a, b in zip(raised, same, strict=True)]
        coefficients[0] += difference
    return coefficients
