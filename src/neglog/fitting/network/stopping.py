"""Early stopping: the least validation loss so far, its weights, and how long ago it was."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

Weights = dict[str, Tensor]


@dataclass
class BestEpoch:
    """The epoch of the least validation loss, in nats, so far.

    Attributes:
        min_delta: by how much, in nats, a loss must be less to count.
        epoch: when it was.
        loss: what it was.
        weights: the model's weights then.
    """

    min_delta: float = 0.0
    epoch: int = 0
    loss: float = math.inf
    weights: Weights = field(default_factory=dict)

    def update(self, epoch: int, loss: float, weights: Weights) -> None:
        """Take note of an epoch's loss, and of its weights where there is none less."""
        loss = math.inf if math.isnan(loss) else loss
        if not self.weights or loss < self.loss - self.min_delta:
            self.epoch, self.loss, self.weights = epoch, loss, weights
