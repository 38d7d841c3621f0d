"""The words as Numba compiles them, in float64 whatever the storage.

Numba's own `exp` and `log1p` are calls into a scalar library, which keep a loop from being
vectorised. These are straight lines of arithmetic that LLVM turns into vector instructions. None
divides, since a vector of divisions takes longer than a polynomial:

* ``exp``: x = n ln 2 + r with |r| ≤ ln 2 / 2, then 2ⁿ (1 + r + r²/2 + …);
* ``log``, ``log1p``: a power of two brings the argument to 1 + f in [¾, 3/2), then
  f − f²/2 + f³ (1/3 − f/4 + …);
* ``sigmoid``: e = exp(−|x|) lies in [0, 1], where 1 / (1 + e) is a cubic and Newton's steps;
* ``softplus``: ln(1 + e) by way of that e / (1 + e), which a loss has in its gradient anyway.

The dots are polynomials through the function at Chebyshev points. There are two vocabularies:

* the exact one, for numbers stored as float64: the polynomials' error vanishes in the rounding,
  also where numbers are subnormal;
* the narrow one, for numbers stored as float32 or shorter: results are right to one part in 2³⁶,
  which leaves no error beside float32's own rounding. Subnormal doubles, which no product of six
  such numbers comes near, are 0 as results and belong to no logarithm's domain.

`tests/test_words.py` holds every word of both against mpmath, at ordinary arguments and at
extreme ones.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from neglog.words.polynomials import polynomial
from neglog.words.reference import NAMES

# No reassociation: it would undo the compensated sums. Fusing a·b + c only adds exactness.
# Inlined whatever the length: LLVM calls what it finds long, and vectorises no loop with a call.
JIT: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "forceinline": True,
}

LN2 = math.log(2)
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # n · LN2_HIGH is exact
MANTISSA, EXPONENT = 52, 0x7FF0_0000_0000_0000  # the bits of a float64: how many, and which
THREE_QUARTERS, FOUR = 0x3FE8_0000_0000_0000, 0x4010_0000_0000_0000  # these floats' bits
WHOLE = 1.5 * 2.0**MANTISSA  # added to x, it leaves the nearest whole number in the low bits


@cache
def words(real: type, narrow: bool = False) -> dict[str, Any]:
    """Return the vocabulary for numbers stored as float64, or as something narrower."""
    assert real is np.float64, "the words compute in float64, whatever the storage"
    table = {"where": where, "absolute": absolute, "at_least": at_least}
    for group in (_exponentials(narrow), _logarithms(narrow)):
        table |= vars(group)
    return {name: table[name] for name in NAMES}


@njit(**JIT)
def where(condition, yes, no):
    """Choose without a branch."""
    return _select(condition, float(yes), float(no))


@njit(**JIT)
def absolute(x):
    """Return |x|."""
    return abs(x)


@njit(**JIT)
def at_least(x, bound):
    """Return x where it is above the bound, else the bound; NaN stays NaN."""
    return _select(x < bound, bound, x)


def _exponentials(narrow: bool) -> SimpleNamespace:
    raise_e = _narrow_power() if narrow else _exact_power()
    highest = 1024 * LN2 if narrow else 710.0
    lowest = -1023 * LN2 if narrow else -746.0
    share, shortfall = _share(narrow), _shortfall(narrow)

    @njit(**JIT)
    def exp(x):
        return raise_e(at_least(where(x > highest, highest, x), lowest))

    @njit(**JIT)
    def odds(x):
        """Return exp(−|x|), in the same words for all, that it be computed once in a formula."""
        return raise_e(at_least(-absolute(x), lowest))

    @njit(**JIT)
    def sigmoid(x):
        smaller = share(odds(x))
        return where(x > 0.0, 1.0 - smaller, smaller)

    @njit(**JIT)
    def softplus(x):
        e = odds(x)
        return at_least(x, 0.0) + (e - shortfall(e, share(e)))

    near_zero = polynomial(lambda t: _centred(t.sqrt()) / t.sqrt(), 0.0, 1.0, 10)

    @njit(**JIT)
    def centred_sigmoid(x):
        """Return σ(x) − ½; where narrow, right to a part of 1 and not of itself near 0."""
        far = 0.5 - share(odds(x))
        far = where(x < 0.0, -far, far)
        if narrow:
            return far
        near = absolute(x) < 1.0
        return where(near, x * near_zero(where(near, x * x, 0.0)), far)

    return SimpleNamespace(
        exp=exp, sigmoid=sigmoid, centred_sigmoid=centred_sigmoid, softplus=softplus
    )


def _centred(x: Decimal) -> Decimal:
    power = x.exp()
    return (power - 1) / (power + 1) / 2


def _narrow_power() -> Any:
    whole = WHOLE + 1023  # with the bias of an exponent, which at the limits is that of 0 or ∞
    per_ln2 = 1 / LN2
    tail = polynomial(lambda r: (r.exp() - 1) / r, -0.34660, 0.34659, 7)

    @njit(**JIT)
    def raise_e(x):
        shifted = x * per_ln2 + whole
        r = x - (shifted - whole) * LN2
        return (1.0 + r * tail(r)) * _float_of(_bits_of(shifted) << MANTISSA)

    return raise_e


def _exact_power() -> Any:
    whole = WHOLE + 2 * 1023  # with the biases of two exponents
    per_ln2 = 1 / LN2
    tail = polynomial(lambda r: (r.exp() - 1 - r) / r**2, -0.34660, 0.34659, 10)

    @njit(**JIT)
    def raise_e(x):
        """Return 2ʰ (1 + r + …) 2ⁿ⁻ʰ, whose two factors reach the subnormal numbers and ∞."""
        shifted = x * per_ln2 + whole
        turns = shifted - whole
        r = (x - turns * LN2_HIGH) - turns * LN2_LOW
        bits = _bits_of(shifted)
        half = (bits << (MANTISSA - 1)) & EXPONENT
        scale, rest = _float_of(half), _float_of((bits << MANTISSA) - half)
        return (scale + scale * (r + r * r * tail(r))) * rest

    return raise_e


def _share(narrow: bool) -> Any:
    seed = polynomial(lambda e: 1 / (1 + e), 0.0, 1.0, 3)

    @njit(**JIT)
    def share(e):
        """Return e / (1 + e). Newton's steps take 1 / (1 + e) from nine bits to thirty-six."""
        start = seed(e)
        error = (1.0 - start) - e * start
        part = start + start * error
        part += part * (error * error)
        smaller = e * part
        if narrow:
            return smaller
        return smaller + part * ((e - smaller) - e * smaller)  # the remainder is exact

    return share


def _shortfall(narrow: bool) -> Any:
    tail = polynomial(_shortfall_tail, 0.0, 0.5, 6 if narrow else 10)

    @njit(**JIT)
    def shortfall(e, share):
        """Return e − ln(1 + e), given e / (1 + e).

        With L = ln(1 + e), the difference of e and its share is h = 2 cosh L − 2 and half their
        sum is m = sinh L = e − h/2. So L = m (1 − h · (an even function of L, hence one of h)).
        """
        h = e * share
        return h * (0.5 + (e - 0.5 * h) * tail(h))

    return shortfall


def _shortfall_tail(h: Decimal) -> Decimal:
    e = (h + (h * h + 4 * h).sqrt()) / 2
    m = e - h / 2
    return (m - (1 + e).ln()) / (m * h)


def _logarithms(narrow: bool) -> SimpleNamespace:
    smallest, lift = float(np.finfo(np.float64).tiny), MANTISSA + 1
    lift_by, lifted_by = 2.0**lift, lift * 2.0**MANTISSA
    infinity, nan = math.inf, math.nan
    combine = _narrow_logarithm() if narrow else _exact_logarithm()

    @njit(**JIT)
    def exponent(u):
        """Return k, where u = 2ᵏ (1 + f), kept where the exponent lies: whole · 2^mantissa."""
        return (_bits_of(u) - THREE_QUARTERS) & (-1 << MANTISSA)

    @njit(**JIT)
    def guarded(y, x, pole):
        y = where(x > pole, y, where(x == pole, -infinity, nan))
        return where(x == infinity, infinity, y)

    @njit(**JIT)
    def log(x):
        tiny = x < smallest
        u = x if narrow else where(tiny, x * lift_by, x)
        k = exponent(u)
        turns = float(k) if narrow else float(k) - where(tiny, lifted_by, 0.0)
        return guarded(combine(turns, _float_of(_bits_of(u) - k) - 1.0), x, 0.0)

    @njit(**JIT)
    def log1p(x):
        k = exponent(1.0 + x)
        scale = _float_of(FOUR - k)  # not 2⁻ᵏ, which may be subnormal
        return guarded(combine(float(k), 0.25 * (x * scale + (scale - 4.0))), x, -1.0)

    return SimpleNamespace(log=log, log1p=log1p)


def _narrow_logarithm() -> Any:
    ln2 = LN2 * 0.5**MANTISSA
    tail = polynomial(lambda f: (1 + f).ln() / f, -0.25, 0.5, 13)
    return njit(lambda turns, f: turns * ln2 + f * tail(f), **JIT)


def _exact_logarithm() -> Any:
    ln2_high, ln2_low = LN2_HIGH * 0.5**MANTISSA, LN2_LOW * 0.5**MANTISSA
    tail = polynomial(lambda f: ((1 + f).ln() - f + f * f / 2) / f**3, -0.25, 0.5, 19)

    @njit(**JIT)
    def combine(turns, f):
        small = turns * ln2_low + f * f * (f * tail(f) - 0.5)
        return turns * ln2_high + (f + small)

    return combine


def _cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def _bits_of(context: Any, x: Any) -> Any:
    """Read a float's bits as an integer of its width."""
    return (types.int32 if x.bitwidth == 32 else types.int64)(x), _cast


@intrinsic
def _float_of(context: Any, bits: Any) -> Any:
    """Read an integer's bits as a float of its width."""
    return (types.float32 if bits.bitwidth == 32 else types.float64)(bits), _cast


@intrinsic
def _select(context: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Choose without a branch; both values are of one type."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(types.boolean, yes, yes), build


@intrinsic
def largest(context: Any, a: Any, b: Any) -> Any:
    """Return the larger float, or NaN: the one form of a maximum that LLVM vectorises."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        shape = ir.FunctionType(kind, [kind, kind])
        function = builder.module.declare_intrinsic("llvm.maximum", [kind], shape)
        return builder.call(function, arguments)

    return a(a, a), build


@intrinsic
def prefer_wide_vectors(context: Any) -> Any:
    """Let the calling function use the widest vectors there are; LLVM's default is half of them.

    llvmlite knows no such attribute, hence the call by way of `set`. Where the attribute is
    unknown to LLVM, or the machine has no wide vectors, it changes nothing.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), build
