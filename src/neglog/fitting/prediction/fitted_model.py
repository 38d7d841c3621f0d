"""A fitted model with its likelihood."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from neglog.fitting.batches.batch import Batch
from neglog.fitting.design.target import Target
from neglog.fitting.likelihoods.responses import Response
from neglog.fitting.prediction.members import Members


@dataclass(frozen=True)
class Fitted:
    """A model with its likelihood and parameters.

    Attributes:
        model: maps encoded rows (N, P) to the response's linear predictors (N, outputs).
        target: the likelihood's name and its classes.
        response: the likelihood.
        shared: (Q,) the parameters that are the same for every row.
        dispersion: as in `Response.dispersion`.
        members: more networks like the model, for intervals of its predictions.
    """

    model: nn.Module
    target: Target
    response: Response
    shared: Tensor
    dispersion: float | None
    members: Members | None = None

    def output(self, batch: Batch) -> Tensor:
        """Return (N, outputs) linear predictors."""
        output: Tensor = self.model(batch.columns.dense()[:, :-1])
        if batch.offset is None:
            return output
        return output + (batch.offset / self.response.spread)[:, None]

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Return (N,) losses in nats."""
        y = self.response.encode_target(y)
        losses = self.response.row_losses(output, self.shared, y)
        return self.response.nats(losses.nll, y, self.dispersion)

    def mean(self, output: Tensor) -> Tensor:
        """Return (N,) predicted means, medians or quantiles."""
        return self.response.mean(output)

    def probabilities(self, output: Tensor) -> Tensor:
        """Return (N, K) probabilities of the classes."""
        return self.response.probabilities(output, self.shared)

    def predictions(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the probabilities (N, K), or means (N, 1), predicted by another model."""
        other = replace(self, model=model)
        output = other.output(batch)
        return (
            other.mean(output)[:, None]
            if self.target.classes is None
            else other.probabilities(output)
        )
