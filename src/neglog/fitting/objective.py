"""What is minimised: the loss of a likelihood, as a mean, row by row, and of the null model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neglog import functional
from neglog.errors import FitError
from neglog.families import Bernoulli, Categorical, Normal
from neglog.likelihood import Likelihood

FORMULAS: dict[type[Likelihood], str] = {
    Bernoulli: "binary cross-entropy, −ln P(y) = ln(1 + eᶻ) − y·z with the log-odds z",
    Categorical: "cross-entropy, −ln P(y) = ln Σₖ exp zₖ − z_y with the logits z",
    Normal: "squared errors, −ln p(y) = ½ ln 2πσ² + (y − ŷ)² / 2σ², σ by maximum likelihood",
}
_SMALLEST_VARIANCE = 1e-24


@dataclass(frozen=True)
class Objective:
    """A likelihood and the target's units.

    Minimisers see a normal target in standard units, centred and divided by its spread; losses
    are reported in the units of the table.
    """

    likelihood: type[Likelihood]
    labels: Sequence[Any] = ()
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, likelihood: type[Likelihood], labels: Sequence[Any], y: Tensor) -> Objective:
        """Return the objective of the training rows y.

        Raises:
            FitError: a number is the same in all of them.
        """
        if likelihood is not Normal:
            return cls(likelihood, labels)
        if y.min() == y.max():
            raise FitError(
                f"the target is {float(y[0]):g} in every training row; there is nothing to learn; "
                "pass another seed or a smaller validation part."
            )
        return cls(likelihood, (), float(y.mean()), float(y.std(correction=0)))

    @property
    def outputs(self) -> int:
        """The number of numbers that the model emits for a row."""
        return len(self.labels) if self.likelihood is Categorical else 1

    def standard(self, y: Tensor) -> Tensor:
        """Return the target in the minimisers' units."""
        return y if self.likelihood is not Normal else (y - self.centre) / self.spread

    def loss(self, output: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
        """Return what is minimised, in the minimisers' units."""
        if self.likelihood is Categorical:
            return functional.cross_entropy(output, y, reduction=reduction)
        if self.likelihood is Bernoulli:
            return functional.binary_cross_entropy_with_logits(output, y, reduction=reduction)
        return 0.5 * functional.mse_loss(output, y, reduction=reduction)

    def variance(self, loss: float) -> float:
        """Return the errors' variance, by maximum likelihood, in the minimisers' units."""
        return max(2.0 * loss, _SMALLEST_VARIANCE)

    def nats(self, loss: float, training: float) -> float:
        """Return a mean loss in nats, σ being that of the training rows' mean loss."""
        if self.likelihood is not Normal:
            return loss
        variance = self.variance(training)
        return 0.5 * math.log(2 * math.pi * variance * self.spread**2) + loss / variance

    def row_nats(self, output: Tensor, y: Tensor, sigma: float | None) -> Tensor:
        """Return (N,) losses in nats of outputs and targets in the units of the table."""
        if sigma is None:
            return self.loss(output, y, "none").reshape(-1)
        squares = functional.mse_loss(output / sigma, y / sigma, reduction="none").reshape(-1)
        return 0.5 * math.log(2 * math.pi * sigma**2) + 0.5 * squares

    def null(self, y: Tensor) -> float:
        """Return the mean loss if only the base rates, or the mean, are known."""
        if self.likelihood is Normal:
            return self.nats(0.5, 0.5)
        rates = torch.bincount(y.reshape(-1).long(), minlength=len(self.labels)).double()
        return float(torch.special.entr(rates / len(y)).sum())


def probabilities(likelihood: type[Likelihood], output: Tensor) -> Any:
    """Return (N, K) probabilities of the classes as an array; None where there are none."""
    if likelihood is Normal:
        return None
    if likelihood is Categorical:
        return functional.log_softmax(output, 1).exp().numpy()
    return torch.cat([torch.sigmoid(-output), torch.sigmoid(output)], 1).numpy()
