"""The distributions that declarations name: torch's, and those that torch lacks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli as Bernoulli
from torch.distributions import Beta as Beta
from torch.distributions import Categorical as Categorical
from torch.distributions import Gamma as Gamma
from torch.distributions import Laplace as Laplace
from torch.distributions import LogNormal as LogNormal
from torch.distributions import NegativeBinomial as NegativeBinomial
from torch.distributions import Normal as Normal
from torch.distributions import Poisson as Poisson
from torch.distributions import StudentT as StudentT
from torch.distributions import VonMises as VonMises
from torch.nn.functional import logsigmoid


class Huber:
    """The density that is normal up to `delta` from the mean and exponential beyond.

    Source: P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical
    Statistics 35, 1964.
    """

    def __init__(self, mean: Tensor, delta: float) -> None:
        self.mean, self.delta = mean, delta

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the density, in nats."""
        error = (y - self.mean).abs()
        tail = self.delta * error - self.delta * self.delta / 2
        middle = math.sqrt(2 * math.pi) * math.erf(self.delta / math.sqrt(2))
        area = middle + 2 / self.delta * math.exp(-self.delta * self.delta / 2)
        return -torch.where(error < self.delta, error * error / 2, tail) - math.log(area)


class AsymmetricLaplace:
    """The density whose `level` quantile is given: exponential on either side, unequally steep.

    Source: R. Koenker, J. A. F. Machado, Goodness of fit and related inference processes for
    quantile regression, JASA 94, 1999.
    """

    def __init__(self, quantile: Tensor, level: Tensor) -> None:
        self.quantile, self.level = quantile, level

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the density, in nats."""
        error = y - self.quantile
        check = error * (self.level - (error < 0).to(error.dtype))
        return torch.log(self.level * (1 - self.level)) - check


class HyperbolicSecant:
    """The density 1 / (π cosh(y − mean)): smooth, with exponential tails.

    Source: W. D. Baten, The probability law for the sum of n independent variables, each subject to
    the law (1/2h) sech(πx/2h), Bulletin of the American Mathematical Society 40, 1934.
    """

    def __init__(self, mean: Tensor) -> None:
        self.mean = mean

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the density, in nats."""
        error = (y - self.mean).abs()
        return math.log(2 / math.pi) - error - torch.log1p(torch.exp(-2 * error))


class AsymmetricNormal:
    """The density that is normal on either side of the `level` expectile, with two variances.

    Source: D. J. Aigner, T. Amemiya, D. J. Poirier, On the estimation of production frontiers:
    maximum likelihood estimation of the parameters of a discontinuous density function,
    International Economic Review 17, 1976.
    """

    def __init__(self, expectile: Tensor, level: Tensor) -> None:
        self.expectile, self.level = expectile, level

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the density, in nats."""
        error = y - self.expectile
        part = (self.level - (error < 0).to(error.dtype)).abs()
        area = math.sqrt(math.pi) / 2 * (self.level**-0.5 + (1 - self.level) ** -0.5)
        return -part * error * error - torch.log(area)


class InverseGaussian:
    """The density of the first time at which Brownian motion with drift reaches a level.

    Source: M. C. K. Tweedie, Statistical properties of inverse Gaussian distributions I, Annals of
    Mathematical Statistics 28, 1957.
    """

    def __init__(self, mean: Tensor, shape: Tensor) -> None:
        self.mean, self.shape = mean, shape

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the density, in nats."""
        error = (y - self.mean) / self.mean
        scaled = self.shape / (2 * math.pi * y * y * y)
        return torch.log(scaled) / 2 - self.shape * error * error / (2 * y)


class ZeroInflated:
    """A count that is 0 with the probability σ(zi_logits), and otherwise of a distribution.

    Source: D. Lambert, Zero-inflated Poisson regression, Technometrics 34, 1992.
    """

    def __init__(self, count: Any, zi_logits: Tensor) -> None:
        self.count, self.zi_logits = count, zi_logits

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the probability, in nats."""
        counted = self.count.log_prob(y) + logsigmoid(-self.zi_logits)
        return torch.where(y == 0, torch.logaddexp(counted, logsigmoid(self.zi_logits)), counted)


class PoissonHurdle:
    """A count that is 0 with the probability σ(zero_logits), otherwise a positive Poisson count.

    Source: J. Mullahy, Specification and testing of some modified count data models, Journal of
    Econometrics 33, 1986.
    """

    def __init__(self, rate: Tensor, zero_logits: Tensor) -> None:
        self.rate, self.zero_logits = rate, zero_logits

    def log_prob(self, y: Tensor) -> Tensor:
        """Return the logarithm of the probability, in nats."""
        positive = Poisson(self.rate).log_prob(y) - torch.log(-torch.expm1(-self.rate))
        crossed = logsigmoid(-self.zero_logits) + positive
        return torch.where(y == 0, logsigmoid(self.zero_logits), crossed)


class LogisticInterval:
    """Whether a standard logistic variable falls between two numbers: 1 if so, else 0."""

    def __init__(self, lower: Tensor, upper: Tensor) -> None:
        self.probability = (torch.sigmoid(upper) - torch.sigmoid(lower)).abs()

    def log_prob(self, inside: Tensor) -> Tensor:
        """Return the logarithm of the probability, in nats."""
        log_p: Tensor = Bernoulli(self.probability).log_prob(inside)
        return log_p


class SignedBernoulli:
    """A binary variable, +1 or −1."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def log_prob(self, sign: Tensor) -> Tensor:
        """Return the logarithm of the probability, in nats."""
        log_p: Tensor = Bernoulli(logits=self.logits).log_prob((sign + 1) / 2)
        return log_p


class Share:
    """One class of a categorical distribution with a soft target: p^y."""

    def __init__(self, log_probability: Any) -> None:
        self.log_probability = log_probability

    def log_prob(self, y: Any) -> Any:
        """Return the logarithm of the likelihood, in nats."""
        return y * self.log_probability


class LogShare(Share):
    """`Share`, with the soft target given as its logarithm."""

    def log_prob(self, y: Any) -> Any:
        """Return the logarithm of the likelihood, in nats."""
        return y.exp() * self.log_probability
