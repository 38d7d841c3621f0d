"""Responses with parameters that all rows share: a dispersion, a scale, thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neglog import likelihoods
from neglog.fitting.likelihoods.links import LINKS
from neglog.fitting.likelihoods.responses import (
    Location,
    Response,
    average,
    constant,
    numbers,
    quantiles,
)
from neglog.fitting.likelihoods.row_losses import SharedParameterLosses, joint
from neglog.likelihood import Elementwise

_START = -1.0


@dataclass(frozen=True, kw_only=True)
class Overdispersed(Response):
    """Counts whose variance exceeds their mean; the logarithm of the dispersion is shared."""

    declaration: type[Elementwise]
    shared: tuple[str, ...] = ("ln dispersion",)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the logarithm of the mean, and the dispersion that the moments give."""
        mean = average(y, weight)
        surplus = average((y - mean) ** 2, weight) - mean
        alpha = math.log(surplus / (mean * mean)) if surplus > 0 else _START
        return torch.tensor([LINKS[self.link].link(mean), alpha], dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> SharedParameterLosses:
        """Return the rows' losses, constants included, and derivatives."""
        declaration = self.declaration

        def nll(eta: Tensor, theta: Tensor, y: Tensor) -> Tensor:
            alpha = theta[:, 0].exp()
            loss: Tensor = declaration.nll(eta, alpha, y) + declaration.constant(alpha, y)
            return loss

        return joint(nll, output[:, 0], shared, y)

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses themselves."""
        return loss

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return the losses of predictors that meet every row's own target."""
        best = torch.where(y > 0, y, 1.0).log()
        loss = self.row_losses(best[:, None], shared, y).nll
        return torch.where(y > 0, loss, self.declaration.constant(shared[0].exp(), y))


@dataclass(frozen=True, kw_only=True)
class Robust(Response):
    """A number with Huber's errors; the logarithm of their scale is shared."""

    declaration: type[Elementwise]
    shared: tuple[str, ...] = ("ln scale",)

    @property
    def shared_in_table_units(self) -> float:
        """The logarithm of the unit of the scale."""
        return math.log(self.spread)

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Robust:
        """Return the response in units of the target's spread about its median."""
        (centre,) = quantiles(y, weight, 0.5)
        (spread,) = quantiles((y - centre).abs(), weight, 0.5)
        spread = spread or float((y - centre).abs().mean())
        return Robust(
            declaration=self.declaration, settings=self.settings, centre=centre, spread=spread
        )

    @property
    def squares(self) -> Location:
        """Squared errors, in the same units."""
        return Location(
            declaration=likelihoods.Normal, degree=2.0, centre=self.centre, spread=self.spread
        )

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the target's centre, and its spread."""
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
        own = slope * error + curvature * error.square()
        lines = torch.stack([curvature * inverse * inverse, edge, edge, own], 1)
        return SharedParameterLosses(
            declaration.nll(*arguments) + shared[0],
            torch.stack([slope * inverse, 1 - slope * error], 1),
            lines.reshape(-1, 2, 2),
        )

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the whole of the rows' negative log-likelihoods."""
        own = math.log(self.spread) + constant(self.declaration, self.settings, y)
        return loss + own


@dataclass(frozen=True, kw_only=True)
class Ordered(Response):
    """K ordered classes: a logistic variable about the predictor, cut at K − 1 shared thresholds.

    P(class ≤ k) = σ(threshold_k − predictor). The target holds class numbers; the declaration is
    that of falling between two bounds.
    """

    declaration: type[Elementwise]
    intercept: bool = False

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the classes' numbers."""
        return y

    @property
    def link(self) -> str:
        """The cumulative logit."""
        return "cumulative logit"

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the log-odds of the cumulated shares."""
        share = torch.bincount(y, weight, len(self.shared) + 1).double().cumsum(0)
        below = share[:-1] / share[-1]
        return torch.cat([torch.zeros(1, dtype=torch.float64), torch.logit(below)])

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> SharedParameterLosses:
        """Return the rows' losses and derivatives, chained from those by the two bounds."""
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
        """Return (N, 2, K): how the bounds change with the predictor and the thresholds."""
        count = len(self.shared)
        chain = torch.zeros(len(y), 2, count + 3, dtype=torch.float64)
        chain[:, :, 0] = -1.0
        rows = torch.arange(len(y))
        chain[rows, 0, y + 1] = 1.0  # the first and the last threshold are −∞ and ∞
        chain[rows, 1, y + 2] = 1.0
        return torch.cat([chain[:, :, :1], chain[:, :, 2:-1]], 2)

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses themselves."""
        return loss
