"""The names that a loop leaves open, to be filled by `jit.compile_loop`: words and formulas.

The loops import them from here so that a reader, and a linter, can tell what is open.
"""

from __future__ import annotations

from typing import Any


class _Open:
    """Fails where a loop runs without having been compiled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> Any:
        raise NotImplementedError(f"`{self.name}` is open until the loop is compiled")


real: Any = _Open("real")  # the floating type
where: Any = _Open("where")
exp: Any = _Open("exp")
log1p: Any = _Open("log1p")
nll: Any = _Open("nll")
grad: Any = _Open("grad")
grad_target: Any = _Open("grad_target")
contains: Any = _Open("contains")  # of the target's support
admits: Any = _Open("admits")  # of the inputs' domains
admits_first: Any = _Open("admits_first")
admits_second: Any = _Open("admits_second")
largest: Any = _Open("largest")  # the maximum that LLVM vectorises
wide: Any = _Open("wide")  # asks for the widest vectors
SOFTMAX: bool | None = None  # whether rows are logits, to be normalised
MASKED: bool | None = None  # whether elements of weight 0 are not to be looked at
