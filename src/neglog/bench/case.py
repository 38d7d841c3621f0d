"""A line of the table: a loss, the shape and dtype of its data, the derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor

from neglog.bench.batch import LossTask, Task

Shape = tuple[int, ...]
Group = Literal["large", "small", "step"]
AnyLine = TypeVar("AnyLine", bound="Line")
AnyCase = TypeVar("AnyCase", bound="Case")


class Line(Protocol):
    """The interface of a line of the table: a loss or a training step."""

    @property
    def name(self) -> str:
        """Return the name of the line: a loss, or a model."""

    @property
    def loss(self) -> str:
        """Return the name of the loss in both `functional` modules."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of the loss that are not tensors."""

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""

    @property
    def note(self) -> str:
        """Return the note that distinguishes lines of the same name and size."""

    @property
    def group(self) -> Group:
        """Return the group of the line in the summary."""

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the predictions."""

    @property
    def forward(self) -> bool:
        """Return whether to compute only the loss, under no_grad."""

    @property
    def compiles(self) -> bool:
        """Return whether torch.compile supports the line."""

    def task(self) -> Task:
        """Create the data, the same in every call."""

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
        """Return the name of the loss in both `functional` modules."""
        return self.name

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""
        return "x".join(map(str, self.shape))

    def task(self) -> LossTask:
        """Create the data, the same in every call."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            arguments = [_cast(tensor, self.dtype) for tensor in self.make(self.shape)]
            weights = {
                name: _cast(torch.rand(self.shape[1]) + 0.5, self.dtype) for name in self.weights
            }
        needs_grad = () if self.forward else self.needs_grad  # an evaluation's predictions do not
        for place in needs_grad:
            arguments[place].requires_grad_()
        return LossTask(tuple(arguments), {**self.options, **weights}, needs_grad)

    def cast(self: AnyCase, dtype: torch.dtype) -> AnyCase:
        """Return the same line in another dtype."""
        return replace(self, dtype=dtype)


def title(line: Line) -> str:
    """Return the title of a line, with the dtype if it is not the default.

    >>> from neglog.bench.inputs import real
    >>> title(Case("mse_loss", (4, 3), real, "forward", dtype=torch.bfloat16))
    'mse_loss 4x3 bfloat16 forward'
    """
    return " ".join(part for part in (line.name, line.size, remark(line)) if part)


def remark(line: Line) -> str:
    """Return the note of a line, with the dtype if it is not the default."""
    dtype = "" if line.dtype == torch.float32 else str(line.dtype).removeprefix("torch.")
    return " ".join(part for part in (dtype, line.note) if part)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
