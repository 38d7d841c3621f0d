"""Powers, hyperbolic and trigonometric functions as straight-line arithmetic in float64.

Where a rounding of an argument would be multiplied, its rest is kept: `truncated` halves of two
numbers have an exact product.
"""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np

from neglog.primitives import tables
from neglog.primitives.formats import Compiler
from neglog.primitives.placeholders import (
    absolute,
    at_least,
    bits_of,
    float_of,
    real,
    square_root,
    where,
    whole,
)

_KEPT = -1 << 27  # the bits of a number with 26 significant bits
_QUARTER_TURN = (  # π / 2, in numbers whose product with 27 bits is exact
    float.fromhex("0x1.921fb50000000p+0"),
    float.fromhex("0x1.110b460000000p-26"),
    float.fromhex("0x1.1a62630000000p-54"),
    float.fromhex("0x1.8a2e03707344ap-81"),
)
_FARTHEST = 2.0**27  # quarter turns; beyond, neighbouring numbers are far apart in angle too


def selections(compiler: Compiler) -> SimpleNamespace:
    """Return the primitives that choose or subtract, in either float type."""

    @compiler.word
    def maximum(a, b):
        return where((b > a) | (b != b), b, a)

    @compiler.word
    def minimum(a, b):
        return where((b < a) | (b != b), b, a)

    @compiler.word
    def difference(a, b):
        gap = a - b
        return where((a == b) & (gap != gap), 0.0, gap)

    @compiler.word
    def sqrt(x):
        return square_root(x)

    return SimpleNamespace(maximum=maximum, minimum=minimum, difference=difference, sqrt=sqrt)


def functions(compiler: Compiler, basic: SimpleNamespace) -> SimpleNamespace:
    """Return the primitives, given those of `arithmetic`."""
    centred_sigmoid = basic.centred_sigmoid
    truncated = _truncated(compiler)

    @compiler.word
    def tanh(x):
        return 2.0 * centred_sigmoid(2.0 * x)

    waves = _waves(compiler)
    return SimpleNamespace(
        expm1=_expm1(compiler),
        gaussian=_gaussian(compiler, basic.exponential, truncated, 1.0),
        half_gaussian=_gaussian(compiler, basic.exponential, truncated, 0.5),
        power=_power(compiler, basic.exponential, truncated),
        tanh=tanh,
        sin=waves.sin,
        cos=waves.cos,
    )


def _truncated(compiler: Compiler) -> Any:
    kept = _KEPT

    @compiler.word
    def truncated(x):
        """Return x with 26 significant bits: a product of two such numbers is exact."""
        return float_of(whole(bits_of(x) & kept))

    return truncated


def _gaussian(compiler: Compiler, exponential: Any, truncated: Any, factor: float) -> Any:
    lowest = compiler.format.real(compiler.format.lowest)

    @compiler.word
    def gaussian(x):
        """Return e^(−factor · x²), with the rounding of x² carried."""
        size = absolute(x)
        size = where(size > 40.0, 40.0, size)
        high = truncated(size)
        rest = (high - size) * (high + size)
        return exponential(at_least(-factor * (high * high), lowest), factor * rest)

    return gaussian


def _expm1(compiler: Compiler) -> Any:
    of = compiler.format
    anchor = of.real(1.5 * 2.0**of.mantissa + 2 * of.bias)
    per_ln2, ln2_high, ln2_low = map(of.real, (1 / math.log(2), of.ln2_high, of.ln2_low))
    mantissa, exponent, highest = of.mantissa, of.bits(math.inf), of.real(of.highest)
    twice_bias = 2 * of.bits(1.0)
    tail = compiler.polynomial(
        lambda r: (r.exp() - 1 - r) / r**2, -0.34660, 0.34659, of.exp_degree + 1
    )

    @compiler.word
    def expm1(x):
        """Return 2ⁿ ((eʳ − 1) + (1 − 2⁻ⁿ)), as `exponential` in two factors."""
        x = at_least(where(x > highest, highest, x), -50.0)
        shifted = x * per_ln2 + anchor
        turns = shifted - anchor
        r = (x - turns * ln2_high) - turns * ln2_low
        bits = bits_of(shifted)
        half = whole((bits << (mantissa - 1)) & exponent)
        rest = whole((bits << mantissa) - half)
        first, second, inverse = float_of(half), float_of(rest), float_of(whole(twice_bias - rest))
        return (first * (r + r * r * tail(r)) + (first - inverse)) * second

    return expm1


def _waves(compiler: Compiler) -> SimpleNamespace:
    anchor, per_turn = 1.5 * 2.0**52, 2.0 / math.pi
    first, second, third, fourth = _QUARTER_TURN
    farthest, infinity = _FARTHEST * math.pi / 2, math.inf
    sine_tail, cosine_tail = map(compiler.tabulated, (tables.SINE, tables.COSINE))

    @compiler.word
    def turns_of(x):
        return (x * per_turn + anchor) - anchor

    @compiler.word
    def near(x, turns):
        """Return the angle without its quarter turns, and what is lost in rounding it."""
        start = x - turns * first
        step = turns * second
        middle = start - step
        back = middle - start
        lost = (start - (middle - back)) - (step + back)
        step = turns * third
        end = middle - step
        back = end - middle
        lost += (middle - (end - back)) - (step + back)
        lost -= turns * fourth
        angle = end + lost
        return angle, (end - angle) + lost

    @compiler.word
    def wave(x, quarter):
        """Return the sine of x and quarter turns."""
        turns = turns_of(x)
        angle, rest = near(x, turns)
        square = angle * angle
        sine = angle + (angle * square * sine_tail(square) + rest * (1.0 - 0.5 * square))
        half = 0.5 * square
        most = 1.0 - half
        correction = square * square * cosine_tail(square) - angle * rest
        cosine = most + (((1.0 - most) - half) + correction)
        quadrant = bits_of(turns + (anchor + quarter))
        value = where((quadrant & 1) == 1, cosine, sine)
        value = where((quadrant & 2) == 2, -value, value)
        return where(absolute(x) < farthest, value, infinity - infinity)

    @compiler.word
    def sin(x):
        return wave(x, 0.0)

    @compiler.word
    def cos(x):
        return wave(x, 1.0)

    return SimpleNamespace(sin=sin, cos=cos)


def _power(compiler: Compiler, exponential: Any, truncated: Any) -> Any:
    logarithm = _long_logarithm(compiler, truncated)
    of, infinity, unit = compiler.format, math.inf, 2.0**52
    lowest, highest = of.real(of.lowest), of.real(of.highest)

    @compiler.word
    def bounded(x):
        return at_least(where(x > highest, highest, x), lowest)

    @compiler.word
    def is_whole(x):
        """Return whether 0 ≤ x is an integer."""
        return (x >= unit) | ((x + unit) - unit == x)

    @compiler.word
    def power(x, exponent):
        """Return e^(exponent · ln |x|) with the sign of x, from a logarithm of 65 bits."""
        size, steps = absolute(x), absolute(exponent)
        high, low = logarithm(size)
        high = where(size == 0.0, -infinity, where(size < infinity, high, size))
        about = exponent * high
        first, second = truncated(exponent), truncated(high)
        rest = first * (high - second) + (exponent - first) * high + exponent * low
        usual = absolute(about) < 800.0
        result = exponential(bounded(where(usual, first * second, about)), where(usual, rest, 0.0))
        odd = is_whole(steps) & (steps < 2.0 * unit) & ((0.5 * steps + unit) - unit != 0.5 * steps)
        even = is_whole(steps) | (size == infinity)
        signed = where(odd, -result, where(even, result, infinity - infinity))
        result = where(x < 0.0, signed, result)
        certain = (exponent == 0.0) | (x == 1.0) | ((size == 1.0) & (steps == infinity))
        return where(certain, 1.0, result)

    return power


def _long_logarithm(compiler: Compiler, truncated: Any) -> Any:
    of, mantissa = compiler.format, compiler.format.mantissa
    smallest, unit = map(of.real, (np.finfo(of.real).tiny, 2.0**mantissa))
    scaled_exponent, bare = of.real((mantissa + 1) * unit), of.real(0)
    subnormal_scale = of.real(2.0 ** (mantissa + 1))
    three_quarters, kept = of.bits(0.75), -1 << mantissa
    ln2_high, ln2_low = of.real(of.ln2_high / unit), of.real(of.ln2_low / unit)
    third_high = float.fromhex("0x1.555555p-1")
    third_low = float(Fraction(2, 3) - Fraction(third_high))
    third = third_high + third_low
    tail = compiler.tabulated(tables.INVERSE_TANH)

    @compiler.word
    def logarithm(x):
        """Return ln x of x > 0 as a sum of two numbers.

        With x = 2ᵏ (1 + f) and s = f / (2 + f), it is k ln 2 + 2s + ⅔ s³ + s⁵ · (a polynomial).
        """
        tiny = x < smallest
        u = where(tiny, x * subnormal_scale, x)
        k = whole((bits_of(u) - three_quarters) & kept)
        turns = real(k) - where(tiny, scaled_exponent, bare)
        f = float_of(whole(bits_of(u) - k)) - 1.0
        base = 2.0 + f
        s = truncated(f / base)
        f_high = truncated(f)
        s_low = (((f - 2.0 * s) - s * f_high) - s * (f - f_high)) / base
        square = s * s
        square_high = truncated(square)
        cube = s * square_high
        cube_high = truncated(cube)
        cubed = cube_high * third_high
        cubed_low = cube_high * third_low + third * (
            (cube - cube_high) + s * (square - square_high)
        )
        whole_s = s + s_low
        z = whole_s * whole_s
        rest = whole_s * (z * z) * tail(z) + (cubed_low + 2.0 * square * s_low)
        rest = turns * ln2_low + (2.0 * s_low + rest)
        most = turns * ln2_high
        sum_of_two = most + 2.0 * s
        rest += (most - sum_of_two) + 2.0 * s
        sum_of_three = sum_of_two + cubed
        rest += (sum_of_two - sum_of_three) + cubed
        high = sum_of_three + rest
        return high, (sum_of_three - high) + rest

    return logarithm
