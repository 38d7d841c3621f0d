"""What models begin and end with: standard units, and the layer that emits the outputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from neglog.fitting.likelihoods.responses import Classes, Response


class Standardise(nn.Module):
    """Centre each column and divide it by its standard deviation, as in the training rows."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, x: Tensor) -> Standardise:
        """Learn the units of the training rows."""
        size = x.abs().max(0).values.clamp(min=1e-300)  # else squares of 1e-200 would vanish
        scale = (x / size).std(0, correction=0) * size
        return cls((x / size).mean(0) * size, torch.where(scale > 0, scale, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows in standard units."""
        return (x - self.mean) / self.scale


def last(model: nn.Sequential) -> nn.Linear:
    """Return the layer that emits the outputs."""
    layer = model[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def table_weights(model: nn.Sequential, response: Response) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear model's weights (K, P) and intercepts (K,) for the table's own units.

    Those of several classes are centred: they sum to 0 over the classes.
    """
    units, layer = model[0], last(model)
    assert isinstance(units, Standardise)
    weights = layer.weight.detach() / units.scale * response.spread
    intercepts = layer.bias.detach() * response.spread + response.centre - weights @ units.mean
    if isinstance(response, Classes):
        weights, intercepts = (response.logits(part.T).T for part in (weights, intercepts[:, None]))
        weights, intercepts = weights - weights.mean(0), (intercepts - intercepts.mean(0))[:, 0]
    return weights.numpy(), intercepts.numpy()
