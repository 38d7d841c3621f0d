"""The processes that train one model; usually one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """A single process that trains a model.

    Attributes:
        module: the module called in training; its backward pass averages gradients over processes.
        rank: which of the processes this is, from 0.
        size: how many there are.
        sharded: whether each of them holds a part of the weights only.
    """

    module: nn.Module
    rank: int = 0
    size: int = 1
    sharded: bool = False

    def shard(self, rows: Tensor) -> Tensor:
        """Return the rows of a step for this process."""
        return rows if self.size == 1 else torch.tensor_split(rows, self.size)[self.rank]

    def mean(self, loss: Tensor) -> Tensor:
        """Return the mean loss over processes, equal in all of them."""
        return loss

    def agree(self, answer: bool) -> bool:
        """Broadcast the answer of the first process; this is a barrier."""
        return answer

    def gather(self, tensor: Tensor) -> Tensor:
        """Return a full tensor from the shards of the processes."""
        return tensor

    def scatter(self, whole: Tensor, like: Tensor) -> Tensor:
        """Return the shard of a full tensor that this process holds."""
        return whole
