"""Who hears of a fit's steps while it runs."""

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
    """Hears the steps by name, then the losses; this one keeps quiet."""

    @property
    def needs_losses(self) -> bool:
        """Whether anything becomes of the losses, which have to be computed."""
        return type(self).step is not Listener.step

    def message(self, step: str, text: str) -> None:
        """Hear what a step (data, model, loss, optimizer, minimise) consists of, or a note."""

    def start(self, limit: int) -> None:
        """Hear that the minimisation begins, and its most steps."""

    def step(self, epoch: Epoch) -> None:
        """Hear the losses after a step."""

    def stop(self) -> None:
        """Hear that the minimisation has ended, however it did."""


class SilentListener(Listener):
    """Keeps quiet beside the first of several processes.

    It hears as much as that one's listener does, since the losses of a step take all of them.
    """

    def __init__(self, needs_losses: bool) -> None:
        self._needs_losses = needs_losses

    @property
    def needs_losses(self) -> bool:
        """Whether the first process's listener hears of the losses."""
        return self._needs_losses
