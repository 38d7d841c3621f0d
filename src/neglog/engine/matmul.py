"""The interface of fast matrix products of half-precision factors, optional for a backend."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Matmul(Protocol):
    """The three products of a linear layer, summed in float32; a module may implement it."""

    def serves(self, x: Tensor, size: int) -> bool:
        """Return whether it multiplies rows x by a weight of this many numbers fast."""

    def takes_half(self, x: Tensor) -> bool:
        """Return whether a kernel may write the gradient by the logits in the dtype of x."""

    def logits(self, x: Tensor, w: Tensor, out: Tensor) -> None:
        """Write x · wᵀ."""

    def narrowed(self, dz: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the gradient by the logits as a factor; its memory may be reused."""

    def by_x(self, dz: Tensor, w: Tensor, out: Tensor) -> None:
        """Write dz · w."""

    def by_w(self, dz: Tensor, x: Tensor, total: Tensor, first: bool) -> None:
        """Add dzᵀ · x to a total, or start the total."""
