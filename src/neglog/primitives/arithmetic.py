"""The primitives as arithmetic, for backends whose own `exp` and `log` are too slow or inexact.

Numba's call a scalar library, which prevents the vectorisation of a loop, and a GPU's lose digits.
These are straight-line code:

* ``exp``: x = n ln 2 + r with |r| ≤ ln 2 / 2, then 2ⁿ (1 + r + r²/2 + …);
* ``log``, ``log1p``: a power of two scales the argument to 1 + f in [¾, 3/2), then
  f − f²/2 + f³ (1/3 − f/4 + …);
* ``sigmoid``: e / (1 + e) with e = exp(−|x|) in [0, 1];
* ``softplus``: ln(1 + e) from that e / (1 + e), which a loss has in its gradient anyway.

The dots are polynomials that interpolate the function at Chebyshev points. Their degree is high
enough that their error vanishes in the rounding, also for subnormal numbers. In float64 nothing
divides, since a vector of divisions takes longer than a polynomial; in float32 it does not.

`tests/test_primitives.py` and `tests/test_triton.py` compare every primitive with mpmath, at
ordinary and at extreme arguments.
"""

from __future__ import annotations

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np

from neglog.primitives import bessel, elementary, gamma, normal
from neglog.primitives.formats import Compiler
from neglog.primitives.placeholders import (
    absolute,
    at_least,
    bits_of,
    float_of,
    narrow,
    real,
    where,
    whole,
    widen,
)
from neglog.primitives.reference import NAMES, TWO_ARGUMENTS


def vocabulary(compiler: Compiler) -> dict[str, Any]:
    """Return the primitives by name.

    In float32 the special functions compute in float64.
    """
    table = compiler.choices | vars(elementary.selections(compiler))
    table |= vars(_exponentials(compiler)) | vars(_logarithms(compiler))
    if compiler.format.real is np.float64:
        table["exponential"] = _power(compiler)
        for module in (elementary, normal, gamma, bessel):
            table |= vars(module.functions(compiler, SimpleNamespace(**table)))
    else:
        wide = vocabulary(compiler.wide)
        table |= {name: _narrowed(compiler, name, wide) for name in NAMES if name not in table}
    return {name: table[name] for name in NAMES}


def _narrowed(compiler: Compiler, name: str, wide: dict[str, Any]) -> Any:
    function = wide[name]

    @compiler.word
    def of_one(x):
        return narrow(function(widen(x)))

    @compiler.word
    def of_two(x, y):
        return narrow(function(widen(x), widen(y)))

    return of_two if name in TWO_ARGUMENTS else of_one


def power(compiler: Compiler) -> Any:
    """Return the function e^(z − top), for top ≥ z."""
    exponential, lowest = _power(compiler), compiler.format.real(compiler.format.lowest)

    @compiler.word
    def power(z, top):
        """Pass the rounding error of the difference to the exponential too: see `sums.two_sum`."""
        difference = z - top
        back = difference - z
        lost = (z - (difference - back)) - (top + back)
        return where(difference < lowest, 0.0, exponential(difference, lost))

    return power


def near_vocabulary(compiler: Compiler) -> dict[str, Any]:
    """Return shorter primitives, for float64 results rounded to float32: see `test_primitives`.

    Logarithms are correct to 36 bits and powers to 49, since a gradient is the difference of a
    power and a target, which may be only a rounding to float32 apart.
    """
    return {
        "near_power": _near_power(compiler, 8),
        "near_log1p": _logarithms(compiler, 12).near_log1p,
        "near_shortfall": _shortfall(compiler, 6),
    }


def _near_power(compiler: Compiler, degree: int) -> Any:
    of = compiler.format
    anchor = of.real(1.5 * 2.0**of.mantissa + of.bias)
    per_ln2, ln2_high, ln2_low = map(of.real, (1 / math.log(2), of.ln2_high, of.ln2_low))
    lowest, mantissa = of.real((1 - of.bias) * math.log(2)), of.mantissa
    tail = compiler.polynomial(_exp_tail, *_EXP_RANGE, degree)

    @compiler.word
    def near_power(x):
        """Return e^x for x ≤ 0, or 0 where it is subnormal."""
        shifted = x * per_ln2 + anchor
        turns = shifted - anchor
        r = (x - turns * ln2_high) - turns * ln2_low
        scale = float_of(whole(bits_of(shifted) << mantissa))
        return where(x < lowest, 0.0, scale + scale * (r + r * r * tail(r)))

    return near_power


def _exponentials(compiler: Compiler) -> SimpleNamespace:
    exponential, share, shortfall = _power(compiler), _share(compiler), _shortfall(compiler)
    of = compiler.format
    highest, lowest = of.real(of.highest), of.real(of.lowest)

    @compiler.word
    def exp(x):
        return exponential(at_least(where(x > highest, highest, x), lowest), 0.0)

    @compiler.word
    def odds(x):
        """Return exp(−|x|), written identically everywhere so that a formula computes it once."""
        return exponential(at_least(-absolute(x), lowest), 0.0)

    @compiler.word
    def sigmoid(x):
        smaller = share(odds(x))
        return where(x > 0.0, 1.0 - smaller, smaller)

    @compiler.word
    def softplus(x):
        e = odds(x)
        return at_least(x, 0.0) + (e - shortfall(e, share(e)))

    return SimpleNamespace(
        exp=exp,
        sigmoid=sigmoid,
        softplus=softplus,
        centred_sigmoid=_centred_sigmoid(compiler, odds, share),
    )


def _centred_sigmoid(compiler: Compiler, odds: Any, share: Any) -> Any:
    near_zero = compiler.polynomial(_centred_slope, 0.0, 1.0, compiler.format.centred_degree)

    @compiler.word
    def centred_sigmoid(x):
        """Return σ(x) − ½, exact near 0 too."""
        far = 0.5 - share(odds(x))
        near = absolute(x) < 1.0
        curved = x * near_zero(where(near, x * x, 0.0))
        return where(near, curved, where(x < 0.0, -far, far))

    return centred_sigmoid


def _centred_slope(t: Decimal) -> Decimal:
    power = t.sqrt().exp()
    return (power - 1) / (power + 1) / (2 * t.sqrt())


def _power(compiler: Compiler) -> Any:
    of = compiler.format
    # Added to x / ln 2, it leaves the nearest integer plus two biases in the low bits.
    anchor = of.real(1.5 * 2.0**of.mantissa + 2 * of.bias)
    per_ln2, ln2_high, ln2_low = map(of.real, (1 / math.log(2), of.ln2_high, of.ln2_low))
    mantissa, exponent = of.mantissa, of.bits(math.inf)
    tail = compiler.polynomial(_exp_tail, *_EXP_RANGE, of.exp_degree)

    @compiler.word
    def exponential(x, rest):
        """Return e^(x + rest) as 2ʰ (1 + r + …) 2ⁿ⁻ʰ; two factors reach subnormal numbers and ∞."""
        shifted = x * per_ln2 + anchor
        turns = shifted - anchor
        r = ((x - turns * ln2_high) - turns * ln2_low) + rest
        bits = bits_of(shifted)
        half = whole((bits << (mantissa - 1)) & exponent)
        first, second = float_of(half), float_of(whole((bits << mantissa) - half))
        return (first + first * (r + r * r * tail(r))) * second

    return exponential


_EXP_RANGE = (-0.34660, 0.34659)


def _exp_tail(r: Decimal) -> Decimal:
    return (r.exp() - 1 - r) / r**2


def _share(compiler: Compiler) -> Any:
    seed = compiler.polynomial(lambda e: 1 / (1 + e), 0.0, 1.0, 3)

    @compiler.word
    def by_division(e):
        return e / (1.0 + e)

    @compiler.word
    def by_steps(e):
        """Return e / (1 + e). Newton's method takes 1 / (1 + e) from nine bits to thirty-six."""
        start = seed(e)
        error = (1.0 - start) - e * start
        part = start + start * error
        part += part * (error * error)
        smaller = e * part
        return smaller + part * ((e - smaller) - e * smaller)  # the remainder is exact

    return by_division if compiler.format.real is np.float32 else by_steps


def _shortfall(compiler: Compiler, degree: int = 0) -> Any:
    tail = compiler.polynomial(_shortfall_tail, 0.0, 0.5, degree or compiler.format.softplus_degree)

    @compiler.word
    def shortfall(e, share):
        """Return e − ln(1 + e), given e / (1 + e).

        With L = ln(1 + e), e minus e / (1 + e) is h = 2 cosh L − 2, and half their sum is
        m = sinh L = e − h/2. So L = m (1 − h · (an even function of L, hence one of h)).
        """
        h = e * share
        return h * (0.5 + (e - 0.5 * h) * tail(h))

    return shortfall


def _shortfall_tail(h: Decimal) -> Decimal:
    e = (h + (h * h + 4 * h).sqrt()) / 2
    m = e - h / 2
    return (m - (1 + e).ln()) / (m * h)


def _logarithms(compiler: Compiler, degree: int = 0) -> SimpleNamespace:
    of, mantissa = compiler.format, compiler.format.mantissa
    smallest, unit = map(of.real, (np.finfo(of.real).tiny, 2.0**mantissa))
    guarded = _guarded(compiler)
    scaled_exponent, bare = of.real((mantissa + 1) * unit), of.real(0)
    subnormal_scale = of.real(2.0 ** (mantissa + 1))
    three_quarters, four, kept = of.bits(0.75), of.bits(4.0), -1 << mantissa
    ln2_high, ln2_low = of.real(of.ln2_high / unit), of.real(of.ln2_low / unit)
    tail = compiler.polynomial(_log_tail, -0.25, 0.5, degree or of.log_degree)

    @compiler.word
    def exponent(u):
        """Return k of u = 2ᵏ (1 + f), in the bits of the exponent: k · 2^mantissa, an integer."""
        return whole((bits_of(u) - three_quarters) & kept)

    @compiler.word
    def combine(turns, f):
        small = turns * ln2_low + f * f * (f * tail(f) - 0.5)
        return turns * ln2_high + (f + small)

    @compiler.word
    def log(x):
        tiny = x < smallest
        u = where(tiny, x * subnormal_scale, x)
        k = exponent(u)
        turns = real(k) - where(tiny, scaled_exponent, bare)
        return guarded(combine(turns, float_of(whole(bits_of(u) - k)) - 1.0), x, 0.0)

    @compiler.word
    def log_parts(x):
        """Return ln x of a finite x > 0 as a sum of two numbers, exact to 56 bits."""
        tiny = x < smallest
        u = where(tiny, x * subnormal_scale, x)
        k = exponent(u)
        turns = real(k) - where(tiny, scaled_exponent, bare)
        f = float_of(whole(bits_of(u) - k)) - 1.0
        most = turns * ln2_high
        high = most + f
        rest = turns * ln2_low + f * f * (f * tail(f) - 0.5)
        return high, ((most - high) + f) + rest

    @compiler.word
    def near_log1p(x):
        k = exponent(1.0 + x)
        scale = float_of(whole(four - k))  # not 2⁻ᵏ, which may be subnormal
        return combine(real(k), 0.25 * (x * scale + (scale - 4.0)))

    @compiler.word
    def log1p(x):
        return guarded(near_log1p(x), x, -1.0)

    return SimpleNamespace(log=log, log1p=log1p, near_log1p=near_log1p, log_parts=log_parts)


def _guarded(compiler: Compiler) -> Any:
    infinity = compiler.format.real(math.inf)

    @compiler.word
    def guarded(y, x, pole):
        """Return y where the logarithm is finite, and −∞, ∞ or NaN elsewhere."""
        y = where(x > pole, y, where(x == pole, -infinity, infinity - infinity))
        return where(x == infinity, infinity, y)

    return guarded


def _log_tail(f: Decimal) -> Decimal:
    return ((1 + f).ln() - f + f * f / 2) / f**3
