"""Likelihoods of a target that is a count."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.support import nonnegative
from neglog.words.reference import exp, log, log_gamma


class Poisson(Elementwise):
    """A count, the network emitting the logarithm of its rate.

    Model: y ~ Poisson(exp(log_rate)).

    Source: S. D. Poisson, Recherches sur la probabilité des jugements, 1837.
    """

    inputs = ("log_rate",)
    support = nonnegative
    link = "log"

    @staticmethod
    def distribution(log_rate):
        return distributions.Poisson(exp(log_rate))

    @staticmethod
    def nll(log_rate, y):
        return exp(log_rate) - y * log_rate

    @staticmethod
    def grad(log_rate, y):
        return exp(log_rate) - y

    @staticmethod
    def curvature(log_rate, y):
        return exp(log_rate)

    @staticmethod
    def grad_target(log_rate, y):
        return -log_rate

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)  # ln y!


class PoissonRate(Elementwise):
    """A count, the network emitting its rate.

    Model: y ~ Poisson(rate). As in torch, `eps` is added to the rate under the logarithm.

    Source: as for `Poisson`.
    """

    inputs = ("rate",)
    settings = ("eps",)
    domains = (nonnegative,)
    support = nonnegative

    @staticmethod
    def distribution(rate, eps):
        return distributions.Poisson(rate)

    @staticmethod
    def nll(rate, eps, y):
        floored = rate + eps
        lost = (rate - floored) + eps  # by rounding
        return rate - y * (log(floored) + lost / floored)

    @staticmethod
    def grad(rate, eps, y):
        return ((rate - y) + eps) / (rate + eps)

    @staticmethod
    def curvature(rate, eps, y):
        return y / ((rate + eps) * (rate + eps))

    @staticmethod
    def grad_target(rate, eps, y):
        return -log(rate + eps)

    @staticmethod
    def constant(eps, y):
        return log_gamma(y + 1.0)

    @staticmethod
    def information(rate, eps):
        return rate / ((rate + eps) * (rate + eps))
