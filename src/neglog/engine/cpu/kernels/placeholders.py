"""Placeholders in the kernels, which `jit.compile_kernel` replaces.

The kernels import them from here, so that a reader, and a linter, can tell what is replaced.
"""

from __future__ import annotations

from typing import Any


class _Placeholder:
    """Fails where a kernel runs without having been compiled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> Any:
        raise NotImplementedError(f"`{self.name}` is a placeholder until the kernel is compiled")


where: Any = _Placeholder("where")
absolute: Any = _Placeholder("absolute")
exp: Any = _Placeholder("exp")
log1p: Any = _Placeholder("log1p")
nll: Any = _Placeholder("nll")
grad: Any = _Placeholder("grad")
grad_target: Any = _Placeholder("grad_target")
contains: Any = _Placeholder("contains")  # of the target's support
admits: Any = _Placeholder("admits")  # of the inputs' domains
admits_first: Any = _Placeholder("admits_first")
admits_second: Any = _Placeholder("admits_second")
is_well_conditioned: Any = _Placeholder("is_well_conditioned")  # if nothing cancels
narrow_one_run: Any = _Placeholder("narrow_one_run")  # `one_run` in float32
rank: Any = _Placeholder("rank")  # an integer for a float, in the same order
ranked: Any = _Placeholder("ranked")  # the float of a rank
wide: Any = _Placeholder("wide")  # asks for the widest vectors
array: Any = _Placeholder("array")  # the numbers at an address
soon_read: Any = _Placeholder("soon_read")  # hints at memory
soon_written: Any = _Placeholder("soon_written")
taken: Any = _Placeholder("taken")  # the next block
to_float: Any = _Placeholder("to_float")  # from what is stored
load: Any = _Placeholder("load")  # to the type that is computed in
store: Any = _Placeholder("store")
sum_of: Any = _Placeholder("sum_of")
near_log1p: Any = _Placeholder("near_log1p")  # ln(1 + x) of an x of 0 or more, to 36 bits
near_shortfall: Any = _Placeholder("near_shortfall")  # x − ln(1 + x) of such an x up to 1
near_power: Any = _Placeholder("near_power")  # e^x of an x below 0, in float64
power: Any = _Placeholder("power")  # e^(z − top), nothing lost in the difference
treat_block: Any = _Placeholder("treat_block")  # rows: return the sum of their losses, and its rest
treat_batch: Any = _Placeholder("treat_batch")  # a few of them, step by step
real: Any = _Placeholder("real")  # the type that `in_real` is about: float32 or float64
COMPUTED_IN: Any = None  # the type that the constants here have
KIND: Any = None  # the type that an array of the stored numbers has


def in_real(function: Any) -> Any:
    """Have a function compute in the type that its kernel computes in, its constants included.

    The widest type in a loop decides how many numbers a vector holds: one float64 among float32s
    halves the speed.
    """
    IN_REAL.append(function)
    return function


IN_REAL: list[Any] = []
