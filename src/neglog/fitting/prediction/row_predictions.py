"""What a fitted model says of rows: the prediction, the probabilities, the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neglog.fitting.batches.batch import Batch
from neglog.fitting.batches.source import Source
from neglog.fitting.design.target import Target
from neglog.fitting.likelihoods.links import LINKS
from neglog.fitting.likelihoods.responses import Classes, Location, Response
from neglog.fitting.likelihoods.shared_parameters import Ordered, Robust
from neglog.fitting.prediction.members import Members


@dataclass(frozen=True)
class Fitted:
    """A model with what it takes to use it.

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
        """Return (N,) losses in nats, of rows whose target is known."""
        y = self.response.reads(y)
        local = self.response.local(output, self.shared, y)
        return self.response.nats(local.nll, y, self.dispersion)

    def mean(self, output: Tensor) -> Tensor:
        """Return (N,) what is expected of a number."""
        if isinstance(self.response, (Location, Robust)):
            return output[:, 0] * self.response.spread + self.response.centre
        return LINKS[self.response.link].mean(output[:, 0])

    def chances(self, output: Tensor) -> Tensor:
        """Return (N, K) probabilities of the classes."""
        if isinstance(self.response, Classes):
            return torch.softmax(self.response.logits(output), 1)
        if isinstance(self.response, Ordered):
            below = torch.sigmoid(self.shared - output)
            padded = [torch.zeros_like(below[:, :1]), below, torch.ones_like(below[:, :1])]
            return torch.cat(padded, 1).diff(dim=1)
        return torch.cat([torch.sigmoid(-output), torch.sigmoid(output)], 1)


@dataclass(frozen=True)
class RowPredictions:
    """What the fitted model says of a set of rows.

    Attributes:
        index: each row's number in the table, from 0.
        truth: the target as the user wrote it: labels, or numbers.
        predicted: the most probable label, or the predicted mean.
        probabilities: (N, K) over `FitResult.classes`; None where the target is a number.
        loss: (N,), the information loss in nats, −ln of the probability (or density) of the truth.
        weight: (N,) the sample weights; None without any.
        interval: the lower and the upper ends of the predictions' intervals, each (N, K) of the
            probabilities or (N, 1) of the mean; None where no ensemble was trained.
    """

    index: np.ndarray[Any, Any]
    truth: np.ndarray[Any, Any]
    predicted: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None
    loss: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any] | None = None
    interval: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None

    def at(self, which: np.ndarray[Any, Any]) -> RowPredictions:
        """Return some of the rows, without their intervals."""
        return RowPredictions(
            index=self.index[which],
            truth=self.truth[which],
            predicted=self.predicted[which],
            probabilities=None if self.probabilities is None else self.probabilities[which],
            loss=self.loss[which],
            weight=None if self.weight is None else self.weight[which],
        )

    @classmethod
    def concatenated(cls, parts: Sequence[RowPredictions]) -> RowPredictions:
        """Return the rows of several parts, without their intervals."""
        chances = [part.probabilities for part in parts if part.probabilities is not None]
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            index=np.concatenate([part.index for part in parts]),
            truth=np.concatenate([part.truth for part in parts]),
            predicted=np.concatenate([part.predicted for part in parts]),
            probabilities=np.concatenate(chances) if chances else None,
            loss=np.concatenate([part.loss for part in parts]),
            weight=np.concatenate(weights) if weights else None,
        )


@torch.no_grad()
def predict_rows(fitted: Fitted, index: np.ndarray[Any, Any], source: Source) -> RowPredictions:
    """Predict rows, and weigh the predictions where the truth is known.

    Args:
        fitted: the model.
        index: (N,) the rows' numbers in the table.
        source: the rows; a target that is not known is NaN, or −1.
    """
    classes = fitted.target.classes
    predicted, chances, losses, truth, weights = [], [], [], [], []
    ends: list[tuple[Tensor, Tensor]] = []
    for batch in source:
        output = fitted.output(batch)
        if classes is None:
            known = ~batch.y.isnan()
            predicted.append(fitted.mean(output))
        else:
            known = batch.y >= 0
            chances.append(fitted.chances(output))
            predicted.append(chances[-1].argmax(1))
        loss = torch.full((len(output),), torch.nan, dtype=torch.float64)
        loss[known] = fitted.loss(output[known], batch.y[known])
        losses.append(loss)
        truth.append(batch.y)
        if batch.weight is not None:
            weights.append(batch.weight.double())
        if fitted.members is not None:
            ends.append(fitted.members.interval(fitted, batch))
    decode = fitted.target.decode
    return RowPredictions(
        index=index,
        truth=decode(torch.cat(truth)),
        predicted=decode(torch.cat(predicted)),
        probabilities=torch.cat(chances).numpy() if chances else None,
        loss=torch.cat(losses).numpy(),
        weight=_joined(weights) if weights else None,
        interval=(_joined([low for low, _ in ends]), _joined([high for _, high in ends]))
        if ends
        else None,
    )


def _joined(parts: list[Tensor]) -> np.ndarray[Any, Any]:
    return torch.cat(parts).numpy()
