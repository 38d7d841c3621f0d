"""The other networks of an ensemble, for intervals of predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neglog.fitting.batches.batch import Batch
from neglog.fitting.network.intervals import Ensemble

_PREFIX = "ensemble."


@dataclass(frozen=True)
class Members:
    """Networks with different initial weights and, with a bootstrap, different rows.

    Attributes:
        models: the networks, of one architecture.
        bootstrap: whether each was fitted to rows drawn with replacement.
        level: the part of their predictions that lies in the intervals.
    """

    models: tuple[nn.Module, ...]
    bootstrap: bool
    level: float

    def interval(
        self, predict: Callable[[nn.Module, Batch], Tensor], batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Return the ends of the intervals: (N, K) for probabilities, (N, 1) for means.

        Args:
            predict: maps a network and a batch to these probabilities or means.
            batch: the rows.
        """

        def of(model: nn.Module) -> Callable[[Tensor], Tensor]:
            return lambda _: predict(model, batch)

        predictors = tuple(map(of, self.models))
        return Ensemble(predictors, self.bootstrap).interval(batch.y, self.level)

    def tensors(self) -> dict[str, Tensor]:
        """Return the stacked weights of the networks, each (count, …)."""
        states = [model.state_dict() for model in self.models]
        return {_PREFIX + name: torch.stack([s[name] for s in states]) for name in states[0]}


def split(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """Split the tensors of a file into the fitted network and the ensemble members."""
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(_PREFIX)}
    stacked = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(_PREFIX)
    }
    count = min((len(tensor) for tensor in stacked.values()), default=0)
    return weights, [{name: t[k] for name, t in stacked.items()} for k in range(count)]
