"""The words as Numba compiles them, for float32 and float64.

Numba's own `exp` and `log1p` are calls into a scalar library, which keep a loop from being
vectorised. These are straight lines of arithmetic that LLVM turns into vector instructions:

* ``exp``: x = 2h ln 2 + r with |r| ≤ ln 2, then 2ʰ (1 + r + r²/2 + …) 2ʰ, whose two factors reach
  the subnormal numbers and ∞;
* ``log``, ``log1p``: a power of two brings the argument to 1 + f in [¾, 3/2), then
  f − f²/2 + f³ (1/3 − f/4 + …);
* ``softplus``: e = exp(−|x|) lies in [0, 1], where ln(1 + e) = e + e² (−1/2 + e/3 − …).

The dots are polynomials through the function at Chebyshev points, of the degree at which their
error vanishes in the rounding. `tests/test_words.py` holds every word against mpmath, at ordinary
arguments and at extreme ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from neglog.words.reference import NAMES

# No reassociation: it would undo the compensated sums. Fusing a·b + c only adds exactness.
JIT: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


class Format(NamedTuple):
    """What the layout of a floating type asks of the words."""

    integer: type
    mantissa: int  # bits of it
    lowest: float  # exp is 0 at and below it
    highest: float  # exp is ∞ at and above it
    ln2_high: float  # ln 2 cut so short that n · ln2_high is exact
    ln2_low: float
    degrees: dict[str, int]  # of the polynomials


FORMATS: dict[type, Format] = {
    np.float32: Format(
        np.int32, 23, -104.0, 89.0, 0.693145751953125, 1.4286068203094172e-06,
        {"exp": 6, "log": 7, "softplus": 9},
    ),
    np.float64: Format(
        np.int64, 52, -746.0, 710.0, 0.6931471803691238, 1.9082149292705877e-10,
        {"exp": 12, "log": 19, "softplus": 21},
    ),
}  # fmt: skip


@cache
def words(real: type) -> dict[str, Any]:
    """Return the vocabulary for one floating type."""
    basic = _basic(real)
    exp, log, log1p = _exp(real, basic), *_logarithms(real, basic)
    sigmoid, softplus = _sigmoid(real, basic, exp), _softplus(real, basic, exp)
    table = {**vars(basic), "exp": exp, "log": log, "log1p": log1p}
    table |= {"sigmoid": sigmoid, "softplus": softplus}
    return {name: table[name] for name in NAMES}


def _basic(real: type) -> SimpleNamespace:
    form = FORMATS[real]
    integer = form.integer
    magnitude = np.iinfo(integer).max

    @njit(**JIT)
    def where(condition, yes, no):
        return _select(condition, real(yes), real(no))

    @njit(**JIT)
    def absolute(x):
        return _float_of(integer(_bits_of(x) & magnitude))

    @njit(**JIT)
    def at_least(x, bound):
        return _select(x < bound, bound, x)

    return SimpleNamespace(**locals())


def _exp(real: type, basic: Any) -> Any:
    form, where, integer = FORMATS[real], basic.where, FORMATS[real].integer
    per_turn = real(0.5 / math.log(2))
    turn_high, turn_low = real(2 * form.ln2_high), real(2 * form.ln2_low)
    lowest, highest = real(form.lowest), real(form.highest)
    mantissa, bias = integer(form.mantissa), np.finfo(real).maxexp - 1
    # Adding it leaves, in the low bits, the nearest whole number and the bias of an exponent.
    whole = real(1.5 * 2.0**form.mantissa + bias)
    tail = _polynomial(lambda r: (r.exp() - 1 - r) / r**2, -0.6933, 0.6932, form.degrees["exp"])

    @njit(**JIT)
    def exp(x):
        x = where(x > highest, highest, x)
        x = where(x < lowest, lowest, x)
        shifted = x * per_turn + whole
        scale = _float_of(integer(_bits_of(shifted) << mantissa))
        turns = shifted - whole
        r = (x - turns * turn_high) - turns * turn_low
        return (scale + scale * (r + r * r * tail(r))) * scale

    return exp


def _sigmoid(real: type, basic: Any, exp: Any) -> Any:
    absolute, where, zero, one = basic.absolute, basic.where, real(0), real(1)

    @njit(**JIT)
    def sigmoid(x):
        e = exp(-absolute(x))
        smaller = e / (one + e)
        return where(x > zero, one - smaller, smaller)

    return sigmoid


def _softplus(real: type, basic: Any, exp: Any) -> Any:
    absolute, at_least, zero = basic.absolute, basic.at_least, real(0)
    degree = FORMATS[real].degrees["softplus"]
    tail = _polynomial(lambda e: ((1 + e).ln() - e) / e**2, 0.0, 1.0, degree)

    @njit(**JIT)
    def softplus(x):
        e = exp(-absolute(x))
        return at_least(x, zero) + (e + e * e * tail(e))

    return softplus


def _logarithms(real: type, basic: Any) -> tuple[Any, Any]:
    form, where, integer = FORMATS[real], basic.where, FORMATS[real].integer
    # k is kept where the exponent lies, so that it is whole · 2^mantissa.
    ln2_high, ln2_low = (real(part * 0.5**form.mantissa) for part in (form.ln2_high, form.ln2_low))
    zero, half, one, infinity, nan = map(real, (0, 0.5, 1, np.inf, np.nan))
    three_quarters = integer(np.array(real(0.75)).view(integer))
    exponent = integer(-1 << form.mantissa)
    smallest, lift = np.finfo(real).tiny, form.mantissa + 1
    lift_by, lifted_by = real(2.0**lift), real(lift * 2.0**form.mantissa)
    degree = form.degrees["log"]
    tail = _polynomial(lambda f: ((1 + f).ln() - f + f * f / 2) / f**3, -0.25, 0.5, degree)

    @njit(**JIT)
    def log_of_normal(u, lifted):
        """Return ln(u) less `lifted`, for a u that is neither subnormal nor special."""
        bits = _bits_of(u)
        k = integer(integer(bits - three_quarters) & exponent)  # Numba widens integers
        f = _float_of(integer(bits - k)) - one
        turns = real(k) - lifted
        small = turns * ln2_low + f * f * (f * tail(f) - half)
        return turns * ln2_high + (f + small)

    @njit(**JIT)
    def log(x):
        tiny = x < smallest
        y = log_of_normal(where(tiny, x * lift_by, x), where(tiny, lifted_by, zero))
        y = where(x > zero, y, where(x == zero, -infinity, nan))
        return where(x == infinity, infinity, y)

    @njit(**JIT)
    def log1p(x):
        u = one + x
        y = log_of_normal(u, zero) + (x - (u - one)) / u  # what rounding took from u
        y = where(x > -one, y, where(x == -one, -infinity, nan))
        return where(x == infinity, infinity, y)

    return log, log1p


def _polynomial(
    function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
) -> Any:
    """Return a word for the function on [low, high], as one line of instructions."""
    with localcontext() as context:
        context.prec = 60  # near 0 the functions are quotients of small differences
        coefficients = [float(c) for c in _interpolate(function, low, high, degree)]

    @intrinsic
    def evaluate(context: Any, x: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            (value,) = arguments
            total = ir.Constant(value.type, coefficients[-1])
            for c in reversed(coefficients[:-1]):
                product = builder.fmul(total, value, flags=("contract",))
                total = builder.fadd(product, ir.Constant(value.type, c), flags=("contract",))
            return total

        return x(x), build

    return evaluate


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
