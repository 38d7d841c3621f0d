"""Likelihoods of a target that is a count."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import absolute, exp, log, log1p, log_gamma, softplus, where
from neglog.support import counts, nonnegative


class Poisson(Elementwise):
    """A count; the model outputs the logarithm of its rate.

    Model: y ~ Poisson(exp(log_rate)).

    Source: S. D. Poisson, Recherches sur la probabilité des jugements, 1837.
    """

    inputs = ("log_rate",)
    support = counts
    link = "log"

    @staticmethod
    def distribution(log_rate):
        return distributions.Poisson(exp(log_rate))

    @staticmethod
    def nll(log_rate, y):
        rate = exp(log_rate)
        slope = where(y == 0.0, 0.0, y * log_rate)  # 0 · ∞ is 0 here
        return where(rate - rate == 0.0, rate - slope, rate)  # and ∞ − ∞ is ∞

    @staticmethod
    def grad(log_rate, y):
        return exp(log_rate) - y

    @staticmethod
    def grad_target(log_rate, y):
        return -log_rate

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)  # ln y!


class PoissonRate(Elementwise):
    """A count; the model outputs its rate.

    Model: y ~ Poisson(rate). As in torch, `eps` is added to the rate under the logarithm.

    Source: as for `Poisson`.
    """

    inputs = ("rate",)
    settings = ("eps",)
    domains = (nonnegative,)
    support = counts

    @staticmethod
    def distribution(rate, eps):
        return distributions.Poisson(rate)

    @staticmethod
    def nll(rate, eps, y):
        floored = rate + eps
        lost = (rate - floored) + eps  # by rounding
        rest = where(lost == 0.0, 0.0, lost / floored)
        slope = where(y == 0.0, 0.0, y * (log(floored) + rest))
        return where(rate - rate == 0.0, rate - slope, rate)

    @staticmethod
    def grad(rate, eps, y):
        known = (y != 0.0) & (rate - rate == 0.0)  # else the slope is 1
        return where(known | (rate != rate), ((rate - y) + eps) / (rate + eps), 1.0)

    @staticmethod
    def curvature(rate, eps, y):
        return where(y == 0.0, 0.0, y / (rate + eps) / (rate + eps))

    @staticmethod
    def grad_target(rate, eps, y):
        return -log(rate + eps)

    @staticmethod
    def constant(eps, y):
        return log_gamma(y + 1.0)

    @staticmethod
    def information(rate, eps):
        return rate / ((rate + eps) * (rate + eps))


class NegativeBinomial(Elementwise):
    """An overdispersed count; the model outputs the logarithm of its mean.

    Model: y has the mean μ = exp(log_mean) and the variance μ + dispersion · μ²: a Poisson count
    whose rate is gamma distributed. The dispersion is above 0. Statistics packages call it NB2.

    Source: J. M. Hilbe, Negative binomial regression, 2nd edition, 2011.
    """

    inputs = ("log_mean",)
    settings = ("dispersion",)
    support = counts
    link = "log"

    @staticmethod
    def distribution(log_mean, dispersion):
        odds = log_mean + log(dispersion)
        return distributions.NegativeBinomial(1.0 / dispersion, logits=odds)

    @staticmethod
    def nll(log_mean, dispersion, y):
        # ln(1 + αμ) / α + y ln(1 + 1 / αμ). Rounding ln αμ, which may be far below 0, would show in
        # the first logarithm alone.
        log_excess, excess = log_mean + log(dispersion), dispersion * exp(log_mean)
        tail = softplus(-log_excess)
        above = where(excess < 1.0, log1p(excess), log_excess + tail)
        return above / dispersion + where(y == 0.0, 0.0, y * tail)

    @staticmethod
    def grad(log_mean, dispersion, y):
        # (μ − y) / (1 + αμ), of the smaller of μ and 1 / μ.
        s = exp(-absolute(log_mean))
        large = (1.0 - y * s) / (s + dispersion)
        return where(log_mean > 0.0, large, (s - y) / (1.0 + dispersion * s))

    @staticmethod
    def curvature(log_mean, dispersion, y):
        s = exp(-absolute(log_mean))
        root = where(log_mean > 0.0, s + dispersion, 1.0 + dispersion * s)
        return (1.0 + dispersion * y) * s / (root * root)

    @staticmethod
    def grad_target(log_mean, dispersion, y):
        return softplus(-(log_mean + log(dispersion)))

    @staticmethod
    def constant(dispersion, y):
        shape = 1.0 / dispersion
        return log_gamma(shape) + log_gamma(y + 1.0) - log_gamma(y + shape)

    @staticmethod
    def information(log_mean, dispersion):
        s = exp(-absolute(log_mean))
        return where(log_mean > 0.0, 1.0 / (s + dispersion), s / (1.0 + dispersion * s))
