"""A line of the table: a loss, the shape and dtype of its data, the derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor

from neglog.bench.batch import Batch, Task

Shape = tuple[int, ...]
Group = Literal["large", "small", "step"]
AnyLine = TypeVar("AnyLine", bound="Line")
AnyCase = TypeVar("AnyCase", bound="Case")


class Line(Protocol):
    """What the table asks of a line, be it a loss alone or a training step."""

    @property
    def name(self) -> str:
        """Return what the line is called: a loss, or a model."""

    @property
    def loss(self) -> str:
        """Return the name that the loss has in both `functional` modules."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the loss's keywords, those that are no tensors."""

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""

    @property
    def note(self) -> str:
        """Return what sets the line apart from others of its name and size."""

    @property
    def group(self) -> Group:
        """Return which of the summary's figures the line counts for."""

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the predictions."""

    @property
    def forward(self) -> bool:
        """Return whether the loss alone is wanted, under no_grad."""

    @property
    def compiles(self) -> bool:
        """Return whether torch compiled can take part."""

    def task(self) -> Task:
        """Make the data, the same with every call."""

    def cast(self: AnyLine, dtype: torch.dtype) -> AnyLine:
        """Return the same line in another dtype."""


@dataclass(frozen=True)
class Case:
    """A loss and its gradient, or the loss alone, over one batch."""

    name: str
    shape: Shape
    make: Callable[[Shape], tuple[Tensor, ...]]
    note: str = ""
    group: Group = "large"
    dtype: torch.dtype = torch.float32
    forward: bool = False
    compiles: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ()  # keywords that take one positive weight for each class
    needs_grad: tuple[int, ...] = (0,)  # which arguments require a gradient

    @property
    def loss(self) -> str:
        """Return the name that the loss has in both `functional` modules."""
        return self.name

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""
        return "x".join(map(str, self.shape))

    def task(self) -> Batch:
        """Make the data, the same with every call."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            arguments = [_cast(tensor, self.dtype) for tensor in self.make(self.shape)]
            weights = {
                name: _cast(torch.rand(self.shape[1]) + 0.5, self.dtype) for name in self.weights
            }
        needs_grad = () if self.forward else self.needs_grad  # an evaluation's predictions do not
        for place in needs_grad:
            arguments[place].requires_grad_()
        return Batch(tuple(arguments), {**self.options, **weights}, needs_grad)

    def cast(self: AnyCase, dtype: torch.dtype) -> AnyCase:
        """Return the same line in another dtype."""
        return replace(self, dtype=dtype)


def title(line: Line) -> str:
    """Write what a line is, the dtype too where it is not the usual one.

    >>> from neglog.bench.inputs import real
    >>> title(Case("mse_loss", (4, 3), real, "forward", dtype=torch.bfloat16))
    'mse_loss 4x3 bfloat16 forward'
    """
    return " ".join(part for part in (line.name, line.size, remark(line)) if part)


def remark(line: Line) -> str:
    """Write a line's note, and its dtype where that is not the usual one."""
    dtype = "" if line.dtype == torch.float32 else str(line.dtype).removeprefix("torch.")
    return " ".join(part for part in (dtype, line.note) if part)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
