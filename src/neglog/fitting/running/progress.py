"""Listeners of a running fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """The mean losses after one step of the minimiser, in nats; step 0 is the start."""

    step: int
    training: float
    validation: float | None


class EpochLosses:
    """The losses of the epoch whose weights a model has.

    Attributes:
        history: the mean losses after each epoch, in nats.
        step: the epoch.
    """

    history: Sequence[Epoch]
    step: int

    @property
    def loss(self) -> float:
        """The mean loss of the training rows, in nats."""
        return self.history[self.step].training

    @property
    def validation_loss(self) -> float | None:
        """The mean loss of the validation rows; None without any."""
        return self.history[self.step].validation


class Listener:
    """The base class of listeners, which ignores all events."""

    @property
    def needs_losses(self) -> bool:
        """Whether the listener uses the losses, which are costly to compute."""
        return type(self).step is not Listener.step

    def message(self, step: str, text: str) -> None:
        """Report a step (data, model, loss, optimizer, minimise), or a note."""

    def describe(self, model: str, loss: str, optimizer: str) -> None:
        """Send what is minimised, and how, as messages."""
        for step, text in (("model", model), ("loss", loss), ("optimizer", optimizer)):
            self.message(step, text)

    def start(self, limit: int) -> None:
        """Report the start of the minimisation, and its maximum number of steps."""

    def step(self, epoch: Epoch) -> None:
        """Report the losses after a step."""

    def stop(self) -> None:
        """Report the end of the minimisation."""


class SilentListener(Listener):
    """The listener of all processes but the first.

    It requires the same losses as the first, since all processes take part in computing them.
    """

    def __init__(self, needs_losses: bool) -> None:
        self._needs_losses = needs_losses

    @property
    def needs_losses(self) -> bool:
        """Whether the listener of the first process uses the losses."""
        return self._needs_losses
