"""The distributions that declarations name: torch's, and those that torch lacks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli as Bernoulli
from torch.distributions import Categorical as Categorical
from torch.distributions import Gamma as Gamma
from torch.distributions import Laplace as Laplace
from torch.distributions import NegativeBinomial as NegativeBinomial
from torch.distributions import Normal as Normal
from torch.distributions import Poisson as Poisson


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
