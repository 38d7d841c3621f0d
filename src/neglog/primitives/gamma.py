"""The gamma function's family as straight-line arithmetic in float64, for arguments of 0 or more.

From 2 or 3 on, each is Stirling's formula with a polynomial of 1 / x² for its series; below, it is
a polynomial or a step up: Γ(x + 1) = x Γ(x). Near a root, a polynomial is multiplied by x − root.
Differences use the divided difference of a polynomial, (P(w) − P(v)) / (w − v), so that nothing
cancels, however close the two arguments are and however large.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from neglog.primitives import tables
from neglog.primitives.formats import Compiler
from neglog.primitives.placeholders import where

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
_ROOT = 1.4616321449683622  # of the digamma function
_ROOT_LOW = 9.549995429965697e-17


def functions(compiler: Compiler, basic: SimpleNamespace) -> SimpleNamespace:
    """Return the primitives, given those of `arithmetic`."""
    log_gamma = _log_gamma(compiler, basic.log_parts)
    log_rising = _log_rising(compiler, basic)
    return SimpleNamespace(
        log_gamma=log_gamma,
        digamma=_digamma(compiler, basic.log_parts),
        trigamma=_trigamma(compiler),
        log_rising=log_rising,
        digamma_difference=_digamma_difference(compiler, basic.log1p),
        trigamma_difference=_trigamma_difference(compiler),
        log_beta=_log_beta(compiler, basic, log_gamma, log_rising),
    )


def _log_gamma(compiler: Compiler, log_parts: Any) -> Any:
    around_one, around_two, series = map(
        compiler.tabulated, (tables.LOG_GAMMA_ONE, tables.LOG_GAMMA_TWO, tables.STIRLING)
    )
    shift, infinity = _HALF_LOG_2_PI - 0.5, math.inf

    @compiler.word
    def log_gamma(x):
        high, low = log_parts(x)
        inverse = 1.0 / x
        far = (x - 0.5) * ((high - 1.0) + low) + (shift + inverse * series(inverse * inverse))
        small = x < 0.7
        z = where(small, x, x - 1.0)
        near_one = z * around_one(z)
        near_one = where(small, near_one - (high + low), near_one)
        z = x - 2.0
        value = where(x < 1.4, near_one, where(x < 3.0, z * around_two(z), far))
        value = where(x > 0.0, value, where(x == 0.0, infinity, infinity - infinity))
        return where(x == infinity, infinity, value)

    return log_gamma


def _digamma(compiler: Compiler, log_parts: Any) -> Any:
    slope, series = map(compiler.tabulated, (tables.DIGAMMA_ROOT, tables.DIGAMMA_TAIL))
    root, root_low, infinity = _ROOT, _ROOT_LOW, math.inf

    @compiler.word
    def digamma(x):
        high, low = log_parts(x)
        inverse = 1.0 / x
        w = inverse * inverse
        far = (high - (0.5 * inverse + w * series(w))) + low
        small = x < 1.0
        u = where(small, x - (root - 1.0), x - root) - root_low
        near = u * slope(u)
        value = where(x < 2.0, where(small, near - inverse, near), far)
        value = where(x > 0.0, value, where(x == 0.0, -infinity, infinity - infinity))
        return where(x == infinity, infinity, value)

    return digamma


def _trigamma(compiler: Compiler) -> Any:
    series, infinity = compiler.tabulated(tables.TRIGAMMA_TAIL), math.inf

    @compiler.word
    def trigamma(x):
        small = x < 2.0
        i = 1.0 / where(small, x + 2.0, x)
        far = i + i * i * (0.5 + i * series(i * i))
        first, second = 1.0 / x, 1.0 / (x + 1.0)
        value = where(small, first * first + (second * second + far), far)
        return where(x >= 0.0, value, infinity - infinity)

    return trigamma


def _log_rising(compiler: Compiler, basic: SimpleNamespace) -> Any:
    log_parts, log1p, infinity = basic.log_parts, basic.log1p, math.inf
    remainder = _stirling_difference(compiler)

    @compiler.word
    def log_rising(r, y):
        """Return ln Γ(r + y) − ln Γ(r); below r = 2 from r + 2."""
        low = r < 2.0
        s = where(low, r + 2.0, r)
        above = s + y
        inverse = 1.0 / s
        high, rest = log_parts(above)
        value = y * ((high - 1.0) + rest) + (s - 0.5) * log1p(y * inverse)
        value -= remainder(inverse, 1.0 / above, y)
        # Farther than 1e17, the factor of a step is far below a rounding of the sum.
        n = where(y > 1e17, 1e17, y)
        steps = log1p(n * (2.0 * r + 1.0 + n) / (r * (r + 1.0)))
        value = where(low, value - steps, value)
        value = where(above == infinity, infinity, value)
        return where(y == 0.0, 0.0, where(r >= 0.0, value, infinity - infinity))

    return log_rising


def _stirling_difference(compiler: Compiler) -> Any:
    series = compiler.tabulated(tables.STIRLING)
    slope = compiler.divided_polynomial(tables.STIRLING)

    @compiler.word
    def remainder(i, j, y):
        """Return the rest of Stirling's formula at 1 / i, less that at 1 / j = 1 / i + y."""
        gap = y * i * j
        w, v = i * i, j * j
        return gap * ((i + j) * slope(w, v) * i + series(v))

    return remainder


def _digamma_difference(compiler: Compiler, log1p: Any) -> Any:
    slope, infinity = compiler.divided_polynomial((0.0, *tables.DIGAMMA_TAIL)), math.inf

    @compiler.word
    def digamma_difference(r, y):
        low = r < 2.0
        s = where(low, r + 2.0, r)
        i, j = 1.0 / s, 1.0 / (s + y)
        gap = i * where(y == infinity, 1.0, y * j)
        value = log1p(y * i) + gap * (0.5 + (i + j) * slope(i * i, j * j))
        first = where(y == infinity, 1.0, y / (r + y)) / r
        second = where(y == infinity, 1.0, y / ((r + 1.0) + y)) / (r + 1.0)
        value = where(low, first + (second + value), value)
        return where(y == 0.0, 0.0, where(r >= 0.0, value, infinity - infinity))

    return digamma_difference


def _trigamma_difference(compiler: Compiler) -> Any:
    series = compiler.tabulated(tables.TRIGAMMA_TAIL)
    slope, infinity = compiler.divided_polynomial(tables.TRIGAMMA_TAIL), math.inf

    @compiler.word
    def step(r, y):
        """Return 1 / r² − 1 / (r + y)²."""
        inverse = 1.0 / r
        return where(y == infinity, 1.0, y / (r + y)) * inverse * (inverse + 1.0 / (r + y))

    @compiler.word
    def trigamma_difference(r, y):
        low = r < 2.0
        s = where(low, r + 2.0, r)
        i, j = 1.0 / s, 1.0 / (s + y)
        gap, w, v = i * where(y == infinity, 1.0, y * j), i * i, j * j
        both = i + j
        value = gap * (1.0 + 0.5 * both + (w + i * j + v) * series(v))
        value += gap * (both * (w * i) * slope(w, v))
        value = where(low, step(r, y) + (step(r + 1.0, y) + value), value)
        return where(y == 0.0, 0.0, where(r >= 0.0, -value, infinity - infinity))

    return trigamma_difference


def _log_beta(compiler: Compiler, basic: SimpleNamespace, log_gamma: Any, log_rising: Any) -> Any:
    log, log1p, half_log_2_pi = basic.log, basic.log1p, _HALF_LOG_2_PI
    remainder = _stirling_difference(compiler)
    series, infinity = compiler.tabulated(tables.STIRLING), math.inf

    @compiler.word
    def log_beta(a, b):
        """Return ln Γ(a) − (ln Γ(a + b) − ln Γ(b)) for a ≤ b; from 2 on by Stirling's formula."""
        swapped = b < a
        a, b = where(swapped, b, a), where(swapped, a, b)
        ratio = a / b
        total = a + b
        i, k = 1.0 / a, 1.0 / b
        far = (a - 0.5) * log(ratio / (1.0 + ratio)) - b * log1p(ratio)
        far += (half_log_2_pi - 0.5 * log(b)) + i * series(i * i) + remainder(k, 1.0 / total, a)
        value = where(a < 2.0, log_gamma(a) - log_rising(b, a), far)
        return where((b == infinity) & (a > 0.0), -infinity, value)

    return log_beta
