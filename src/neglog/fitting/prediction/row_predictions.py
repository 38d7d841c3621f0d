"""Predictions per row: value, probabilities, loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.fitting.batches.source import Source
from neglog.fitting.design.prepared import Prepared
from neglog.fitting.prediction.fitted_model import Fitted

MOST_ROWS = 1000
"""How many predictions are kept of rows that are not in memory as a whole."""


@dataclass(frozen=True)
class RowPredictions:
    """The predictions of a fitted model for a set of rows.

    Attributes:
        index: each row's number in the table, from 0.
        truth: the target as the user wrote it: labels, or numbers.
        predicted: the most probable label, or the predicted mean.
        probabilities: (N, K) over `Target.classes`; None where the target is a number.
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

    def frame(self, classes: list[Any] | None) -> pl.DataFrame:
        """Return a table: row, truth, predicted, p[class] …, low, high, loss_nats."""
        columns: dict[str, Any] = {
            "row": self.index,
            "truth": _column(self.truth, classes),
            "predicted": _column(self.predicted, classes),
        }
        if self.probabilities is not None:
            for k, label in enumerate(classes or []):
                columns[f"p[{label}]"] = self.probabilities[:, k]
        if self.interval is not None:
            for end, values in zip(("low", "high"), self.interval, strict=True):
                names = [end] if classes is None else [f"{end}[{label}]" for label in classes]
                columns |= dict(zip(names, values.T, strict=True))
        if self.weight is not None:
            columns["sample_weight"] = self.weight
        columns["loss_nats"] = self.loss
        return pl.DataFrame(columns)

    @classmethod
    def concatenated(cls, parts: Sequence[RowPredictions]) -> RowPredictions:
        """Return the rows of several parts, without their intervals."""
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        weights = [part.weight for part in parts if part.weight is not None]
        return cls(
            index=np.concatenate([part.index for part in parts]),
            truth=np.concatenate([part.truth for part in parts]),
            predicted=np.concatenate([part.predicted for part in parts]),
            probabilities=np.concatenate(probabilities) if probabilities else None,
            loss=np.concatenate([part.loss for part in parts]),
            weight=np.concatenate(weights) if weights else None,
        )


@torch.no_grad()
def predict_rows(fitted: Fitted, index: np.ndarray[Any, Any], source: Source) -> RowPredictions:
    """Predict rows; compute losses where the target is known.

    Args:
        fitted: the model.
        index: (N,) the rows' numbers in the table.
        source: the rows; a target that is not known is NaN, or −1.
    """
    classes = fitted.target.classes
    predicted, probabilities, losses, truth, weights = [], [], [], [], []
    ends: list[tuple[Tensor, Tensor]] = []
    for batch in source:
        output = fitted.output(batch)
        if classes is None:
            known = ~batch.y.isnan()
            predicted.append(fitted.mean(output))
        else:
            known = batch.y >= 0
            probabilities.append(fitted.probabilities(output))
            predicted.append(probabilities[-1].argmax(1))
        loss = torch.full((len(output),), torch.nan, dtype=torch.float64)
        loss[known] = fitted.loss(output[known], batch.y[known])
        losses.append(loss)
        truth.append(batch.y)
        if batch.weight is not None:
            weights.append(batch.weight.double())
        if fitted.members is not None:
            ends.append(fitted.members.interval(fitted.predictions, batch))
    decode = fitted.target.decode
    return RowPredictions(
        index=index,
        truth=decode(torch.cat(truth)),
        predicted=decode(torch.cat(predicted)),
        probabilities=torch.cat(probabilities).numpy() if probabilities else None,
        loss=torch.cat(losses).numpy(),
        weight=_joined(weights) if weights else None,
        interval=(_joined([low for low, _ in ends]), _joined([high for _, high in ends]))
        if ends
        else None,
    )


def predict_prepared(fitted: Fitted, data: Prepared, held_out: bool = False) -> RowPredictions:
    """Predict the training rows, or the validation rows.

    Of rows that are not in memory as a whole, those of the highest losses are returned, the highest
    first.
    """
    parts = (predict_rows(fitted, index, rows) for index, rows in data.indexed_rows(held_out))
    kept = next(parts)
    if data.whole:
        return kept
    for part in parts:
        kept = highest_losses([kept, part])
    return highest_losses(data.group.gather(kept))


def highest_losses(parts: Sequence[RowPredictions]) -> RowPredictions:
    """Return the rows with the highest losses, highest first."""
    together = RowPredictions.concatenated(parts)
    order = np.lexsort((together.index, -np.asarray(together.loss)))
    return together.at(order[:MOST_ROWS])


def _column(values: np.ndarray[Any, Any], classes: list[Any] | None) -> pl.Series:
    if classes is None:
        return pl.Series(values=values, dtype=pl.Float64).fill_nan(None)
    return pl.Series(values=values.tolist(), dtype=pl.Series(values=classes).dtype)


def _joined(parts: list[Tensor]) -> np.ndarray[Any, Any]:
    return torch.cat(parts).numpy()
