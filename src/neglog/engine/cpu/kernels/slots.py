"""What the loops leave open, to be filled by `jit.compile_kernel`; and where they find their data.

The loops import the open names from here so that a reader, and a linter, can tell what is open.
"""

from __future__ import annotations

from typing import Any


class _Open:
    """Fails where a loop runs without having been compiled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> Any:
        raise NotImplementedError(f"`{self.name}` is open until the loop is compiled")


where: Any = _Open("where")
absolute: Any = _Open("absolute")
exp: Any = _Open("exp")
log1p: Any = _Open("log1p")
nll: Any = _Open("nll")
grad: Any = _Open("grad")
grad_target: Any = _Open("grad_target")
contains: Any = _Open("contains")  # of the target's support
admits: Any = _Open("admits")  # of the inputs' domains
admits_first: Any = _Open("admits_first")
admits_second: Any = _Open("admits_second")
is_well_conditioned: Any = _Open("is_well_conditioned")  # whether nothing cancels at a target
narrow_one_run: Any = _Open("narrow_one_run")  # `one_run` in float32
rank: Any = _Open("rank")  # an integer for a float, in the same order
ranked: Any = _Open("ranked")  # the float of a rank
wide: Any = _Open("wide")  # asks for the widest vectors
array: Any = _Open("array")  # the numbers at an address
soon_read: Any = _Open("soon_read")  # hints at memory
soon_written: Any = _Open("soon_written")
taken: Any = _Open("taken")  # the next block
to_float: Any = _Open("to_float")  # from what is stored
load: Any = _Open("load")  # to the type that is computed in
store: Any = _Open("store")
sum_of: Any = _Open("sum_of")
near_log1p: Any = _Open("near_log1p")  # ln(1 + x) of an x of 0 or more, to 36 bits
near_shortfall: Any = _Open("near_shortfall")  # x − ln(1 + x) of such an x up to 1
near_power: Any = _Open("near_power")  # e^x of an x below 0, in float64
power: Any = _Open("power")  # e^(z − top), nothing lost in the difference
treat_block: Any = _Open("treat_block")  # rows: return the sum of their losses, and its rest
treat_batch: Any = _Open("treat_batch")  # a few of them, step by step
real: Any = _Open("real")  # the type that `in_real` is about: float32 or float64
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
