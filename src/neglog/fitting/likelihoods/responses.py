"""How a target is distributed given linear predictors: what a fit needs beyond the declaration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from scipy import optimize, special
from torch import Tensor

from neglog.fitting.likelihoods.links import LINKS
from neglog.fitting.likelihoods.row_losses import OnePredictorLosses, RowLosses, SoftmaxLosses
from neglog.likelihood import Elementwise, Likelihood

EXACT = 1e-10
"""The scale of the errors, in units of the target's spread, that is none but rounding."""
_SMALLEST_SCALE = 1e-12
Mean = Callable[[Callable[[Tensor], Tensor]], float]
"""Returns the (weighted) mean over all rows of a function of the target."""


def average(values: Tensor, weight: Tensor | None) -> float:
    """Return the (weighted) mean of (N,) values."""
    return float(values.mean() if weight is None else (values * weight).sum() / weight.sum())


def numbers(settings: Sequence[float]) -> list[Tensor]:
    """Return settings as formulas take them: as Python's floats some words would round them."""
    return [torch.tensor(setting, dtype=torch.float64) for setting in settings]


def quantiles(values: Tensor, weight: Tensor | None, *levels: float) -> list[float]:
    """Return the (lower, weighted) quantiles of (N,) values."""
    values, order = values.sort()
    share = (torch.ones_like(values) if weight is None else weight[order]).cumsum(0)
    arguments = torch.tensor(levels, dtype=share.dtype) * share[-1]
    return [float(value) for value in values[torch.searchsorted(share, arguments)]]


def constant(declaration: type[Likelihood], settings: Sequence[float], y: Tensor) -> Tensor:
    """Return what a declaration's `nll` drops, for settings that are numbers."""
    return torch.as_tensor(declaration.constant(*numbers(settings), y), dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Response:
    """A likelihood as a linear model fits it.

    Attributes:
        declaration: the likelihood.
        settings: the declaration's settings that are chosen beforehand, such as a quantile's level.
        outputs: how many linear predictors read the columns.
        shared: the names of the parameters that are the same for every row.
        intercept: whether the predictors have one.
        centre, spread: predictors and target are in units of `spread` from `centre`.
        smooth: whether Newton's method finds the optimum.
        canonical: whether the Hessian does not depend on the target, so that Fisher's is the same.
        grouped: whether a row stands for as many trials as its weight says.
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
        """The function that takes the target's mean to the predictor."""
        return str(self.declaration.link)

    @property
    def shared_in_table_units(self) -> float:
        """What is added to the shared parameters when the target is in the units of the table."""
        return 0.0

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Response:
        """Return the response in units of the target's own spread, where its errors have one."""
        return self

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the target, numbers or the classes' numbers, as the formulas take it."""
        return y.double()

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return (outputs,) intercepts, then (Q,) shared parameters, to begin with."""
        raise NotImplementedError

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the rows' losses and derivatives at (N, outputs) predictors."""
        raise NotImplementedError

    def dispersion(self, loss: float, mean: Mean) -> float | None:
        """Return the dispersion of greatest likelihood, given the mean of `row_losses`'s losses.

        None where the likelihood has none, or has it among the shared parameters.
        """
        return None

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the whole of the rows' negative log-likelihoods, given `row_losses`'s losses."""
        return loss + constant(self.declaration, self.settings, y)

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return (N,) the least that `row_losses`'s losses can be."""
        return torch.zeros(len(y), dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class OneParameter(Response):
    """One linear predictor and declared derivatives: Bernoulli, Poisson.

    Attributes:
        well_conditioned: whether all targets are such that the shorter formulas hold.
    """

    declaration: type[Elementwise]
    well_conditioned: bool = False

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the link of the target's mean."""
        return torch.tensor([LINKS[self.link].link(average(y, weight))], dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the rows' losses and derivatives at (N, 1) predictors."""
        declaration, arguments = self.declaration, (output[:, 0], *numbers(self.settings))
        nll, grad = declaration.nll, declaration.grad
        if self.well_conditioned:
            nll, grad = declaration.well_conditioned_nll, declaration.well_conditioned_grad
        return OnePredictorLosses(
            nll(*arguments, y),
            grad(*arguments, y)[:, None].to(y.dtype),
            lambda: declaration.curvature(*arguments, y) + torch.zeros_like(y),
            lambda: declaration.information(*arguments) + torch.zeros_like(y),
        )

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return the losses of predictors that meet every row's own target."""
        inside = torch.where(y > 0, y, 1.0)
        best = self.declaration.nll(inside.log(), *numbers(self.settings), inside)
        return torch.where((y > 0) & (self.link == "log"), best, 0.0)


@dataclass(frozen=True, kw_only=True)
class Grouped(OneParameter):
    """Proportions of trials, of which a row's weight says the number; losses are of one trial."""

    grouped: bool = True

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return the losses of predictors that meet every row's own proportion."""
        entropy: Tensor = -(torch.special.xlogy(y, y) + torch.special.xlog1py(1 - y, -y))
        return entropy


def log_orderings(y: Tensor, trials: Tensor) -> Tensor:
    """Return the logarithm of the number of orders in which y · trials successes may come."""
    yes = y * trials
    return (trials + 1).lgamma() - (yes + 1).lgamma() - (trials - yes + 1).lgamma()


@dataclass(frozen=True, kw_only=True)
class Shaped(OneParameter):
    """A positive target of Gamma's; its weights do not depend on the shape, found afterwards.

    The settings hold the shape 1; the dispersion is one over the shape.
    """

    def dispersion(self, loss: float, mean: Mean) -> float:
        """Return 1/shape, where ln shape − ψ(shape) is half the mean deviance."""
        half = loss - mean(lambda y: y.log() + 1.0)
        if half <= _SMALLEST_SCALE:
            return _SMALLEST_SCALE
        shape = optimize.brentq(
            lambda log_k: log_k - special.digamma(math.exp(log_k)) - half, -500.0, 500.0, xtol=1e-14
        )
        return math.exp(-shape)

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the whole of the rows' negative log-likelihoods."""
        assert dispersion is not None
        return loss / dispersion + constant(self.declaration, (1.0 / dispersion,), y)


@dataclass(frozen=True, kw_only=True)
class Location(OneParameter):
    """A number and its errors; the weights do not depend on the errors' scale, found afterwards.

    A loss at scale s is `row_losses`'s over s to the power of `degree`. The dispersion is s in the
    units of the table.
    """

    degree: float

    def in_units_of(self, y: Tensor, weight: Tensor | None) -> Location:
        """Return the response in units of the target's standard deviation, from its mean."""
        size = float(y.abs().max())
        centre = average(y / size, weight) * size
        far = float((y - centre).abs().max())
        spread = average(((y - centre) / far) ** 2, weight) ** 0.5 * far
        return replace(self, centre=centre, spread=spread)

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return 0, which is the target's centre."""
        return torch.zeros(1, dtype=torch.float64)

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the rows' losses and derivatives at (N, 1) predictors."""
        return super().row_losses(output, shared, (y - self.centre) / self.spread)

    def dispersion(self, loss: float, mean: Mean) -> float:
        """Return the scale, where the derivative by it is 0."""
        scale: float = (self.degree * loss) ** (1 / self.degree)
        return max(scale, _SMALLEST_SCALE) * self.spread

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the whole of the rows' negative log-likelihoods."""
        assert dispersion is not None
        scale = dispersion / self.spread
        own = math.log(dispersion) + constant(self.declaration, self.settings, y)
        power: float = scale**self.degree
        return loss / power + own

    def saturated_loss(self, y: Tensor, shared: Tensor) -> Tensor:
        """Return (N,) zeros."""
        return torch.zeros_like(y)


@dataclass(frozen=True, kw_only=True)
class Classes(Response):
    """K classes as K − 1 linear predictors beside a base class's, which is 0.

    The target holds class numbers; the base is `base`, and the predictors are the other classes',
    in order. Without a base there are K predictors, as of a network.
    """

    base: int | None

    def encode_target(self, y: Tensor) -> Tensor:
        """Return the classes' numbers."""
        return y

    @property
    def count(self) -> int:
        """How many classes there are."""
        return self.outputs + (self.base is not None)

    @property
    def modelled_classes(self) -> list[int]:
        """The classes that have a predictor."""
        return [k for k in range(self.count) if k != self.base]

    def start(self, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the log-odds of the classes' shares."""
        shares = torch.bincount(y, weight, self.count).double()
        return shares[self.modelled_classes].log() - shares[self.base].log()

    def row_losses(self, output: Tensor, shared: Tensor, y: Tensor) -> RowLosses:
        """Return the rows' losses and derivatives at (N, K − 1) predictors."""
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

    def nats(self, loss: Tensor, y: Tensor, dispersion: float | None) -> Tensor:
        """Return the losses themselves."""
        return loss
