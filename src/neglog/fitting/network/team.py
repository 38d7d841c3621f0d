"""The processes that train one model together; most often there is one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """A model's place among the processes that train it; this one is alone.

    Attributes:
        module: what is called in training; its backward pass averages the processes' gradients.
        rank: which of the processes this is, from 0.
        size: how many there are.
        sharded: whether each of them holds a part of the weights only.
    """

    module: nn.Module
    rank: int = 0
    size: int = 1
    sharded: bool = False

    def shard(self, rows: Tensor) -> Tensor:
        """Return this process's part of the rows of a step."""
        return rows if self.size == 1 else torch.tensor_split(rows, self.size)[self.rank]

    def mean(self, loss: Tensor) -> Tensor:
        """Return the mean of the processes' losses, the same in all of them."""
        return loss

    def agree(self, answer: bool) -> bool:
        """Return the answer of the first process; none goes on before all have asked."""
        return answer

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the whole of a tensor of which each process may hold a part."""
        return tensor

    def scatter(self, whole: Tensor, like: Tensor) -> Tensor:
        """Return of a whole what this process holds of another tensor of its shape."""
        return whole
