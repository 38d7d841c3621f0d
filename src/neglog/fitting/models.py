"""The models: standard units, then a linear map or a small network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


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
        """Learn the units of the training rows, none of whose columns is constant."""
        size = x.abs().max(0).values  # without it, squares of 1e-200 would vanish
        return cls((x / size).mean(0) * size, (x / size).std(0, correction=0) * size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows in standard units."""
        return (x - self.mean) / self.scale


def build(units: Standardise, hidden: Sequence[int], outputs: int, seed: int) -> nn.Sequential:
    """Return a linear model of weights 0, or a network with the given hidden widths."""
    widths = [len(units.mean), *hidden, outputs]
    layers: list[nn.Module] = [units]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for before, after in itertools.pairwise(widths):
            if len(layers) > 1:
                layers.append(nn.ReLU())
            layers.append(nn.Linear(before, after, dtype=torch.float64))
    model = nn.Sequential(*layers)
    if not hidden:
        nn.init.zeros_(last(model).weight)
        nn.init.zeros_(last(model).bias)
    return model


def last(model: nn.Sequential) -> nn.Linear:
    """Return the layer that emits the outputs."""
    layer = model[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def in_units_of(model: nn.Sequential, centre: float, spread: float) -> None:
    """Let the model emit the target's own units instead of standard ones."""
    layer = last(model)
    with torch.no_grad():
        layer.weight.copy_(layer.weight * spread)
        layer.bias.copy_(layer.bias * spread + centre)


def table_weights(model: nn.Sequential) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear model's weights (K, P) and intercepts (K,) for the table's own units."""
    units, layer = model[0], last(model)
    assert isinstance(units, Standardise)
    weights = (layer.weight / units.scale).detach()
    return weights.numpy(), (layer.bias - weights @ units.mean).detach().numpy()


def describe(features: int, hidden: Sequence[int], outputs: int, emitted: str) -> str:
    """Write a model in one line."""
    emitted = emitted if outputs == 1 else f"{emitted}s"
    if not hidden:
        return f"linear, {features} feature{'s' * (features > 1)} → {outputs} {emitted}"
    widths = " → ".join(map(str, hidden))
    return f"network, {features} features → {widths} (ReLU) → {outputs} {emitted}"
