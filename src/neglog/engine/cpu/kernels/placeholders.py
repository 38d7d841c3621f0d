"""Placeholders in the kernels, which `jit.compile_kernel` replaces.

The kernels import them from here, so that readers and linters see which names are replaced.
"""

from __future__ import annotations

from typing import Any


class _Placeholder:
    """Raises if a kernel runs uncompiled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> Any:
        raise NotImplementedError(f"`{self.name}` is a placeholder until the kernel is compiled")


where: Any = _Placeholder("where")
sqrt: Any = _Placeholder("sqrt")
absolute: Any = _Placeholder("absolute")
exp: Any = _Placeholder("exp")
log: Any = _Placeholder("log")
sigmoid: Any = _Placeholder("sigmoid")
softplus: Any = _Placeholder("softplus")
log1p: Any = _Placeholder("log1p")
settings_of: Any = _Placeholder("settings_of")  # of a row-wise formula, as a tuple
nll: Any = _Placeholder("nll")
grad: Any = _Placeholder("grad")
grad_target: Any = _Placeholder("grad_target")
contains: Any = _Placeholder("contains")  # whether the support contains a target
admits_n: Any = _Placeholder("admits_n")  # whether the domain of an input contains it
accepts_g: Any = _Placeholder("accepts_g")  # the same of a given tensor
is_well_conditioned: Any = _Placeholder("is_well_conditioned")  # whether no terms nearly cancel
narrow_one_run: Any = _Placeholder("narrow_one_run")  # `one_run` in float32
rank: Any = _Placeholder("rank")  # an integer for a float, in the same order
ranked: Any = _Placeholder("ranked")  # the float of a rank
nearest: Any = _Placeholder("nearest")  # whole number
two_to: Any = _Placeholder("two_to")  # 2^k in float64
exponent_of: Any = _Placeholder("exponent_of")  # k of 2^k ≤ x < 2^(k + 1)
wide: Any = _Placeholder("wide")  # requests the widest vectors
array: Any = _Placeholder("array")  # the numbers at an address
address_of: Any = _Placeholder("address_of")  # of an array
copy: Any = _Placeholder("copy")  # bytes, from an address to another
soon_read: Any = _Placeholder("soon_read")  # prefetches
soon_written: Any = _Placeholder("soon_written")
taken: Any = _Placeholder("taken")  # the next block
to_float: Any = _Placeholder("to_float")  # from the stored type
load: Any = _Placeholder("load")  # to the type of the arithmetic
store: Any = _Placeholder("store")
sum_of: Any = _Placeholder("sum_of")
near_log1p: Any = _Placeholder("near_log1p")  # ln(1 + x) for x ≥ 0, to 36 bits
near_shortfall: Any = _Placeholder("near_shortfall")  # x − ln(1 + x) for 0 ≤ x ≤ 1
near_power: Any = _Placeholder("near_power")  # e^x for x ≤ 0, in float64
power: Any = _Placeholder("power")  # e^(z − top), without the rounding of the difference
treat_block: Any = _Placeholder("treat_block")  # rows: return their loss and its rounding error
treat_rows: Any = _Placeholder("treat_rows")  # of a composed loss: write losses and gradients
rows_of_a_block: Any = _Placeholder("rows_of_a_block")
treat_batch: Any = _Placeholder("treat_batch")  # a few rows, step by step
real: Any = _Placeholder("real")  # the type of `in_real`: float32 or float64
COMPUTED_IN: Any = None  # the type of a function's constants
KIND: Any = None  # the type of stored arrays


def in_real(function: Any) -> Any:
    """Mark a function to compute in the type of its kernel, including its constants.

    The widest type in a loop determines how many numbers a vector holds: one float64 among
    float32s halves the speed.
    """
    IN_REAL.append(function)
    return function


IN_REAL: list[Any] = []
