"""Responses of classes: two of them, proportions of two, and K."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from neglog import functional
from neglog.fitting.likelihoods import cones
from neglog.fitting.likelihoods.cones import Cone
from neglog.fitting.likelihoods.responses import OneParameter, Response
from neglog.fitting.likelihoods.row_losses import RowLosses, SoftmaxLosses


@dataclass(frozen=True, kw_only=True)
class Logistic(OneParameter):
    """The log-odds of one probability: proportions of trials, whose number is a row's weight.

    Losses are of one trial.
    """

    grouped: bool = True
    canonical: bool = True

    @property
    def is_logistic(self) -> bool:
        """Yes."""
        return True

    def training_losses(self, output: Tensor, y: Tensor) -> Tensor:
        """Return (N,) losses by the fused kernel."""
        return functional.binary_cross_entropy_with_logits(output[:, 0], y, reduction="none")

    def probabilities(self, output: Tensor, shared: Tensor) -> Tensor:
        """Return (N, 2) the probabilities of 0 and 1."""
        return torch.cat([torch.sigmoid(-output), torch.sigmoid(output)], 1)

    def separates(self, output: Tensor, y: Tensor) -> bool:
        """Whether each row has one label, and it is the more probable one."""
        labels = bool(((y == 0) | (y == 1)).all())
        return labels and bool(((output[:, 0] > 0) == (y > 0.5)).all())


@dataclass(frozen=True, kw_only=True)
class TwoClasses(Logistic):
    """Two classes, 0 and 1."""

    grouped: bool = False

    def labelled(self, labels: Sequence[Any]) -> Sequence[Any]:
        """Return the second class."""
        return labels[1:]

    @property
    def formulas(self) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
        """The shorter forms of `nll` and `grad`, which hold at labels."""
        return self.declaration.well_conditioned_nll, self.declaration.well_conditioned_grad


def log_orderings(y: Tensor, trials: Tensor) -> Tensor:
    """Return the logarithm of the binomial coefficient of y · trials successes."""
    yes = y * trials
    return (trials + 1).lgamma() - (yes + 1).lgamma() - (trials - yes + 1).lgamma()


@dataclass(frozen=True, kw_only=True)
class Classes(Response):
    """K classes as K − 1 linear predictors relative to a reference class, whose predictor is 0.

    The target holds class numbers; the reference is `base`, and the predictors are the other
    classes', in order. Without a reference there are K predictors, as of a network.
    """

    base: int | None

    @property
    def is_relative(self) -> bool:
        """Yes."""
        return True

    @property
    def is_separable(self) -> bool:
        """Yes."""
        return True

    def labelled(self, labels: Sequence[Any]) -> Sequence[Any]:
        """Return the classes that have a predictor."""
        return [labels[k] for k in self.modelled_classes]

    def with_reference(self) -> Response:
        """Return the response relative to the first class, if it has no reference."""
        return self if self.base is not None else replace(self, outputs=self.outputs - 1, base=0)

    def without_reference(self) -> Response:
        """Return the response with K outputs."""
        return replace(self, outputs=self.count, base=None)

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the class numbers."""
        return y

    @property
    def count(self) -> int:
        """The number of classes."""
        return self.outputs + (self.base is not None)

    @property
    def modelled_classes(self) -> list[int]:
        """The classes that have a linear predictor."""
        return [k for k in range(self.count) if k != self.base]

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the log-odds of the class frequencies."""
        class_weights = torch.bincount(y, weight, self.count).double()
        return class_weights[self.modelled_classes].log() - class_weights[self.base].log()

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the row losses and their derivatives at (N, K − 1) predictors."""
        log_p = torch.log_softmax(self.logits(output), 1)
        probabilities = log_p[:, self.modelled_classes].exp()
        truth = torch.nn.functional.one_hot(y, self.count)[:, self.modelled_classes]
        return SoftmaxLosses(
            -log_p.gather(1, y[:, None])[:, 0], probabilities - truth, probabilities
        )

    def logits(self, output: Tensor) -> Tensor:
        """Return (N, K) logits of all classes."""
        if self.base is None:
            return output
        base = torch.zeros_like(output[:, :1])
        return torch.cat([output[:, : self.base], base, output[:, self.base :]], 1)

    def training_losses(self, output: Tensor, y: Tensor) -> Tensor:
        """Return (N,) losses by the fused kernel."""
        return functional.cross_entropy(self.logits(output), y, reduction="none")

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses unchanged."""
        return loss

    def probabilities(self, output: Tensor, shared: Tensor) -> Tensor:
        """Return (N, K) the probabilities of the classes."""
        return torch.softmax(self.logits(output), 1)

    def separates(self, output: Tensor, y: Tensor) -> bool:
        """Whether each row's own class is the most probable one."""
        return bool((self.logits(output).argmax(1) == y).all())

    def cone(self, z: sparse.csr_array, y: np.ndarray) -> Cone:
        """Return the directions in which no true class loses its lead."""
        return cones.of_classes(self.modelled_classes, z, y)

    def table_weights(self, weights: np.ndarray, intercepts: np.ndarray) -> tuple[Any, Any]:
        """Return weights of all classes, each feature's summing to 0."""
        whole = [
            self.logits(torch.from_numpy(part).T).T.numpy()
            for part in (weights, intercepts[:, None])
        ]
        return whole[0] - whole[0].mean(0), (whole[1] - whole[1].mean(0))[:, 0]
