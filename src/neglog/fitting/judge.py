"""What a fitted model says of rows: the prediction, the probabilities, the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neglog.fitting.objective import Objective, probabilities
from neglog.fitting.result import Rows
from neglog.fitting.targets import Target, objects


@torch.no_grad()
def judge(
    model: nn.Module,
    target: Target,
    sigma: float | None,
    index: np.ndarray[Any, Any],
    x: Tensor,
    truth: np.ndarray[Any, Any] | None,
) -> Rows:
    """Predict rows, and weigh the predictions where the truth is known.

    Args:
        model: maps x to the likelihood's input.
        target: the likelihood and its classes.
        sigma: the errors' standard deviation, for a normal target.
        index: (N,) the rows' numbers in the table.
        x: (N, P) the encoded rows.
        truth: (N,) the target, None where a row has none; or None altogether.
    """
    output = model(x)
    chances = probabilities(target.likelihood, output)
    if target.classes is None:
        predicted = output[:, 0].numpy()
    else:
        predicted = objects([target.classes[k] for k in chances.argmax(1)])
    loss = np.full(len(x), np.nan)
    if truth is None:
        truth = objects([None] * len(x))
    known = np.array([value is not None and value == value for value in truth], dtype=bool)
    if known.any():
        objective = Objective(target.likelihood, target.classes or ())
        y = target.encode(truth[known])
        loss[known] = objective.row_nats(output[torch.from_numpy(known)], y, sigma).numpy()
    return Rows(index, truth, predicted, chances, loss)
