"""One batch and its loss: the timed call, and the bytes that it must move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Loss = Callable[..., Tensor]
Run = Callable[[], tuple[Tensor, ...]]  # once through; returns the loss, then the gradients


class Task(Protocol):
    """Data and a timed computation."""

    @property
    def keywords(self) -> Mapping[str, Any]:
        """Return the keyword arguments of the loss, including tensors."""

    def runner(self, loss: Loss) -> Run:
        """Return the timed function for this loss."""

    def bytes(self) -> int | None:
        """Return the minimum number of bytes to move, if known."""


@dataclass(frozen=True)
class LossTask:
    """The arguments of a loss, and which of them require a gradient."""

    arguments: tuple[Tensor, ...]  # the input, the target, and further positional arguments
    keywords: Mapping[str, Any]
    needs_grad: tuple[int, ...]  # none: the loss alone, under no_grad

    def runner(self, loss: Loss) -> Run:
        """Return a function for loss and gradient; the keywords must be bound to the loss."""
        arguments = self.arguments
        leaves = [arguments[place] for place in self.needs_grad]
        upstream = self._upstream()

        def gradient() -> tuple[Tensor, ...]:
            for leaf in leaves:
                leaf.grad = None
            value = loss(*arguments)
            value.backward(upstream)
            return value, *(leaf.grad for leaf in leaves if leaf.grad is not None)

        def forward() -> tuple[Tensor, ...]:
            with torch.no_grad():
                return (loss(*arguments),)

        return gradient if leaves else forward

    def bytes(self) -> int | None:
        """Count every input read once, every gradient and every loss of "none" written once."""
        inputs = [*self.arguments, *self.keywords.values(), self._upstream()]
        read = sum(each.nbytes for each in inputs if isinstance(each, Tensor))
        written = sum(self.arguments[place].nbytes for place in self.needs_grad)
        return read + written + self._losses_bytes()

    def gradient_bytes(self) -> int:
        """Return the size of the gradients."""
        return sum(self.arguments[place].nbytes for place in self.needs_grad)

    def _upstream(self) -> Tensor | None:
        """Return the upstream gradient for losses without a reduction."""
        if self.keywords.get("reduction") != "none" or not self.needs_grad:
            return None
        return torch.ones(self.arguments[1].shape, dtype=self.arguments[0].dtype)

    def _losses_bytes(self) -> int:
        if self.keywords.get("reduction") != "none":
            return 0
        return self.arguments[1].numel() * self.arguments[0].element_size()
