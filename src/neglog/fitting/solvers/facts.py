"""The facts of a fit, each computed from its rows at first use.

Computing them in advance would take longer than the fit for a million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.fitting.design.prepared import Prepared
from neglog.fitting.inference import statistics
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.inference.statistics import Statistics
from neglog.fitting.linear import null_model
from neglog.fitting.linear.objective import Objective
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.prediction.row_predictions import (
    RowPredictions,
    predict_prepared,
    predict_rows,
)
from neglog.fitting.running.progress import Epoch, EpochLosses
from neglog.fitting.solvers.linear_setup import objective_of

_SAMPLE_ROWS = 10_000


class RowFacts:
    """The facts of any model; see `neglog.fitting.results.fit.Facts`."""

    def __init__(self, data: Prepared, fitted: Fitted) -> None:
        self.data, self.fitted = data, fitted

    @property
    def objective(self) -> Objective:
        """The mean loss of the training rows."""
        return objective_of(self.data, self.fitted.response)

    @cached_property
    def null_loss(self) -> float:
        """The mean loss of the null model on the training rows."""
        return null_model.loss(self.objective)

    @cached_property
    def deviations(self) -> np.ndarray[Any, Any]:
        """(P,) the standard deviations of the encoded columns over the training rows."""
        objective = self.objective
        sample = [batch.columns.dense()[:, :-1] for batch in objective.source.sample(_SAMPLE_ROWS)]
        size = torch.cat(sample).abs().amax(0)
        unit = torch.where(size > 0, size, 1.0)  # else squares of 1e200 would be infinite

        def mean_of(change: Callable[[Tensor], Tensor]) -> Tensor:
            total = torch.zeros(objective.source.features, dtype=torch.float64)
            for batch in objective.source:
                total += change(batch.columns.dense()[:, :-1] / unit).sum(0)
            return objective.reduce(total) / objective.source.rows

        mean = mean_of(lambda x: x)
        deviation = mean_of(lambda x: (x - mean).square()).sqrt()
        return np.asarray((deviation * unit).numpy())

    @cached_property
    def training(self) -> RowPredictions:
        """The predictions of the training rows; if streamed, of those with the highest losses."""
        return predict_prepared(self.fitted, self.data)

    @cached_property
    def validation(self) -> RowPredictions:
        """The same for the validation rows."""
        return predict_prepared(self.fitted, self.data, held_out=True)

    @cached_property
    def sampled(self) -> RowPredictions:
        """The predictions of a sample of the training rows, or of all."""
        return predict_rows(self.fitted, *self.data.sample())


class LinearFacts(RowFacts):
    """The facts of a linear model fitted by a solver.

    Attributes:
        steps: the mean training and validation losses step by step, in units of the response.
    """

    def __init__(
        self,
        data: Prepared,
        fitted: Fitted,
        coefficients: Coefficients,
        options: Options,
        steps: Sequence[tuple[float, float | None]],
    ) -> None:
        super().__init__(data, fitted)
        self.coefficients, self.options, self.steps = coefficients, options, steps

    @cached_property
    def history(self) -> list[Epoch]:
        """The losses step by step."""
        return [
            Epoch(step, self._nats(loss, loss), self._validation_nats(loss, held_out))
            for step, (loss, held_out) in enumerate(self.steps)
        ]

    @cached_property
    def loss(self) -> float:
        """The mean loss of the training rows, in nats."""
        return self._nats(self.steps[-1][0], self.steps[-1][0])

    @cached_property
    def validation_loss(self) -> float | None:
        """The same for the validation rows, if any."""
        return self._validation_nats(*self.steps[-1])

    @cached_property
    def statistics(self) -> Statistics:
        """The log-likelihood, the deviance, and derived statistics."""
        return statistics.of(
            self.objective,
            self.fitted,
            self.coefficients,
            self.options,
            statistics.Losses(self.loss, self.null_loss, self.steps[-1][0]),
        )

    def compute(self) -> None:
        """Compute all facts; if processes share the rows, all must take part."""
        for name in ("history", "loss", "validation_loss", "null_loss", "statistics", "training",
                     "validation", "deviations"):  # fmt: skip
            getattr(self, name)

    def _validation_nats(self, loss: float, held_out: float | None) -> float | None:
        return None if held_out is None else self._nats(held_out, loss, held_out=True)

    def _nats(self, loss: float, fitted: float, held_out: bool = False) -> float:
        """Return the mean loss of some rows in nats, with the dispersion of the training rows."""
        rows = objective_of(self.data, self.fitted.response, held_out)
        return rows.nats(loss, self.objective.dispersion(fitted))


class NetworkFacts(RowFacts, EpochLosses):
    """The facts of a trained model.

    Attributes:
        history: the mean losses after each epoch, in nats.
        step: the epoch of the model's weights.
    """

    def __init__(self, data: Prepared, fitted: Fitted, history: list[Epoch], step: int) -> None:
        super().__init__(data, fitted)
        self.history, self.step = history, step

    @property
    def statistics(self) -> Statistics:
        """Not defined for trained models.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "a network has no statistics of a linear model: its weights are not a maximum"
        )
