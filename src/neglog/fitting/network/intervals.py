"""Intervals of a network's predictions, from an ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neglog.errors.options import FitOptionError
from neglog.fitting.network.randomness import mix_seed

WHY_NO_STANDARD_ERRORS = (
    "a network's weights have no standard errors: its hidden units can be permuted, and with most "
    "activations be scaled or change their signs, without a change of any prediction, so that the "
    "weights are not an isolated maximum of the likelihood and its Hessian is singular there; "
    "therefore intervals are given for predictions."
)

Model = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Ensemble:
    """Models of one table with different initial weights and, with a bootstrap, different rows.

    Attributes:
        models: what maps rows (N, P) to predictions (N, K), such as probabilities or means.
        bootstrap: whether each was fitted to rows drawn with replacement.
    """

    models: tuple[Model, ...]
    bootstrap: bool

    @torch.no_grad()
    def predictions(self, x: Tensor) -> Tensor:
        """Return the predictions of all models for rows (N, P): (count, N, K)."""
        return torch.stack([model(x) for model in self.models])

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean prediction for rows (N, P): (N, K)."""
        return self.predictions(x).mean(0)

    def interval(self, x: Tensor, level: float = 0.95) -> tuple[Tensor, Tensor]:
        """Return the lower and upper percentiles of the predictions for rows (N, P).

        They are intervals for what the model predicts, the probability or the mean, not for the
        target of a new row. With a bootstrap they take in that other rows might have been drawn;
        without one, only that the minimum found depends on the first weights.

        Args:
            x: (N, P) the rows.
            level: the part of the models between the two, in (0, 1).

        Returns:
            Two tensors (N, K).

        Raises:
            FitError: the level is invalid, or there are too few models for it.
        """
        if not 0.0 < level < 1.0:
            raise FitOptionError(f"level must lie between 0 and 1, but got {level!r}.")
        needed = fewest(level)
        if len(self.models) < needed:
            raise FitOptionError(
                f"percentiles at level {level:g} require {needed} models or more, but there are "
                f"{len(self.models)}; fit more, or pass a lower level."
            )
        tails = [(1 - level) / 2, (1 + level) / 2]
        # By the definition in which the k-th of n values is the k / (n + 1) quantile, so that the
        # interval holds its level already with few models.
        values = self.predictions(x).cpu().numpy()
        lower, upper = np.quantile(values, tails, axis=0, method="weibull")
        return torch.from_numpy(lower), torch.from_numpy(upper)


def ensemble(
    train_one: Callable[[int, Tensor], Model], rows: int, count: int, bootstrap: bool, seed: int = 0
) -> Ensemble:
    """Train several models of one table.

    Args:
        train_one: trains a model with a seed for its first weights, on rows by their numbers.
        rows: how many rows there are.
        count: how many models; the first of them are the same for any count.
        bootstrap: whether each is trained on as many rows drawn with replacement; else each is
            trained on all of them, and only the seeds differ.
        seed: decides the models' seeds and the rows drawn.

    Raises:
        FitError: there are fewer than two models.

    Example:
        >>> y = torch.tensor([1.0, 2.0, 3.0, 6.0])
        >>> def mean_of(seed, rows):
        ...     mean = y[rows].mean()
        ...     return lambda x: mean.expand(len(x), 1)
        >>> means = ensemble(mean_of, rows=4, count=39, bootstrap=True)
        >>> lower, upper = means.interval(torch.zeros(1, 1))
        >>> bool(lower < 3 < upper)
        True
    """
    if count < 2:
        raise FitOptionError(f"an ensemble requires 2 models or more, but got {count!r}.")
    models = []
    for member in range(count):
        chosen = torch.arange(rows)
        if bootstrap:
            generator = torch.Generator().manual_seed(mix_seed(seed, member, 1))
            chosen = torch.randint(rows, (rows,), generator=generator)
        models.append(train_one(mix_seed(seed, member, 0), chosen))
    return Ensemble(tuple(models), bootstrap)


def fewest(level: float) -> int:
    """Return the minimum number of models for percentiles at a level."""
    return int(np.ceil(round(2 / (1 - level), 9))) - 1
