"""The training and validation losses of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.likelihoods.responses import Response, average
from neglog.fitting.linear import objective as linear_objective
from neglog.fitting.linear import separation
from neglog.fitting.linear.null_model import mean_nats
from neglog.fitting.network.train import Trained
from neglog.fitting.network.training_objective import TrainingObjective
from neglog.fitting.running.outcome import Outcome, at_infinity
from neglog.translation import gettext as _

EMPTY = torch.zeros(0, dtype=torch.float64)


def dense(source: InMemoryRows) -> Tensor:
    """Return the encoded rows as (N, P)."""
    return torch.cat([batch.columns.dense()[:, :-1] for batch in source])


class Losses:
    """The training and validation losses of a model with its current weights."""

    def __init__(
        self,
        model: nn.Sequential,
        response: Response,
        training: InMemoryRows,
        held_out: InMemoryRows,
        x: Tensor,
    ) -> None:
        self.model, self.response, self.x = model, response, x
        self.y, self.weight = response.encode_target(training.y), training.weight
        self.offset = training.offset
        self.held_out, self.held_out_x = held_out, dense(held_out)
        self.training = training

    def objective(self) -> TrainingObjective:
        """Return the objective of the training."""
        return TrainingObjective(
            self.x, self.loss, self.mean_losses, self.weight_sum, lambda: not self.separates()
        )

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean loss of some rows, in units of the response."""
        selected = [None if t is None else t[rows] for t in (self.y, self.weight, self.offset)]
        y, weight, offset = selected
        assert y is not None
        return mean_loss(self.response, output, y, weight, offset)

    def mean(self, of: Callable[[Tensor], Tensor]) -> float:
        """Return the mean of a function of the target over the training rows."""
        return average(of(self.y), self.weight)

    def weight_sum(self, rows: Tensor) -> float:
        """Return the divisor of the mean loss of some rows."""
        return float(len(rows) if self.weight is None else self.weight[rows].sum())

    def mean_losses(self) -> tuple[float, float | None]:
        """Return the mean losses in nats, both with the dispersion of the training rows."""
        fitted = self._mean_loss()
        dispersion = self.response.dispersion(fitted, self.mean)
        training = mean_nats(self.response, fitted, self.y, self.weight, dispersion)
        if not self.held_out.rows:
            return training, None
        y = self.response.encode_target(self.held_out.y)
        loss = mean_loss(
            self.response,
            self.model(self.held_out_x),
            y,
            self.held_out.weight,
            self.held_out.offset,
        )
        return training, mean_nats(self.response, float(loss), y, self.held_out.weight, dispersion)

    def dispersion(self) -> float | None:
        """Return the maximum-likelihood dispersion of the current model."""
        return self.response.dispersion(self._mean_loss(), self.mean)

    @torch.no_grad()
    def _mean_loss(self) -> float:
        return float(mean_loss(self.response, self.model(self.x), self.y, self.weight, self.offset))

    @torch.no_grad()
    def separates(self) -> bool:
        """Return whether the most probable class is right in every training row."""
        output = self.model(self.x)
        return self.response.separates(output, self.y)

    def with_separation_note(self, trained: Trained) -> Outcome:
        """Add a note to the outcome if the loss of a network has no minimum."""
        outcome = trained.outcome
        if outcome.converged or not self.separates() or len(self.model) == 2:
            return outcome
        note = _("the network separates all training rows: its loss can approach 0 without end.")
        return replace(outcome, notes=[*outcome.notes, note])

    def separation_outcome(self, trained: Trained, names: Sequence[str]) -> Outcome | None:
        """Return the outcome of a separated linear model; else None."""
        if len(self.model) > 2 or trained.outcome.converged or not self.separates():
            return None
        source = replace(self.training, y=self.y)
        objective = linear_objective.Objective.of(self.response.with_reference(), source)
        separation_text = separation.separating_columns(
            objective, torch.arange(objective.size), names
        )
        return at_infinity(separation_text, trained.epoch, "epoch") if separation_text else None


def mean_loss(
    response: Response, output: Tensor, y: Tensor, weight: Tensor | None, offset: Tensor | None
) -> Tensor:
    """Return the mean loss without constants, in units of the response."""
    if offset is not None:
        predictors, constants = output.split(
            [response.outputs, output.shape[1] - response.outputs], 1
        )
        output = torch.cat([predictors + (offset / response.spread)[:, None], constants], 1)
    loss = response.training_losses(output, y)
    return loss.mean() if weight is None else (loss * weight).sum() / weight.sum()
