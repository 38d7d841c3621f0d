"""Access to raw memory in kernels: addresses, storage types, and the next block of work.

Kernels take addresses, not tensors. This makes a call cheap, lets a thread run a kernel without
Python, and reads half precision in place. The danger: an address does not say how much memory is
there. Only `elementwise.py`, `rows.py`, `composed.py`, `log_softmax.py` and `half_precision.py` of
`engine/cpu/` take addresses, each of tensors that it holds until the kernel has returned.

Arithmetic is in float32 or float64, as the kernel requires: loading converts, storing rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
import torch
from llvmlite import ir
from numba import carray, config, types
from numba.core import cgutils
from numba.extending import intrinsic

from neglog.engine.cpu.kernels.placeholders import COMPUTED_IN, to_float


class Storage(NamedTuple):
    """How numbers of one dtype are stored in memory."""

    name: str
    numpy: Any  # the type of an array of them
    converts: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None  # to a float, and from one


def _from_brain(bits):
    return _float32_of(np.uint32(np.uint32(bits) << np.uint32(16)))


def _to_brain(x):
    bits = _bits_of_float32(np.float32(x))
    # Add half of the last place, minus one bit where that place is even: ties round to even. Each
    # sum is truncated to 32 bits, since wider ones would halve the numbers per vector.
    even = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    near = np.uint32(np.uint32(bits + np.uint32(0x7FFF)) + even)
    return np.uint16(np.uint32(near >> np.uint32(16)) if x == x else np.uint32(0x7FC0))


def _from_half(bits):
    return _float32_of_half(np.uint16(bits))


def _to_half(x):
    return _half_of_float32(np.float32(x))


def load(x):
    """Convert a stored number to the type of the arithmetic."""
    return COMPUTED_IN(to_float(x))


STORAGES = {
    torch.float64: Storage("float64", np.float64, None),
    torch.float32: Storage("float32", np.float32, None),
    torch.bfloat16: Storage("bfloat16", np.uint16, (_from_brain, _to_brain)),
    torch.float16: Storage("float16", np.uint16, (_from_half, _to_half)),
}


# On a processor without F16C, LLVM would call a function that no library provides.
_FEATURES = config.CPU_FEATURES
if _FEATURES is None:
    _FEATURES = llvm.get_host_cpu_features().flatten()
CONVERTS_HALF = "+f16c" in _FEATURES


def array(address, size, kind):
    """Return the array of one type at an address."""
    return carray(_pointer(address, kind), size, kind)


@intrinsic
def _pointer(context: Any, address: Any, kind: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind.dtype)(types.int64, kind), build


@intrinsic
def address_of(context: Any, numbers: Any) -> Any:
    """Return the address of an array, whose `ctypes.data` would take a tenth longer to compile."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        struct = context.make_array(numbers)(context, builder, arguments[0])
        return builder.ptrtoint(struct.data, ir.IntType(64))

    return types.int64(numbers), build


@intrinsic
def copy(context: Any, source: Any, target: Any, size: Any) -> Any:
    """Copy bytes from an address to another."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        source, target = (builder.inttoptr(place, pointer) for place in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), build


@intrinsic
def taken(context: Any, counter: Any) -> Any:
    """Return the value of a counter and add 1 to it, atomically."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", arguments[0], one, "monotonic")

    return types.int64(types.CPointer(types.int64)), build


def soon_read(address, count, size):
    """Prefetch numbers, each of a size in bytes, that will be read."""
    for at in range(address, address + count * size, LINE):
        _prefetch(at, False)


def soon_written(address, count, size):
    """Prefetch the cache lines to which numbers will be written."""
    for at in range(address, address + count * size, LINE):
        _prefetch(at, True)


LINE = 64  # bytes of a cache line


@intrinsic(prefer_literal=True)
def _prefetch(context: Any, address: Any, writes: Any) -> Any:
    """Prefetch an address, which may be invalid: a prefetch does not fault."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], shape)
        facts = (word(int(writes.literal_value)), word(3), word(1))  # the nearest cache, and data
        builder.call(hint, [builder.inttoptr(arguments[0], pointer), *facts])
        return context.get_dummy_value()

    return types.none(types.int64, writes), build


def _cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def _float32_of(context: Any, bits: Any) -> Any:
    return types.float32(types.uint32), _cast


@intrinsic
def _bits_of_float32(context: Any, x: Any) -> Any:
    return types.uint32(types.float32), _cast


@intrinsic
def _float32_of_half(context: Any, bits: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), build


@intrinsic
def _half_of_float32(context: Any, x: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), build
