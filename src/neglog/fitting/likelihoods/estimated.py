"""Declarations of one predictor whose other parameters are estimated with the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np
import torch
from scipy import optimize, sparse
from torch import Tensor

from neglog import likelihoods
from neglog.errors.options import DivergenceError
from neglog.fitting.likelihoods import cones
from neglog.fitting.likelihoods.cones import Cone
from neglog.fitting.likelihoods.constants import (
    PLAIN,
    Constant,
    constants,
    derivatives,
    slopes_and_curvatures,
)
from neglog.fitting.likelihoods.links import (
    is_exponential,
    of_mean,
    predictor,
    reaches_an_end,
)
from neglog.fitting.likelihoods.responses import (
    Response,
    average,
    pearson,
    quantiles,
    standardised,
)
from neglog.fitting.likelihoods.row_losses import SharedParameterLosses, joint
from neglog.fitting.likelihoods.scaled import Location
from neglog.likelihood import Elementwise
from neglog.translation import gettext as _

_START, _NO_DISPERSION = -1.0, -12.0
_LOOK = 10_000
_STARTS = 500
_FLAT, _PLAIN_FLAT = 0.01, 1e-6  # of the information: a standard error of 10 logarithms
_STEPS_PER_CONSTANT = 400


@dataclass(frozen=True, kw_only=True)
class Estimated(Response):
    """One linear predictor, of the first input; other inputs and settings are constants.

    Attributes:
        fixed: the constants that are not estimated, with their values.
    """

    declaration: type[Elementwise]
    fixed: tuple[tuple[str, float], ...] = ()

    @property
    def estimated(self) -> list[Constant]:
        """The constants that are estimated."""
        fixed = dict(self.fixed)
        return [c for c in constants(self.declaration) if c.name not in fixed]

    def arguments(self, eta: Tensor, shared: Tensor) -> list[Tensor]:
        """Return the arguments of the formulas before the target.

        Args:
            eta: (N,) predictors, in units of the table.
            shared: (Q,) or (N, Q) estimates.
        """
        fixed, estimates = dict(self.fixed), iter(shared.unbind(-1))
        return [eta] + [
            torch.tensor(fixed[c.name], dtype=torch.float64)
            if c.name in fixed
            else c.scale.value(next(estimates))
            for c in constants(self.declaration)
        ]

    @property
    def has_deviance(self) -> bool:
        """Whether the declaration is of an exponential family at fixed constants."""
        return is_exponential(self.declaration)

    @property
    def has_information(self) -> bool:
        """No: a declaration's information is that of the predictor alone."""
        return False

    @property
    def learns_constants(self) -> bool:
        """Yes."""
        return True

    @property
    def is_separable(self) -> bool:
        """Whether a target may lie at an end of the link's range, which no predictor reaches."""
        return reaches_an_end(self.declaration)

    @property
    def squares(self) -> Response | None:
        """Squared errors, in the same units, if the link is identity."""
        if self.link != "identity" or not self.shared:
            return None
        return Location(
            declaration=likelihoods.Normal, degree=2.0, centre=self.centre, spread=self.spread
        )

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Estimated:
        """Return the response with a predictor in units of the target, if the link is identity."""
        if self.link != "identity":
            return self
        centre, spread = standardised(y, weight)
        return replace(self, centre=centre, spread=spread)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the intercept and the constants of greatest likelihood of some of the rows."""
        y, weight = y[:_LOOK], None if weight is None else weight[:_LOOK]

        def mean_loss(at: np.ndarray) -> float:
            estimates = torch.from_numpy(at)
            loss = self._nll(self.arguments(estimates[0], estimates[1:]), y)
            found = average(loss, weight)
            return found if math.isfinite(found) else math.inf

        spread = float(y.std(correction=0)) or 1.0
        narrow = float((y - quantiles(y, weight, 0.5)[0]).abs().quantile(0.5)) or spread
        steps = [spread if self.link == "identity" else 1.0] + [1.0] * len(self.shared)
        begin = min(self._guesses(y, weight, spread, narrow), key=mean_loss)
        if math.isinf(mean_loss(begin)):
            raise DivergenceError(
                f"the {self.declaration.name} likelihood is not finite at any of the constants "
                "that the fit starts from; check its formula and its support, for example with "
                "neglog verify."
            )
        found = optimize.minimize(
            mean_loss,
            begin,
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([begin, begin + np.diag(steps)]),
                "maxfev": _STEPS_PER_CONSTANT * len(begin),
            },
        )
        first = torch.tensor([(found.x[0] - self.centre) / self.spread], dtype=torch.float64)
        return torch.cat([first, torch.from_numpy(found.x[1:])])

    def _guesses(
        self, y: Tensor, weight: Tensor | None, spread: float, narrow: float
    ) -> list[np.ndarray]:
        """Return starts: the mean or median; 0 for constants without a unit, else a scale."""
        mean, (median,) = average(y, weight), quantiles(y, weight, 0.5)
        centres = {of_mean(self.link, mean)}
        if self.link == "identity":
            centres.add(median)
        sizes = sorted({0.0, math.log(spread), math.log(narrow)})
        every = product(sorted(centres), *(sizes for _ in self.shared))
        return [np.array(guess) for guess in islice(every, _STARTS)]

    def _nll(self, arguments: Sequence[Tensor], y: Tensor) -> Tensor:
        """Return the rows' losses, constants included."""
        declaration = self.declaration
        settings = arguments[len(declaration.inputs) :]
        loss: Tensor = declaration.nll(*arguments, y) + declaration.constant(*settings, y)
        return loss

    def _predictor(self, output: Tensor) -> Tensor:
        """Return the (N,) predictors in units of the table."""
        return output[:, 0] * self.spread + self.centre

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> SharedParameterLosses:
        """Return the rows' losses, constants included, and derivatives."""
        found = derivatives(self.declaration)
        if found is None:  # of a primitive that has no formula

            def nll(first: Tensor, estimates: Tensor, y: Tensor) -> Tensor:
                eta = self._predictor(first[:, None])
                return self._nll(self.arguments(eta, estimates), y)

            return joint(nll, output[:, 0], shared, y)
        arguments = self.arguments(self._predictor(output), shared)
        slope, curvature = slopes_and_curvatures(found, self.declaration, arguments, y)
        fixed, scales = dict(self.fixed), self.estimated
        every = constants(self.declaration)
        free = [0, *(1 + i for i, c in enumerate(every) if c.name not in fixed)]
        pairs = [(c.scale, shared[i]) for i, c in enumerate(scales)]
        first = torch.tensor(self.spread, dtype=torch.float64)
        chain = torch.stack([first, *(scale.slope(at) for scale, at in pairs)])
        bend = torch.stack([torch.zeros_like(first), *(scale.bend(at) for scale, at in pairs)])
        slope, curvature = slope[:, free], curvature[:, free][:, :, free]
        curvature = curvature * chain[:, None] * chain + torch.diag_embed(slope * bend)
        return SharedParameterLosses(self._nll(arguments, y), slope * chain, curvature)

    def training_losses(self, output: Tensor, y: Tensor) -> Tensor:
        """Return (N,) losses at (N, 1 + Q) predictors and estimates, differentiable."""
        return self._nll(self.arguments(self._predictor(output), output[:, 1:]), y)

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses unchanged."""
        return loss

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return the losses of the saturated model."""
        return self._nll(self.arguments(predictor(self.link, y), shared), y)

    def edge(self, shared: Tensor, information: Tensor) -> str:
        """Name a constant that the rows do not determine, such as one at infinity."""
        for constant, at, known in zip(self.estimated, shared, information, strict=True):
            size = 1.0 if constant.scale is not PLAIN else float(at.square().clamp(min=1.0))
            if float(known) * size < (_PLAIN_FLAT if constant.scale is PLAIN else _FLAT):
                value = float(constant.scale.value(at))
                return _(
                    "the rows do not determine {name}: the likelihood is nearly the same "
                    "for all values beyond {value:.3g}, where it may have no maximum; fix it with "
                    "--setting {name}=VALUE (settings=), or choose another likelihood."
                ).format(name=constant.name, value=value)
        return ""

    @property
    def has_pearson(self) -> bool:
        """Whether the declaration is of an exponential family, and states its information."""
        single = len(self.declaration.inputs) == 1
        return single and self.has_deviance and hasattr(self.declaration, "information")

    def pearson(self, output: Tensor, shared: Tensor, y: Tensor) -> Tensor:
        """Return (N,) squared errors over the variances, which are slope² / information."""
        arguments = self.arguments(self._predictor(output), shared)
        return pearson(self, self.mean(output), arguments, y)

    def cone(self, z: sparse.csr_array, y: np.ndarray) -> Cone:
        """Return the directions that move targets at an end of the link's range towards it."""
        shared = sparse.csr_array((len(y), len(self.shared)))
        return cones.of_means(self.link, sparse.csr_array(sparse.hstack([z, shared])), y)


@dataclass(frozen=True, kw_only=True)
class Overdispersed(Estimated):
    """Counts whose variance exceeds their mean; the logarithm of the dispersion is shared."""

    shared: tuple[str, ...] = ("ln dispersion",)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the logarithm of the mean, and the moment estimate of the dispersion."""
        mean = average(y, weight)
        surplus = average((y - mean) ** 2, weight) - mean
        alpha = math.log(surplus / (mean * mean)) if surplus > 0 else _START
        return torch.tensor([of_mean(self.link, mean), alpha], dtype=torch.float64)

    def edge(self, shared: Tensor, information: Tensor) -> str:
        """Say so if the dispersion goes to 0."""
        if float(shared[0]) >= _NO_DISPERSION:
            return ""
        return _(
            "the dispersion goes to 0, where the likelihood has no maximum: the counts vary no "
            "more than Poisson's; pass --likelihood poisson."
        )
