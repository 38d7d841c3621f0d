"""The processes that train one model together; most often there is one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """A model's place among the processes that train it.

    Attributes:
        module: what is called in training; its backward pass averages the processes' gradients.
        rank: which of the processes this is, from 0.
        size: how many there are.
    """

    module: nn.Module
    rank: int = 0
    size: int = 1

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's part of the rows of a step."""
        return rows if self.size == 1 else torch.tensor_split(rows, self.size)[self.rank]

    def mean(self, loss: Tensor) -> Tensor:
        """Return the mean of the processes' losses, the same in all of them."""
        return loss

    def weights(self, model: nn.Module) -> dict[str, Tensor]:
        """Return a copy of all weights and buffers of a model."""
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def load(self, model: nn.Module, weights: dict[str, Tensor]) -> None:
        """Put back what `weights` returned."""
        model.load_state_dict(weights)
