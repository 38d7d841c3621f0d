"""What the table says of a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exactness import textbook
from exactness.kinds import Kind


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        call: takes a module of functions, the drawn tensors and a reduction.
        textbook: takes the same numbers of one sample.
        further: what draws further tensors from the prediction and the target.
        inputs: how many tensors are differentiated: the prediction, and the first further ones.
        mean: the reduction that divides by the count.
        chained: whether more words follow each other than the limits of float64 allow for; what
            rounding may do to them there, `test_engine.py` holds.
        roundings: of the stored dtype, which follow each other where torch's operations compute
            the loss; 0 if a kernel does. Their limit is as many ulps of the largest addend.
    """

    name: str
    kind: Kind
    call: Callable[..., Any]
    textbook: Callable[..., textbook.Truth]
    further: tuple[Callable[[Any, Any, Any], Any], ...] = ()
    inputs: int = 1
    mean: str = "mean"
    chained: bool = False
    roundings: int = 0
