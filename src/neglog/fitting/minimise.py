"""The fourth step: run a minimiser, note the losses, keep what was reached if it is cut short."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from neglog.fitting.listener import Listener
from neglog.fitting.objective import Objective
from neglog.fitting.outcome import Outcome
from neglog.fitting.result import Epoch


class Minimiser(Protocol):
    """Changes a model's weights step by step."""

    limit: int

    def steps(self) -> Iterator[Outcome | None]:
        """Yield None after each step, and at last the outcome."""


@dataclass(frozen=True)
class Part:
    """Encoded rows and their targets, in the minimisers' units."""

    x: Tensor
    y: Tensor


def minimise(
    minimiser: Minimiser,
    model: nn.Module,
    objective: Objective,
    training: Part,
    validation: Part,
    listener: Listener,
) -> tuple[Outcome, list[Epoch], bool]:
    """Run a minimiser; return its outcome, the losses, and whether Ctrl-C cut it short."""
    history = [_losses(0, model, objective, training, validation)]
    reached = copy.deepcopy(model.state_dict())
    interrupted = False
    listener.start(minimiser.limit)
    try:
        for outcome in minimiser.steps():
            if outcome is not None:
                break
            history.append(_losses(len(history), model, objective, training, validation))
            reached = copy.deepcopy(model.state_dict())
            listener.step(history[-1])
    except KeyboardInterrupt:
        model.load_state_dict(reached)
        interrupted = True
        steps = len(history) - 1
        outcome = Outcome(False, f"Ctrl-C after step {steps}; the weights of that step are kept.")
    finally:
        listener.stop()
    assert outcome is not None
    return outcome, history, interrupted


@torch.no_grad()
def _losses(
    step: int, model: nn.Module, objective: Objective, training: Part, validation: Part
) -> Epoch:
    fitted = float(objective.loss(model(training.x), training.y))
    held = None
    if len(validation.x):
        held = objective.nats(float(objective.loss(model(validation.x), validation.y)), fitted)
    return Epoch(step, objective.nats(fitted, fitted), held)
