"""The first and last layers of models: standardisation, and the output layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Standardise each column with the mean and standard deviation of the training rows."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, x: Tensor) -> Standardise:
        """Compute the means and scales of the training rows."""
        size = x.abs().max(0).values.clamp(min=1e-300)  # else squares of 1e-200 would vanish
        scale = (x / size).std(0, correction=0) * size
        return cls((x / size).mean(0) * size, torch.where(scale > 0, scale, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised rows."""
        return (x - self.mean) / self.scale


def last(model: nn.Sequential) -> nn.Linear:
    """Return the output layer."""
    layer = model[-1]
    assert isinstance(layer, nn.Linear)
    return layer
