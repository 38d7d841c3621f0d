"""The objective of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neglog.fitting.network.team import Team

_CHUNK = 65_536


@dataclass(frozen=True)
class TrainingObjective:
    """What is minimised.

    Attributes:
        x: (N, P) the rows, in the model's dtype and on its device.
        loss: maps the model's output for some rows, and their numbers in x, to the mean loss.
        losses: returns the mean losses of the training and the validation rows, in nats, for the
            current model; the latter is None without validation rows.
        weight_sum: maps numbers of rows to what their mean loss divides by: how many they are, or
            the sum of their weights.
        is_minimum: asked where the gradient vanishes, which it also does on the way to infinity.
    """

    x: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    losses: Callable[[], tuple[float, float | None]]
    weight_sum: Callable[[Tensor], float] = len
    is_minimum: Callable[[], bool] = lambda: True


def gradient_norm(
    model: nn.Module, objective: TrainingObjective, team: Team | None = None
) -> float:
    """Return the Euclidean norm of the gradient of the mean loss, without dropout."""
    team = team or Team(model)
    model.eval()
    model.zero_grad()
    rows = torch.arange(len(objective.x), device=objective.x.device)
    total = objective.weight_sum(rows)
    for part in torch.split(rows, _CHUNK):
        fraction = objective.weight_sum(part) / total
        (objective.loss(model(objective.x[part]), part) * fraction).backward()
    gradients = [team.gather(p.grad) for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
