"""Bit patterns of floats: operations that primitives and kernels use but formulas may not."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# No reassociation, which would undo the compensated sums. Fusing a·b + c only adds exactness.
# Always inlined: LLVM calls long functions, and does not vectorise a loop that contains a call.
JIT: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "forceinline": True,
}
_ANCHOR = 1.5 * 2.0**52  # a sum with it rounds to a whole number, which its last bits are
LONG = 10  # from this degree on, one chain of instructions waits more than it computes


@njit(**JIT)
def rank(x):
    """Map floats to integers in the same order: LLVM vectorises a maximum of integers.

    A NaN ranks above ∞ or, with the sign bit set, below −∞.
    """
    return _flipped(bits_of(x))


@njit(**JIT)
def ranked(rank):
    """Return the float of a rank."""
    return float_of(_flipped(rank))


@njit(**JIT)
def nearest(x):
    """Return the nearest whole number."""
    return where(abs(x) < 2.0**51, (x + _ANCHOR) - _ANCHOR, x)


@njit(**JIT)
def two_to(k):
    """Return 2^k of a whole number k up to 1023, and 0 for k < −1022; all in float64."""
    shifted = where(k < -1022.0, -1023.0, k) + _ANCHOR
    return float_of((bits_of(shifted) + 1023) << 52)


@njit(**JIT)
def exponent_of(x):
    """Return the whole k with 2^k ≤ x < 2^(k + 1), or −1023 for 0; all in float64."""
    return float_of((bits_of(x) >> 52) | bits_of(2.0**52)) - (2.0**52 + 1023.0)


@intrinsic
def _flipped(context: Any, bits: Any) -> Any:
    """Flip all bits of a negative integer except the sign; this is its own inverse."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        sign = builder.ashr(value, value.type(bits.bitwidth - 1))
        return builder.xor(value, builder.lshr(sign, value.type(1)))

    return bits(bits), build


def _cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def bits_of(context: Any, x: Any) -> Any:
    """Read a float's bits as an integer of its width."""
    return (types.int32 if x.bitwidth == 32 else types.int64)(x), _cast


@intrinsic
def float_of(context: Any, bits: Any) -> Any:
    """Read an integer's bits as a float of its width."""
    return (types.float32 if bits.bitwidth == 32 else types.float64)(bits), _cast


@intrinsic
def where(context: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Select without a branch; both values have one type."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(types.boolean, yes, yes), build


@intrinsic
def at_least(context: Any, x: Any, bound: Any) -> Any:
    """Return the larger of x and the bound; NaN stays NaN."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, least = arguments
        return builder.select(builder.fcmp_ordered("<", value, least), least, value)

    return x(x, x), build


@intrinsic
def square_root(context: Any, x: Any) -> Any:
    """Return the root, NaN below 0."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        width = "f32" if x.bitwidth == 32 else "f64"
        kind = ir.FunctionType(value.type, [value.type])
        root = builder.module.declare_intrinsic(f"llvm.sqrt.{width}", fnty=kind)
        return builder.call(root, [value])

    return x(x), build


def evaluated(coefficients: list[float]) -> Any:
    """Return a primitive, the polynomial of c₀, c₁, …, as straight-line code."""

    @intrinsic
    def evaluate(context: Any, x: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            (value,) = arguments
            if len(coefficients) <= LONG:
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


def divided(coefficients: list[float]) -> Any:
    """Return a primitive, (P(x) − P(y)) / (x − y) of the polynomial P of c₀, c₁, …."""

    @intrinsic
    def evaluate(context: Any, x: Any, y: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, second = arguments
            *others, value = [ir.Constant(first.type, c) for c in coefficients]
            total = value
            for constant in reversed(others[1:]):
                value = _fused(builder, value, first, constant)
                total = _fused(builder, total, second, value)
            return total

        return x(x, x), build

    return evaluate


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c, in one instruction if the machine has one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


@intrinsic
def prefer_wide_vectors(context: Any) -> Any:
    """Let the calling function use the widest vectors; LLVM's default is half of that.

    llvmlite does not list this attribute, hence the call of `set.add`. It changes nothing if LLVM
    does not know the attribute, or if the machine has no wide vectors.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), build
