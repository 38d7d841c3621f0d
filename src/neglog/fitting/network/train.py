"""Train a network from its first epoch, or from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from neglog.errors.options import FitCombinationError
from neglog.fitting.network.checkpoint import Checkpoint, fingerprint
from neglog.fitting.network.schedule import Schedule
from neglog.fitting.network.settings import Settings
from neglog.fitting.network.team import Team
from neglog.fitting.network.training_objective import TrainingObjective, gradient_norm
from neglog.fitting.network.training_run import TrainingRun
from neglog.fitting.running.outcome import Outcome
from neglog.fitting.running.progress import Epoch, Listener
from neglog.translation import gettext as _

Ending = Literal["stationary", "patience", "epochs", "interrupted"]


@dataclass(frozen=True)
class Trained:
    """The result of a training; the weights are in the model.

    Attributes:
        outcome: whether the minimum was reached, and what ended the training.
        ending: the same in one word.
        epoch: the epoch of the model's weights.
        gradient_norm: the Euclidean norm of the mean loss's gradient there, without dropout.
        history: the mean losses after each epoch, from 0, the start.
    """

    outcome: Outcome
    ending: Ending
    epoch: int
    gradient_norm: float
    history: list[Epoch]


def train(
    model: nn.Sequential,
    objective: TrainingObjective,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule | None = None,
    settings: Settings | None = None,
    listener: Listener | None = None,
    checkpoint: Checkpoint | None = None,
    team: Team | None = None,
) -> Trained:
    """Minimise a loss over the weights of a model, in place.

    The same seed gives the same weights, to the last bit, on the same machine with the same torch
    and as many threads; also where the training was killed, and resumed from its checkpoint.

    Args:
        model: maps rows (N, P) to outputs (N, K).
        objective: the rows and their loss.
        optimizer: of the model's weights.
        schedule: of the optimizer's learning rate; it must have been made for as many epochs.
        settings: how the training goes.
        listener: is notified of the losses after each epoch.
        checkpoint: the checkpoint file, from which a killed training resumes.
        team: the processes that train the model together; by default, this one alone.

    Raises:
        FitError: the loss is not finite, the options do not fit together, or the
            checkpoint is not of this training.

    Example:
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0]])
        >>> model = nn.Sequential(nn.Linear(1, 1))
        >>> loss = lambda output, rows: (output - y[rows]).square().mean()
        >>> losses = lambda: (float(loss(model(x), torch.arange(3))), None)
        >>> objective = TrainingObjective(x, loss, losses)
        >>> found = train(model, objective, torch.optim.LBFGS(model.parameters()))
        >>> model(torch.tensor([[10.0]])).round()
        tensor([[21.]], grad_fn=<RoundBackward0>)
    """
    settings = settings or Settings()
    listener = listener or Listener()
    run = TrainingRun(
        model, objective, optimizer, schedule or Schedule(), settings, team or Team(model)
    )
    writer = None if checkpoint is None else _CheckpointWriter(run, checkpoint)
    if writer is None:
        run.note()
    else:
        writer.begin()
    listener.start(settings.epochs)
    try:
        while (ending := _ending(run)) is None:
            run.step()
            listener.step(run.history[-1])
            if writer is not None:
                writer.after_epoch()
        if writer is not None:
            writer.at_end()
    except KeyboardInterrupt:
        run.restore_epoch()
        ending = "interrupted"
    finally:
        listener.stop()
    return _trained(run, ending)


def _ending(run: TrainingRun) -> Ending | None:
    """Return the reason to stop, if any."""
    settings = run.settings
    if settings.patience is not None:
        if run.history[-1].validation is None:
            raise FitCombinationError(
                "patience requires held-out rows; pass a larger --validation."
            )
        if run.epoch - run.best.epoch >= settings.patience:
            return "patience"
    if settings.tolerance and run.epoch:
        norm = gradient_norm(run.model, run.objective, run.team)
        if norm < settings.tolerance and run.objective.is_minimum():
            return "stationary"
    return "epochs" if run.epoch >= settings.epochs else None


def _trained(run: TrainingRun, ending: Ending) -> Trained:
    """Choose the final weights, and describe the outcome."""
    epoch = run.epoch
    if run.settings.patience is not None and ending in {"patience", "epochs"}:
        run.load_best_weights()
        epoch = run.best.epoch
    norm = gradient_norm(run.model, run.objective, run.team)
    text = _text(run, ending, norm)
    return Trained(Outcome(ending == "stationary", text), ending, epoch, norm, run.history)


def _text(run: TrainingRun, ending: Ending, norm: float) -> str:
    best = _("the weights of epoch {epoch}, of the least, {loss} nats, are kept.").format(
        epoch=run.best.epoch, loss=f"{run.best.loss:.6g}"
    )
    epochs = _("{count} epochs") if run.epoch != 1 else _("{count} epoch")
    epochs = epochs.format(count=run.epoch)
    if ending == "interrupted":
        text = _("Ctrl-C after step {count}; the weights of that step are kept.")
        return text.format(count=run.epoch)
    if ending == "stationary":
        text = _("the derivative is zero (below {tolerance}), after {epochs}.")
        return text.format(tolerance=f"{run.settings.tolerance:g}", epochs=epochs)
    if ending == "patience":
        text = _(
            "the validation loss has not fallen for {count} epochs, stopped after {epochs}; {best}"
        )
        return text.format(count=run.settings.patience, epochs=epochs, best=best)
    if run.settings.patience is not None:
        text = _("all {epochs} were run, while the validation loss fell now and then; {best}")
        return text.format(epochs=epochs, best=best)
    text = _("all {epochs} were run; the derivative's norm is {norm}, not 0.")
    return text.format(epochs=epochs, norm=f"{norm:.2g}")


class _CheckpointWriter:
    """Writes the checkpoints of a training."""

    def __init__(self, run: TrainingRun, checkpoint: Checkpoint) -> None:
        self.run, self.checkpoint = run, checkpoint
        self.facts = {name: fingerprint(fact) for name, fact in checkpoint.facts.items()}
        self.facts |= run.facts()

    def begin(self) -> None:
        """Resume from the file if requested and present; else write the initial state."""
        saved = self.checkpoint.read(self.facts)
        self.run.team.agree(True)  # before one of them writes, all have looked
        if saved is not None:
            self.run.restore(saved)
        else:
            self.run.note()
            self._write()

    def after_epoch(self) -> None:
        """Write the file if it is due."""
        if self.run.team.agree(self.checkpoint.is_due(self.run.epoch)):
            self._write()

    def at_end(self) -> None:
        """Write the final state."""
        if self.run.team.agree(self.checkpoint.epoch != self.run.epoch):
            self._write()

    def _write(self) -> None:
        state = self.run.state()
        if self.run.team.rank == 0:
            self.checkpoint.write(state, self.facts, self.run.epoch)
