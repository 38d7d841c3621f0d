"""Responses: the distribution of a target given linear predictors, as required by a fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from neglog.fitting.likelihoods import cones
from neglog.fitting.likelihoods.cones import Cone
from neglog.fitting.likelihoods.links import (
    LINKS,
    is_exponential,
    of_mean,
    predictor,
    reaches_an_end,
)
from neglog.fitting.likelihoods.row_losses import OnePredictorLosses, RowLosses
from neglog.likelihood import Elementwise, Likelihood

EXACT = 1e-10
"""The scale of the errors, relative to the spread of the target, that is only rounding."""
SMALLEST_SCALE = 1e-12
Mean = Callable[[Callable[[Tensor], Tensor]], float]
"""Returns the (weighted) mean of a function of the target over all rows."""


def average(values: Tensor, weight: Tensor | None) -> float:
    """Return the (weighted) mean of (N,) values."""
    return float(values.mean() if weight is None else (values * weight).sum() / weight.sum())


def numbers(settings: Sequence[float]) -> list[Tensor]:
    """Return settings as formulas take them: primitives may round Python's floats."""
    return [torch.tensor(setting, dtype=torch.float64) for setting in settings]


def quantiles(values: Tensor, weight: Tensor | None, *levels: float) -> list[float]:
    """Return the (lower, weighted) quantiles of (N,) values."""
    values, order = values.sort()
    cumulative = (torch.ones_like(values) if weight is None else weight[order]).cumsum(0)
    at = torch.tensor(levels, dtype=cumulative.dtype) * cumulative[-1]
    return [float(value) for value in values[torch.searchsorted(cumulative, at)]]


def standardised(y: Tensor, weight: Tensor | None) -> tuple[float, float]:
    """Return the mean and the standard deviation of a target, without overflow."""
    size = float(y.abs().max())
    centre = average(y / size, weight) * size
    far = float((y - centre).abs().max())
    return centre, average(((y - centre) / far) ** 2, weight) ** 0.5 * far


def constant(declaration: type[Likelihood], settings: Sequence[float], y: Tensor) -> Tensor:
    """Return the constant that `nll` omits."""
    return torch.as_tensor(declaration.constant(*numbers(settings), y), dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Response:
    """A likelihood as required by fits, reports and predictions.

    Attributes:
        declaration: the likelihood.
        settings: fixed settings of the declaration, such as the level of a quantile.
        outputs: the number of linear predictors.
        shared: the names of the parameters shared by all rows.
        intercept: whether the predictors have an intercept.
        centre, spread: predictors and target are standardised by these.
        smooth: whether the loss is smooth enough for Newton's method.
        canonical: whether the Hessian does not depend on the target and equals the Fisher
            information.
        grouped: whether a row stands for as many trials as its weight declaration.
    """

    declaration: type[Likelihood]
    settings: tuple[float, ...] = ()
    outputs: int = 1
    shared: tuple[str, ...] = ()
    intercept: bool = True
    centre: float = 0.0
    spread: float = 1.0
    smooth: bool = True
    canonical: bool = False
    grouped: bool = False

    @property
    def link(self) -> str:
        """The name of the link function."""
        return str(self.declaration.link)

    @property
    def has_deviance(self) -> bool:
        """Whether there is a model that meets every row's own target, to compare with."""
        return True

    @property
    def has_pearson(self) -> bool:
        """Whether a target has a mean and a variance, which Pearson's statistic needs."""
        return False

    @property
    def has_normal_errors(self) -> bool:
        """Whether the errors are normal, of one scale: then t statistics and R² are exact."""
        return False

    @property
    def has_information(self) -> bool:
        """Whether the Fisher information has a formula."""
        return not self.shared

    @property
    def deviance_unit(self) -> float:
        """The unit of the losses that a deviance is twice the sum of."""
        return 1.0

    @property
    def fixes_variance(self) -> bool:
        """Whether the mean alone determines the variance, which ``quasi`` relaxes."""
        return False

    @property
    def is_logistic(self) -> bool:
        """Whether the predictor is the log-odds of one probability, as Firth's penalty requires."""
        return False

    @property
    def is_relative(self) -> bool:
        """Whether the weights of several outputs only matter relative to each other."""
        return False

    @property
    def learns_constants(self) -> bool:
        """Whether `training_losses` takes the shared parameters after the predictor, row by row."""
        return False

    @property
    def is_separable(self) -> bool:
        """Whether the likelihood may have its maximum at infinity; `cone` says in which case."""
        return False

    @property
    def weight_power(self) -> float:
        """Which power of a row's precision its density is multiplied by, as of a scale."""
        return 0.0

    @property
    def squares(self) -> Response | None:
        """Squared errors in the same units, if their fit may be exact and the scale then 0."""
        return None

    def at_no_error(self, shared: Tensor) -> Tensor:
        """Return the shared parameters to report if the errors' scale is 0."""
        return shared

    @property
    def shared_in_table_units(self) -> float:
        """The shift of the shared parameters from standardised units to table units."""
        return 0.0

    def labelled(self, labels: Sequence[Any]) -> Sequence[Any]:
        """Return the labels whose predictors the outputs are; none if they are of the target."""
        return ()

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Response:
        """Return the response standardised to the target, if its errors have a scale."""
        return self

    def with_reference(self) -> Response:
        """Return the response with as many outputs as the rows determine."""
        return self

    def without_reference(self) -> Response:
        """Return the response with an output for each class, as a network has them."""
        return self

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the target as the formulas require it."""
        return y.double()

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return initial values: (outputs,) intercepts, then (Q,) shared parameters."""
        raise NotImplementedError

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the row losses and their derivatives at (N, outputs) predictors."""
        raise NotImplementedError

    def training_losses(self, output: Tensor, y: Tensor) -> Tensor:
        """Return (N,) `row_losses`'s losses, differentiable, if nothing is shared."""
        return self.row_losses(output, torch.zeros(0, dtype=torch.float64), y).nll

    def dispersion(self, loss: float, mean: Mean) -> float | None:
        """Return the maximum-likelihood dispersion, given the mean of `row_losses`.

        None where the likelihood has none, or has it among the shared parameters.
        """
        return None

    def covariance_scale(
        self, loss: float, rows: float, freedom: float, pearson: Callable[[], float]
    ) -> float:
        """Return the factor of the inverse information.

        Args:
            loss: the mean of `row_losses`'s losses.
            rows: the sum of the weights.
            freedom: the residual degrees of freedom.
            pearson: returns Pearson's statistic, in the units of `row_losses`.
        """
        return 1.0

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the complete negative log-likelihoods, given `row_losses`."""
        return loss + constant(self.declaration, self.settings, y)

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return (N,) the losses of the saturated model."""
        return torch.zeros(len(y), dtype=torch.float64)

    def edge(self, shared: Tensor, information: Tensor) -> str:
        """Explain why shared parameters are at a boundary without a maximum; "" if they are not.

        Args:
            shared: (Q,) the parameters.
            information: (Q,) their observed information: the second derivatives of the loss of all
                rows.
        """
        return ""

    def arguments(self, eta: Tensor, shared: Tensor) -> list[Tensor]:
        """Return the arguments of the formulas before the target, given (N,) predictors."""
        return [eta, *numbers(self.settings)]

    def pearson(self, output: Tensor, shared: Tensor, y: Tensor) -> Tensor:
        """Return (N,) squared errors over the variances, if `has_pearson`."""
        raise NotImplementedError

    def mean(self, output: Tensor) -> Tensor:
        """Return (N,) the target's expected value (or median, or quantile)."""
        return LINKS[self.link].mean(output[:, 0] * self.spread + self.centre)

    def probabilities(self, output: Tensor, shared: Tensor) -> Tensor:
        """Return (N, K) the probabilities of the classes."""
        raise NotImplementedError

    def separates(self, output: Tensor, y: Tensor) -> bool:
        """Whether each row's own class is the most probable one."""
        return False

    def cone(self, z: sparse.csr_array, y: np.ndarray) -> Cone:
        """Return the directions of the weights in which no row's loss rises, if separable."""
        raise NotImplementedError

    def table_weights(self, weights: np.ndarray, intercepts: np.ndarray) -> tuple[Any, Any]:
        """Return (K, P) weights and (K,) intercepts as they are reported."""
        return weights, intercepts


@dataclass(frozen=True, kw_only=True)
class OneParameter(Response):
    """One linear predictor and declared derivatives, such as Poisson."""

    declaration: type[Elementwise]

    @property
    def has_deviance(self) -> bool:
        """Whether the declaration is of an exponential family."""
        return is_exponential(self.declaration)

    @property
    def has_information(self) -> bool:
        """Whether the declaration states its information, or its curvature is that."""
        return hasattr(self.declaration, "information")

    @property
    def fixes_variance(self) -> bool:
        """Whether the declaration is of an exponential family."""
        return self.has_pearson

    @property
    def is_separable(self) -> bool:
        """Whether a target may lie at an end of the link's range, which no predictor reaches."""
        return reaches_an_end(self.declaration)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the link of the target's mean."""
        return torch.tensor([of_mean(self.link, average(y, weight))], dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the row losses and their derivatives at (N, 1) predictors."""
        declaration, arguments = self.declaration, (output[:, 0], *numbers(self.settings))
        nll, grad = self.formulas
        return OnePredictorLosses(
            nll(*arguments, y),
            grad(*arguments, y)[:, None].to(y.dtype),
            lambda: declaration.curvature(*arguments, y) + torch.zeros_like(y),
            lambda: declaration.information(*arguments) + torch.zeros_like(y),
        )

    @property
    def formulas(self) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
        """The declared `nll` and `grad`."""
        return self.declaration.nll, self.declaration.grad

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return the losses of the saturated model."""
        best: Tensor = self.declaration.nll(predictor(self.link, y), *numbers(self.settings), y)
        return best

    @property
    def has_pearson(self) -> bool:
        """Whether the declaration is of an exponential family, of known information."""
        return self.has_deviance and self.has_information

    def pearson(self, output: Tensor, shared: Tensor, y: Tensor) -> Tensor:
        """Return (N,) squared errors over the variances, which are slope² / information."""
        return pearson(self, self.mean(output), self.arguments(output[:, 0], shared), y)

    def cone(self, z: sparse.csr_array, y: np.ndarray) -> Cone:
        """Return the directions that move targets at an end of the link's range towards it."""
        return cones.of_means(self.link, z, y)


def pearson(response: Response, mean: Tensor, arguments: Sequence[Tensor], y: Tensor) -> Tensor:
    """Return (N,) squared errors over the variances, which are slope² / information."""
    information = response.declaration.information(*arguments)
    slope = LINKS[response.link].slope(arguments[0])
    squares: Tensor = (y - mean).square() * information / slope.square()
    return squares
