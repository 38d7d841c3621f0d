"""What a kernel does with bare memory: addresses, storage types, and the next block of work.

Kernels are handed addresses and not tensors: that is what makes a call cheap, lets a thread run
one without Python, and lets halves be read where they lie. The danger is plain: an address says
nothing of how much memory is there. Only `elementwise_cpu`, `rows_cpu` and `log_softmax_cpu` take
addresses, each from tensors that it holds until the kernel has returned.

Arithmetic is in float32 or float64, as a kernel asks: loading converts, storing rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
import torch
from llvmlite import ir
from numba import carray, config, types
from numba.extending import intrinsic

from neglog.engine.cpu.kernels.placeholders import COMPUTED_IN, to_float


class Storage(NamedTuple):
    """How numbers of one dtype lie in memory."""

    name: str
    numpy: Any  # the type that an array of them has
    converts: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None  # to a float, and from one


def _from_brain(bits):
    return _float32_of(np.uint32(np.uint32(bits) << np.uint32(16)))


def _to_brain(x):
    bits = _bits_of_float32(np.float32(x))
    # Half of the last place, less a bit where that place is even: ties go to even. Each sum is
    # cut to its 32 bits, for wider ones would halve the numbers that a vector holds.
    even = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    near = np.uint32(np.uint32(bits + np.uint32(0x7FFF)) + even)
    return np.uint16(np.uint32(near >> np.uint32(16)) if x == x else np.uint32(0x7FC0))


def _from_half(bits):
    return _float32_of_half(np.uint16(bits))


def _to_half(x):
    return _half_of_float32(np.float32(x))


def load(x):
    """Return a stored number as the type that is computed in."""
    return COMPUTED_IN(to_float(x))


STORAGES = {
    torch.float64: Storage("float64", np.float64, None),
    torch.float32: Storage("float32", np.float32, None),
    torch.bfloat16: Storage("bfloat16", np.uint16, (_from_brain, _to_brain)),
    torch.float16: Storage("float16", np.uint16, (_from_half, _to_half)),
}


# For a processor that cannot, LLVM would call a function that nobody provides.
_FEATURES = config.CPU_FEATURES
if _FEATURES is None:
    _FEATURES = llvm.get_host_cpu_features().flatten()
CONVERTS_HALF = "+f16c" in _FEATURES


def array(address, size, kind):
    """Return the numbers of one type that lie at an address."""
    return carray(_pointer(address, kind), size, kind)


@intrinsic
def _pointer(context: Any, address: Any, kind: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind.dtype)(types.int64, kind), build


@intrinsic
def taken(context: Any, counter: Any) -> Any:
    """Return what a counter holds and add 1 to it, no other thread coming between."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", arguments[0], one, "monotonic")

    return types.int64(types.CPointer(types.int64)), build


def soon_read(address, count, size):
    """Have numbers of a size in bytes fetched from memory while something else is computed."""
    for at in range(address, address + count * size, LINE):
        _prefetch(at, False)


def soon_written(address, count, size):
    """Have the lines of memory fetched in which numbers will be written."""
    for at in range(address, address + count * size, LINE):
        _prefetch(at, True)


LINE = 64  # bytes that come from memory at once


@intrinsic(prefer_literal=True)
def _prefetch(context: Any, address: Any, writes: Any) -> Any:
    """Hint at an address, which need not be one: a prefetch does not fault."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], shape)
        facts = (word(int(writes.literal_value)), word(3), word(1))  # near, and data
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
