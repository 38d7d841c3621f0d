"""Early stopping: the lowest validation loss so far, its weights and epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

Weights = dict[str, Tensor]


@dataclass
class BestEpoch:
    """The epoch with the lowest validation loss, in nats, so far.

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
        """Record the loss of an epoch, and its weights if the loss is the lowest."""
        loss = math.inf if math.isnan(loss) else loss
        if not self.weights or loss < self.loss - self.min_delta:
            self.epoch, self.loss, self.weights = epoch, loss, weights
