"""Learnt numbers that are the same for every row."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Constants(nn.Module):
    """Append learnt constants to the outputs of a network.

    Args:
        start: (Q,) their initial values.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(start.clone())

    def forward(self, outputs: Tensor) -> Tensor:
        """Return (N, K + Q) the outputs, then the constants in every row."""
        return torch.cat([outputs, self.values.expand(len(outputs), -1)], 1)
