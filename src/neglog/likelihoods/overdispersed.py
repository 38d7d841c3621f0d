"""Likelihoods of a count whose variance exceeds its mean, with the dispersion as an input."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives import (
    absolute,
    digamma,
    digamma_difference,
    exp,
    log,
    log1p,
    log_gamma,
    log_rising,
    sigmoid,
    softplus,
    trigamma_difference,
    where,
)
from neglog.support import anything, counts, positive


class NegativeBinomialLogits(Elementwise):
    """An overdispersed count; the model outputs the log-odds of a success and the total count.

    Model: y ~ NegativeBinomial(total_count, logits), the number of successes before `total_count`
    failures, which may be any number above 0.

    Source: torch.distributions.NegativeBinomial; J. M. Hilbe, Negative binomial regression, 2nd
    edition, 2011.
    """

    inputs = ("logits", "total_count")
    domains = (anything, positive)
    support = counts

    @staticmethod
    def distribution(logits, total_count):
        return distributions.NegativeBinomial(total_count, logits=logits)

    @staticmethod
    def nll(logits, total_count, y):
        successes = where(y == 0.0, 0.0, y * softplus(-logits))
        return (total_count * softplus(logits) + successes) - log_rising(total_count, y)

    @staticmethod
    def grad(logits, total_count, y):
        by_logits = total_count * sigmoid(logits) - y * sigmoid(-logits)
        return by_logits, softplus(logits) - digamma_difference(total_count, y)

    @staticmethod
    def curvature(logits, total_count, y):
        share = sigmoid(logits)
        twice = (total_count + y) * share * sigmoid(-logits)
        return twice, share, -trigamma_difference(total_count, y)

    @staticmethod
    def grad_target(logits, total_count, y):
        return softplus(-logits) - digamma(total_count + y)

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)


class NegativeBinomialMean(Elementwise):
    """An overdispersed count; the model outputs the logarithm of its mean and the total count.

    Model: y has the mean μ = exp(log_mean) and the variance μ + μ² / total_count: a Poisson count
    whose rate is gamma distributed. Single-cell packages call `total_count` θ, the inverse
    dispersion.

    Source: R. Lopez et al., Deep generative modeling for single-cell transcriptomics, Nature
    Methods 15, 2018 (scvi-tools); J. M. Hilbe, Negative binomial regression, 2nd edition, 2011.
    """

    inputs = ("log_mean", "total_count")
    domains = (anything, positive)
    support = counts

    @staticmethod
    def distribution(log_mean, total_count):
        return distributions.NegativeBinomial(total_count, logits=log_mean - log(total_count))

    @staticmethod
    def nll(log_mean, total_count, y):
        # r ln(1 + μ / r) + y ln(1 + r / μ). Rounding ln μ / r, which may be far below 0, would
        # show in the first logarithm alone.
        logits, odds = log_mean - log(total_count), exp(log_mean) / total_count
        tail = softplus(-logits)
        above = where(odds < 1.0, log1p(odds), logits + tail)
        successes = where(y == 0.0, 0.0, y * tail)
        return (total_count * above + successes) - log_rising(total_count, y)

    @staticmethod
    def grad(log_mean, total_count, y):
        # (μ − y) / (r + μ), of the smaller of μ and 1 / μ; ln(1 + t) − t / (1 + t) of t = μ / r.
        s = exp(-absolute(log_mean))
        large = log_mean > 0.0
        root = where(large, total_count * s + 1.0, total_count + s)
        mean_part, inverse = where(large, 1.0, s) / root, where(large, s, 1.0) / root
        share = where(large, 1.0 - y * s, s - y) / root
        logits, t = log_mean - log(total_count), exp(log_mean) / total_count
        above = where(t < 1.0, log1p(t), logits + softplus(-logits))
        series = 0.5 - t * (2.0 / 3.0 - t * (0.75 - t * (0.8 - t * (5.0 / 6.0))))
        drop = where(t < 0.003, t * t * series, above - mean_part)
        return total_count * share, (drop + y * inverse) - digamma_difference(total_count, y)

    @staticmethod
    def curvature(log_mean, total_count, y):
        s = exp(-absolute(log_mean))
        large = log_mean > 0.0
        root = where(large, total_count * s + 1.0, total_count + s)
        share = where(large, (1.0 - y * s) / root, (s - y) / root)
        mean_part = where(large, 1.0, s) / root
        inverse = where(large, s, 1.0) / root
        twice = total_count * s / root * (total_count + y) / root
        rest = share * inverse - mean_part / total_count
        return twice, mean_part * share, rest - trigamma_difference(total_count, y)

    @staticmethod
    def grad_target(log_mean, total_count, y):
        return softplus(log(total_count) - log_mean) - digamma(total_count + y)

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)
