"""Bit patterns of floats: the operations that primitives and kernels use but formulas may not."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# No reassociation: it would undo the compensated sums. Fusing a·b + c only adds exactness.
# Inlined whatever the length: LLVM calls what it finds long, and vectorises no loop with a call.
JIT: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "forceinline": True,
}
LONG = 10  # of this degree and more, one chain of instructions waits more than it works


@njit(**JIT)
def rank(x):
    """Return an integer for a float, in the same order: LLVM vectorises a maximum of integers.

    A NaN ranks above ∞ or, with the sign bit set, below −∞.
    """
    return _flipped(bits_of(x))


@njit(**JIT)
def ranked(rank):
    """Return the float of a rank."""
    return float_of(_flipped(rank))


@intrinsic
def _flipped(context: Any, bits: Any) -> Any:
    """Flip all bits of a negative integer but its sign: its own inverse."""

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
    """Choose without a branch; both values are of one type."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(types.boolean, yes, yes), build


@intrinsic
def at_least(context: Any, x: Any, bound: Any) -> Any:
    """Return x where it is above the bound, else the bound; NaN stays NaN."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, least = arguments
        return builder.select(builder.fcmp_ordered("<", value, least), least, value)

    return x(x, x), build


def evaluated(coefficients: list[float]) -> Any:
    """Return a word for the polynomial of c₀, c₁, …, as straight instructions."""

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


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a·b + c, in one instruction where the machine has one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


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
