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
is_settled: Any = _Open("is_settled")  # whether nothing cancels at a target
narrow_one_run: Any = _Open("narrow_one_run")  # `one_run` in the narrow words
largest: Any = _Open("largest")  # the maximum that LLVM vectorises
wide: Any = _Open("wide")  # asks for the widest vectors
array: Any = _Open("array")  # the numbers at an address
taken: Any = _Open("taken")  # the next block
load: Any = _Open("load")  # to float64
store: Any = _Open("store")  # from float64
sum_of: Any = _Open("sum_of")
power: Any = _Open("power")  # e^(z − top)
one_row: Any = _Open("one_row")  # the loss of a row against its label
KIND: Any = None  # the type that an array of the stored numbers has
