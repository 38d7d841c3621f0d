"""Responses with a dispersion that does not affect the weights and is estimated afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy import optimize, special
from torch import Tensor

from neglog.fitting.likelihoods.responses import (
    SMALLEST_SCALE,
    Mean,
    OneParameter,
    constant,
    standardised,
)
from neglog.fitting.likelihoods.row_losses import RowLosses


@dataclass(frozen=True, kw_only=True)
class Shaped(OneParameter):
    """A gamma target; the weights do not depend on the shape, which is estimated afterwards.

    The settings hold the shape 1; the dispersion is 1 / shape.
    """

    @property
    def fixes_variance(self) -> bool:
        """No: the dispersion is part of it."""
        return False

    def dispersion(self, loss: float, mean: Mean) -> float:
        """Return 1/shape, where ln shape − ψ(shape) is half the mean deviance."""
        half = loss - mean(lambda y: y.log() + 1.0)
        if half <= SMALLEST_SCALE:
            return SMALLEST_SCALE
        shape = optimize.brentq(
            lambda log_k: log_k - special.digamma(math.exp(log_k)) - half, -500.0, 500.0, xtol=1e-14
        )
        return math.exp(-shape)

    def covariance_scale(
        self, loss: float, rows: float, freedom: float, pearson: Callable[[], float]
    ) -> float:
        """Return Pearson's dispersion, as R does."""
        return pearson() / freedom

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the complete negative log-likelihoods."""
        assert dispersion is not None
        return loss / dispersion + constant(self.declaration, (1.0 / dispersion,), y)


@dataclass(frozen=True, kw_only=True)
class Location(OneParameter):
    """A location family; the weights do not depend on the scale, which is estimated afterwards.

    A loss at scale s is `row_losses`'s over s to the power of `degree`. The dispersion is s in the
    units of the table.
    """

    degree: float

    @property
    def has_normal_errors(self) -> bool:
        """Whether the losses are squared errors."""
        return self.degree == 2.0

    @property
    def fixes_variance(self) -> bool:
        """No: the scale is part of it."""
        return False

    @property
    def deviance_unit(self) -> float:
        """The unit of squared errors."""
        return self.spread * self.spread  # infinite, where ** would raise

    @property
    def weight_power(self) -> float:
        """The power of a precision that divides the errors' scale."""
        return 1 / self.degree

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Location:
        """Return the response standardised by the mean and standard deviation of the target."""
        centre, spread = standardised(y, weight)
        return replace(self, centre=centre, spread=spread)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return 0, the centre of the target."""
        return torch.zeros(1, dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the row losses and their derivatives at (N, 1) predictors."""
        return super().row_losses(output, shared, (y - self.centre) / self.spread)

    def dispersion(self, loss: float, mean: Mean) -> float:
        """Return the maximum-likelihood scale."""
        return self._scale(loss) * self.spread

    def _scale(self, loss: float) -> float:
        scale: float = (self.degree * loss) ** (1 / self.degree)
        return max(scale, SMALLEST_SCALE)

    def covariance_scale(
        self, loss: float, rows: float, freedom: float, pearson: Callable[[], float]
    ) -> float:
        """Return the errors' squared scale, of normal ones without the bias."""
        if self.has_normal_errors:
            return 2 * loss * rows / freedom
        return self._scale(loss) ** 2

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the complete negative log-likelihoods."""
        assert dispersion is not None
        scale = dispersion / self.spread
        constants = math.log(dispersion) + constant(self.declaration, self.settings, y)
        power: float = scale**self.degree
        return loss / power + constants

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return (N,) zeros."""
        return torch.zeros_like(y)
