"""The mean loss and its derivatives with respect to all weights, in one pass over the rows.

The weights form one vector: (P + 1) per output, the intercept last, then the shared parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from neglog.fitting.batches.batch import Batch
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.batches.source import Source
from neglog.fitting.likelihoods.responses import Response
from neglog.fitting.likelihoods.row_losses import RowLosses, gradient, weighted

_SAMPLE_ROWS = 10_000


@dataclass(frozen=True)
class Value:
    """The mean loss at some weights, and the derivatives of the objective.

    Attributes:
        loss: the mean over the rows, without a penalty.
        gradient: (W,) of the loss and the squares of `Objective.ridge`.
        hessian: (W, W) of both, if requested.
        squares: what `Objective.ridge` adds to the loss.
    """

    loss: float
    gradient: Tensor
    hessian: Tensor | None = None
    squares: float = 0.0

    @property
    def minimised(self) -> float:
        """The value of the objective."""
        return self.loss + self.squares


def _used_rows(batch: Batch) -> Tensor:
    if batch.weight is None:
        return torch.tensor(float(len(batch.y)))
    return (batch.weight > 0).sum()


def single_process(mine: Any) -> Sequence[Any]:
    """Gather for a single process."""
    return [mine]


@dataclass(frozen=True)
class Objective:
    """The objective: the mean loss of a response over the rows.

    Attributes:
        total: the sum of the sample weights, the divisor of the mean.
        ridge: (W, W) the matrix of the quadratic penalty; None without one.
        reduce: sums a vector over processes.
        gather: gathers an object from each process, in order.
    """

    response: Response
    source: Source
    total: float
    reduce: Callable[[Tensor], Tensor] = lambda sums: sums
    ridge: Tensor | None = None
    gather: Callable[[Any], Sequence[Any]] = single_process

    @classmethod
    def of(cls, response: Response, rows: InMemoryRows) -> Objective:
        """Return the objective of in-memory rows."""
        return cls(response, rows, rows.total)

    @property
    def size(self) -> int:
        """The number of weights, including shared parameters."""
        return self.response.outputs * (self.source.features + 1) + len(self.response.shared)

    def losses_by_batch(self, weights: Tensor) -> Iterator[tuple[Batch, RowLosses]]:
        """Yield batches with their losses and derivatives."""
        response, width = self.response, self.source.features + 1
        output_weights = weights[: response.outputs * width].reshape(response.outputs, width).T
        shared = weights[response.outputs * width :]
        for batch in self.source:
            output = batch.columns.matmul(output_weights)
            if batch.offset is not None:
                output = output + (batch.offset / response.spread)[:, None]
            yield batch, response.row_losses(output, shared, response.encode_target(batch.y))

    def start(self) -> Tensor:
        """Return initial intercepts and shared parameters, corrected for the offset."""
        y, weight = self.source.target_sample()
        start = self.response.start(self.response.encode_target(y), weight)
        offset = self.source.without_features().sample(_SAMPLE_ROWS).offset
        if offset is not None:
            shift = float(offset.mean()) / self.response.spread
            if self.response.intercept:
                start[0] -= shift
            else:  # thresholds, which move the other way
                start[1:] += shift
        return start

    def without_features(self) -> Objective:
        """Return the objective without features."""
        return replace(self, source=self.source.without_features())

    @property
    def used_rows(self) -> float:
        """The number of rows with a positive weight."""
        return self.sum(_used_rows)

    def sum(self, of: Callable[[Batch], Tensor]) -> float:
        """Return the sum over all batches of a function that requires no features."""
        total = torch.zeros(1, dtype=torch.float64)
        for batch in self.source.without_features():
            total += of(batch)
        return float(self.reduce(total))

    def mean(self, of: Callable[[Tensor], Tensor]) -> float:
        """Return the weighted mean of a function of the target."""

        def batch_sum(batch: Batch) -> Tensor:
            values = of(self.response.encode_target(batch.y)).expand(len(batch.y))
            return weighted(values, batch.weight).sum()

        return self.sum(batch_sum) / self.total

    def dispersion(self, loss: float) -> float | None:
        """Return the maximum-likelihood dispersion, given the mean of `row_losses`."""
        return self.response.dispersion(loss, self.mean)

    def nats(self, loss: float, dispersion: float | None) -> float:
        """Return the mean negative log-likelihood, given the mean of the losses of `row_losses`."""
        same = torch.full((1,), loss, dtype=torch.float64)
        some = self.response.encode_target(self.source.target_sample()[0])
        if self.response.nats(same, some, dispersion).numel() == 1:  # it is the same in every row
            return float(self.response.nats(same, some, dispersion))
        return self.mean(lambda y: self.response.nats(same, y, dispersion))

    def value(self, weights: Tensor, needs_hessian: bool = True, expected: bool = False) -> Value:
        """Return the mean loss and its derivatives.

        Args:
            weights: where.
            needs_hessian: whether to compute the Hessian.
            expected: whether to compute the expected Hessian, the Fisher information.
        """
        size, outputs = self.size, self.response.outputs
        loss = torch.zeros(1, dtype=torch.float64)
        slope = torch.zeros(size, dtype=torch.float64)
        curvature = (
            torch.zeros(size, size, dtype=torch.float64) if needs_hessian else torch.zeros(0)
        )
        for batch, losses in self.losses_by_batch(weights):
            loss += weighted(losses.nll, batch.weight).sum()
            slope += gradient(losses, outputs, batch.columns, batch.weight)
            if needs_hessian:
                matrix = losses.information if expected else losses.hessian
                curvature += matrix(batch.columns, batch.weight)
        sums = self.reduce(torch.cat([loss, slope, curvature.reshape(-1)])) / self.total
        hessian = sums[1 + size :].reshape(size, size) if needs_hessian else None
        return self._penalised(weights, Value(float(sums[0]), sums[1 : 1 + size], hessian))

    def _penalised(self, weights: Tensor, value: Value) -> Value:
        if self.ridge is None:
            return value
        ridge_gradient = self.ridge @ weights
        hessian = None if value.hessian is None else value.hessian + self.ridge
        return Value(
            value.loss,
            value.gradient + ridge_gradient,
            hessian,
            float(ridge_gradient @ weights) / 2,
        )
