"""The state of a training between epochs, and the step to the next epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, astuple
from typing import Any

import torch
from torch import Tensor, nn

from neglog.errors import FitError
from neglog.errors.options import DivergenceError, FitCombinationError
from neglog.fitting.network import optimizer_state as state
from neglog.fitting.network.checkpoint import fingerprint
from neglog.fitting.network.randomness import mix_seed, seeded
from neglog.fitting.network.schedule import Schedule
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.stopping import BestEpoch, Weights
from neglog.fitting.network.team import Team
from neglog.fitting.network.training_objective import TrainingObjective
from neglog.fitting.running.progress import Epoch

_ORDER, _DROPOUT = range(2)


class TrainingRun:
    """Train a model epoch by epoch.

    Each epoch's random numbers follow from the seed and the epoch's number, so that no generator
    has a state that would outlive an epoch.
    """

    def __init__(
        self,
        model: nn.Sequential,
        objective: TrainingObjective,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        settings: Settings,
        team: Team,
    ) -> None:
        if isinstance(optimizer, torch.optim.LBFGS):
            _check_for_lbfgs(model, team)
        self.model, self.objective, self.optimizer = model, objective, optimizer
        self.schedule, self.settings, self.team = schedule, settings, team
        self.rows = torch.arange(len(objective.x), device=objective.x.device)
        self.best = BestEpoch(settings.min_delta)
        self.history: list[Epoch] = []
        self.kept: tuple[int, Weights] = (0, {})

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""
        return len(self.history) - 1

    def note(self) -> Epoch:
        """Record the losses of the current weights.

        Raises:
            FitError: the training loss is not finite.
        """
        self.model.eval()
        with torch.no_grad():
            training, validation = self.objective.losses()
        number = len(self.history)
        if not math.isfinite(training):
            raise _diverged(number)
        weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        if validation is not None:
            self.best.update(number, validation, weights)
        self.history.append(Epoch(number, training, validation))
        self.kept = (number, weights)
        return self.history[-1]

    def restore_epoch(self) -> None:
        """Undo the weight changes of an incomplete epoch."""
        epoch, weights = self.kept
        self.model.load_state_dict(weights)
        del self.history[epoch + 1 :]

    def load_best_weights(self) -> None:
        """Load the weights of the lowest validation loss."""
        self.model.load_state_dict(self.best.weights)

    def step(self) -> None:
        """Run an epoch.

        Raises:
            FitError: the loss is not finite.
        """
        number = self.epoch + 1
        self.model.train()
        total = torch.zeros((), dtype=torch.float64, device=self.rows.device)
        with seeded(self.rows.device, self._seed(number, _DROPOUT, self.team.rank)):
            for rows in self._batches(number):
                total += self._optimizer_step(rows)
        if not math.isfinite(float(total)):
            raise _diverged(number)
        epoch = self.note()
        loss = epoch.training if epoch.validation is None else epoch.validation
        self.schedule.after_epoch(loss)

    def _batches(self, number: int) -> Iterator[Tensor]:
        size = self.settings.rows(self.optimizer, len(self.rows))
        if size == len(self.rows):
            yield self.rows
            return
        generator = torch.Generator().manual_seed(self._seed(number, _ORDER))
        order = torch.randperm(len(self.rows), generator=generator)
        yield from torch.split(order.to(self.rows.device), size)

    def _seed(self, *key: int) -> int:
        return mix_seed(self.settings.seed, *key)

    def _optimizer_step(self, rows: Tensor) -> Tensor:
        """Take a step of the optimizer; return the loss before it."""
        shard = self.team.shard(rows)
        x = self.objective.x if shard is self.rows else self.objective.x[shard]
        part = self._part(shard, rows)
        losses: list[Tensor] = []

        def closure() -> Any:
            self.optimizer.zero_grad()
            output = self.team.module(x)
            loss = self.objective.loss(output, shard) * part if len(shard) else output.sum() * 0
            loss.backward()
            losses.append(self.team.mean(loss.detach()))
            return losses[-1]

        self.optimizer.step(closure)
        self.schedule.after_batch()
        return losses[0]

    def _part(self, shard: Tensor, rows: Tensor) -> float:
        """Return the factor that makes the mean over processes the mean over rows."""
        if self.team.size == 1:
            return 1.0
        return self.team.size * self.objective.weight_sum(shard) / self.objective.weight_sum(rows)

    def facts(self) -> dict[str, str]:
        """Return the facts that must be equal to resume a training."""
        text = " ".join(repr(self.model).split())
        weights = self._gathered(self.model.state_dict()).values()
        values = {
            **asdict(self.settings),
            "device": self.rows.device,
            "features": self.objective.x,
            "optimizer": (type(self.optimizer).__name__, self.optimizer.defaults),
            "schedule": self.schedule.text,
            "model": text,
            "first weights": torch.cat([weight.reshape(-1).double() for weight in weights]),
        }
        return {name: fingerprint(value) for name, value in values.items()}

    def state(self) -> dict[str, Any]:
        """Return the complete state for the next epoch."""
        return {
            "model": self._gathered(self.kept[1]),
            "optimizer": state.get_state(self.optimizer, self.team),
            "schedule": self.schedule.state(),
            "history": [list(astuple(epoch)) for epoch in self.history],
            "best": [self.best.epoch, self.best.loss, self._gathered(self.best.weights)],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore the result of `state`."""
        self.history = [Epoch(*losses) for losses in saved["history"]]
        self.kept = (self.epoch, self._scattered(saved["model"]))
        self.model.load_state_dict(self.kept[1])
        state.set_state(self.optimizer, saved["optimizer"], self.team)
        self.schedule.restore(saved["schedule"])
        self.best.epoch, self.best.loss, weights = saved["best"]
        self.best.weights = self._scattered(weights)

    def _gathered(self, weights: Weights) -> Weights:
        return {name: self.team.gather(tensor) for name, tensor in weights.items()}

    def _scattered(self, weights: Weights) -> Weights:
        state = self.model.state_dict()
        return {name: self.team.scatter(whole, state[name]) for name, whole in weights.items()}


def _check_for_lbfgs(model: nn.Module, team: Team) -> None:
    if any(
        isinstance(module, nn.RReLU) or (isinstance(module, nn.Dropout) and module.p > 0)
        for module in model.modules()
    ):
        raise FitCombinationError(
            "lbfgs compares losses at different weights, but with dropout they differ by chance; "
            "choose adam, or leave out dropout."
        )
    if team.sharded:
        raise FitCombinationError(
            "lbfgs requires all weights in one vector, but fsdp2 shards them; choose adam, or ddp."
        )


def _diverged(epoch: int) -> FitError:
    if epoch == 0:
        return DivergenceError(
            "the loss of the first weights is not finite; look for infinite or huge values "
            "among the features."
        )
    return DivergenceError(
        f"the loss is not finite in epoch {epoch}: the steps are too long; pass a "
        "smaller learning rate with --lr."
    )
