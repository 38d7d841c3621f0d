"""The normal distribution and the error function as straight-line arithmetic in float64.

All of them come from e^(x²) erfc(x), a polynomial of (x − 4) / (x + 4) divided by 1 + 2x.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from neglog.primitives import tables
from neglog.primitives.formats import Compiler
from neglog.primitives.placeholders import absolute, where

_ROOT_HALF = math.sqrt(0.5)
_ROOT_2_PER_PI = math.sqrt(2.0 / math.pi)


def functions(compiler: Compiler, basic: SimpleNamespace) -> SimpleNamespace:
    """Return the primitives, given those of `arithmetic` and `elementary`."""
    folded = _folded(compiler)
    scaled_erfc = _scaled_erfc(compiler, folded)
    errors = _errors(compiler, basic.gaussian, scaled_erfc)
    return SimpleNamespace(
        erf=errors.erf,
        erfc=errors.erfc,
        log_ndtr=_log_ndtr(compiler, basic, scaled_erfc),
        **vars(_mills(compiler, basic.half_gaussian, scaled_erfc, folded)),
    )


def _folded(compiler: Compiler) -> Any:
    @compiler.word
    def folded(x):
        """Map 0 ≤ x < ∞ to −1 ≤ q < 1."""
        x = where(x > 1e30, 1e30, x)
        return (x - 4.0) / (x + 4.0)

    return folded


def _scaled_erfc(compiler: Compiler, folded: Any) -> Any:
    numerator = compiler.tabulated(tables.SCALED_ERFC)

    @compiler.word
    def scaled_erfc(x):
        """Return e^(x²) erfc(x) for x ≥ 0."""
        return numerator(folded(x)) / (1.0 + 2.0 * x)

    return scaled_erfc


def _errors(compiler: Compiler, gaussian: Any, scaled_erfc: Any) -> SimpleNamespace:
    slope = compiler.tabulated(tables.ERF)

    @compiler.word
    def erf(x):
        size = absolute(x)
        far = 1.0 - gaussian(size) * scaled_erfc(size)
        near = size < 1.0
        return where(near, x * slope(where(near, x * x, 0.0)), where(x < 0.0, -far, far))

    @compiler.word
    def erfc(x):
        size = absolute(x)
        upper = gaussian(size) * scaled_erfc(size)
        near = size < 0.5
        near_zero = 1.0 - x * slope(where(near, x * x, 0.0))
        return where(near, near_zero, where(x < 0.0, 2.0 - upper, upper))

    return SimpleNamespace(erf=erf, erfc=erfc)


def _log_ndtr(compiler: Compiler, basic: SimpleNamespace, scaled_erfc: Any) -> Any:
    root_half, ln2, slope = _ROOT_HALF, math.log(2.0), compiler.tabulated(tables.ERF)
    log, log1p, half_gaussian = basic.log, basic.log1p, basic.half_gaussian

    @compiler.word
    def log_ndtr(x):
        """Return ln (1 + erf(x / √2)) − ln 2 around 0."""
        size = absolute(x)
        scaled = 0.5 * scaled_erfc(root_half * size)
        near = absolute(x + 0.2) < 0.5
        z = root_half * x
        error = z * slope(where(near, z * z, 0.0))
        logarithm = log1p(where(near, error, -half_gaussian(size) * scaled))
        below = log(scaled) - 0.5 * x * x
        return where(near, logarithm - ln2, where(x > 0.0, logarithm, below))

    return log_ndtr


def _mills(
    compiler: Compiler, half_gaussian: Any, scaled_erfc: Any, folded: Any
) -> SimpleNamespace:
    root_half, ratio, density = _ROOT_HALF, _ROOT_2_PER_PI, 0.5 * _ROOT_2_PER_PI
    tail = compiler.tabulated(tables.MILLS_SUM)

    @compiler.word
    def inverse_mills(x):
        size, above = absolute(x), x > 0.0
        scaled, power = scaled_erfc(root_half * size), half_gaussian(size)
        top = where(above, density * power, ratio)
        return top / where(above, 1.0 - 0.5 * power * scaled, scaled)

    @compiler.word
    def inverse_mills_sum(x):
        size = absolute(x)
        return where(x > 0.0, x + inverse_mills(x), tail(folded(size)) / (1.0 + size))

    return SimpleNamespace(inverse_mills=inverse_mills, inverse_mills_sum=inverse_mills_sum)
