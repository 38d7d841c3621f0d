"""Modified Bessel functions of orders 0 and 1 as straight-line arithmetic in float64.

Up to 10 they are polynomials of x² with positive coefficients; beyond, e^x / √x times one of 1 / x.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from neglog.primitives import tables
from neglog.primitives.formats import Compiler
from neglog.primitives.placeholders import absolute, where


def functions(compiler: Compiler, basic: SimpleNamespace) -> SimpleNamespace:
    """Return the primitives, given those of `arithmetic`."""
    return SimpleNamespace(
        **vars(_scaled(compiler, basic)),
        **vars(_ratios(compiler)),
    )


def _scaled(compiler: Compiler, basic: SimpleNamespace) -> SimpleNamespace:
    zero, one, rest, far_zero, far_one = map(
        compiler.tabulated,
        (
            tables.BESSEL_ZERO,
            tables.BESSEL_ONE,
            tables.BESSEL_ZERO_LESS_ONE,
            tables.FAR_BESSEL_ZERO,
            tables.FAR_BESSEL_ONE,
        ),
    )
    exp, log, log1p, sqrt, infinity = basic.exp, basic.log, basic.log1p, basic.sqrt, math.inf

    @compiler.word
    def i0e(x):
        size = absolute(x)
        inverse = 1.0 / size
        far = far_zero(inverse) * sqrt(inverse)
        return where(size > 10.0, far, exp(-size) * zero(size * size))

    @compiler.word
    def i1e(x):
        size = absolute(x)
        inverse = 1.0 / size
        far = far_one(inverse) * sqrt(inverse)
        return where(size > 10.0, where(x < 0.0, -far, far), x * (exp(-size) * one(size * size)))

    @compiler.word
    def log_i0(x):
        size = absolute(x)
        inverse = 1.0 / size
        far = size + log(far_zero(inverse) * sqrt(inverse))
        square = x * x
        value = where(size > 10.0, far, log1p(square * rest(square)))
        return where(size == infinity, infinity, value)

    return SimpleNamespace(i0e=i0e, i1e=i1e, log_i0=log_i0)


def _ratios(compiler: Compiler) -> SimpleNamespace:
    zero, wide_zero, one, slope, far_ratio, far_slope = map(
        compiler.tabulated,
        (
            tables.BESSEL_ZERO,
            tables.WIDE_BESSEL_ZERO,
            tables.BESSEL_ONE,
            tables.BESSEL_SLOPE,
            tables.FAR_BESSEL_RATIO,
            tables.FAR_BESSEL_SLOPE,
        ),
    )

    @compiler.word
    def bessel_ratio(x):
        size = absolute(x)
        far = far_ratio(1.0 / size)
        square = x * x
        near = x * one(square) / zero(square)
        return where(size > 10.0, where(x < 0.0, -far, far), near)

    @compiler.word
    def bessel_ratio_slope(x):
        size = absolute(x)
        inverse = 1.0 / size
        square = x * x
        value = wide_zero(square)
        near = slope(square) / (value * value)
        return where(size > 15.0, inverse * inverse * far_slope(inverse), near)

    return SimpleNamespace(bessel_ratio=bessel_ratio, bessel_ratio_slope=bessel_ratio_slope)
