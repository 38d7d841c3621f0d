"""Settings of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from neglog.errors.options import FitOptionError


@dataclass(frozen=True)
class Settings:
    """Settings of a training.

    Attributes:
        epochs: the most passes over the rows.
        batch: the rows of one step; LBFGS takes all of them, whatever is said here.
        seed: decides the order of the rows and what dropout leaves out.
        patience: after how many epochs without a lower validation loss the training stops and the
            weights of the least one are put back; None for never.
        min_delta: by how much, in nats, the validation loss must fall to count as lower.
        tolerance: the Euclidean norm of the gradient below which it counts as zero; at 0 it is
            not computed after every epoch, which would cost another pass over the rows.
    """

    epochs: int = 200
    batch: int = 256
    seed: int = 0
    patience: int | None = None
    min_delta: float = 0.0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no training could follow."""
        for name in ("epochs", "batch", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise FitOptionError(f"{name} must be 1 or more, but got {value!r}.")
        for name in ("seed", "min_delta", "tolerance"):
            value = getattr(self, name)
            if not value >= 0:
                raise FitOptionError(f"{name} must be 0 or more, but got {value!r}.")

    def rows(self, optimizer: torch.optim.Optimizer, rows: int) -> int:
        """Return the number of rows per step of the optimizer."""
        return rows if isinstance(optimizer, torch.optim.LBFGS) else min(self.batch, rows)

    def steps(self, optimizer: torch.optim.Optimizer, rows: int) -> int:
        """Return the number of steps per epoch."""
        return math.ceil(rows / self.rows(optimizer, rows))
