"""Responses with shared parameters of their own: a scale, thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from neglog import likelihoods
from neglog.fitting.likelihoods import cones
from neglog.fitting.likelihoods.cones import Cone
from neglog.fitting.likelihoods.responses import EXACT, Response, constant, numbers, quantiles
from neglog.fitting.likelihoods.row_losses import SharedParameterLosses
from neglog.fitting.likelihoods.scaled import Location
from neglog.likelihood import Elementwise


@dataclass(frozen=True, kw_only=True)
class Robust(Response):
    """A number with Huber errors; the logarithm of their scale is shared."""

    declaration: type[Elementwise]
    shared: tuple[str, ...] = ("ln scale",)

    @property
    def shared_in_table_units(self) -> float:
        """The logarithm of the unit of the scale."""
        return math.log(self.spread)

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Robust:
        """Return the response standardised by the median and MAD of the target."""
        (centre,) = quantiles(y, weight, 0.5)
        (spread,) = quantiles((y - centre).abs(), weight, 0.5)
        spread = spread or float((y - centre).abs().mean())
        return Robust(
            declaration=self.declaration, settings=self.settings, centre=centre, spread=spread
        )

    @property
    def has_deviance(self) -> bool:
        """No: the scale is estimated with the weights."""
        return False

    @property
    def squares(self) -> Response:
        """Squared errors, in the same units."""
        return Location(
            declaration=likelihoods.Normal, degree=2.0, centre=self.centre, spread=self.spread
        )

    def at_no_error(self, shared: Tensor) -> Tensor:
        """Return the logarithm of a scale that is only rounding."""
        return torch.full_like(shared, math.log(EXACT))

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the initial centre and log scale, 0 in standardised units."""
        return torch.zeros(2, dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> SharedParameterLosses:
        """Return the rows' losses, all but a constant, and derivatives."""
        inverse = float((-shared[0]).exp())
        eta, y = output[:, 0] * inverse, (y - self.centre) / self.spread * inverse
        declaration, arguments, error = self.declaration, (eta, *numbers(self.settings), y), eta - y
        slope, curvature = (
            declaration.grad(*arguments),
            declaration.curvature(*arguments) + torch.zeros_like(y),
        )
        edge = -(slope + curvature * error) * inverse
        scale_curvature = slope * error + curvature * error.square()
        lines = torch.stack([curvature * inverse * inverse, edge, edge, scale_curvature], 1)
        return SharedParameterLosses(
            declaration.nll(*arguments) + shared[0],
            torch.stack([slope * inverse, 1 - slope * error], 1),
            lines.reshape(-1, 2, 2),
        )

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the complete negative log-likelihoods."""
        constants = math.log(self.spread) + constant(self.declaration, self.settings, y)
        return loss + constants


@dataclass(frozen=True, kw_only=True)
class Ordered(Response):
    """K ordered classes: a latent logistic variable with K − 1 shared thresholds.

    P(class ≤ k) = σ(threshold_k − predictor). The target holds class numbers; the declaration is
    that of an interval.
    """

    declaration: type[Elementwise]
    intercept: bool = False

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the class numbers."""
        return y

    @property
    def link(self) -> str:
        """The cumulative logit."""
        return "cumulative logit"

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the log-odds of the cumulative class frequencies."""
        cumulative = torch.bincount(y, weight, len(self.shared) + 1).double().cumsum(0)
        below = cumulative[:-1] / cumulative[-1]
        return torch.cat([torch.zeros(1, dtype=torch.float64), torch.logit(below)])

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> SharedParameterLosses:
        """Return the row losses and their derivatives, chained from those of the two bounds."""
        end = torch.full((1,), torch.inf, dtype=torch.float64)
        bounds = torch.cat([-end, shared, end])
        lower, upper = bounds[y] - output[:, 0], bounds[y + 1] - output[:, 0]
        within = torch.ones_like(lower)
        declaration, arguments = self.declaration, (lower, upper, within)
        chain = self._chain(y)
        slope = torch.stack([torch.nan_to_num(part) for part in declaration.grad(*arguments)], 1)
        aa, ab, bb = (torch.nan_to_num(part) for part in declaration.curvature(*arguments))
        inner = torch.stack([aa, ab, ab, bb], 1).reshape(-1, 2, 2)
        return SharedParameterLosses(
            declaration.nll(*arguments),
            torch.einsum("nb,nbr->nr", slope, chain),
            torch.einsum("nbr,nbc,ncs->nrs", chain, inner, chain),
        )

    def _chain(self, y: Tensor) -> Tensor:
        """Return (N, 2, K): the derivatives of the bounds by predictor and thresholds."""
        count = len(self.shared)
        chain = torch.zeros(len(y), 2, count + 3, dtype=torch.float64)
        chain[:, :, 0] = -1.0
        rows = torch.arange(len(y))
        chain[rows, 0, y + 1] = 1.0  # the first and the last threshold are −∞ and ∞
        chain[rows, 1, y + 2] = 1.0
        return torch.cat([chain[:, :, :1], chain[:, :, 2:-1]], 2)

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses unchanged."""
        return loss

    def probabilities(self, output: Tensor, shared: Tensor) -> Tensor:
        """Return (N, K) the probabilities of falling between one threshold and the next."""
        below = torch.sigmoid(shared - output)
        padded = [torch.zeros_like(below[:, :1]), below, torch.ones_like(below[:, :1])]
        return torch.cat(padded, 1).diff(dim=1)

    @property
    def is_separable(self) -> bool:
        """Yes."""
        return True

    def cone(self, z: sparse.csr_array, y: np.ndarray) -> Cone:
        """Return the directions in which no predictor leaves its thresholds."""
        return cones.of_thresholds(len(self.shared), z, y)
