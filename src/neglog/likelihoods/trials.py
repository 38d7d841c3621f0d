"""Likelihoods of the number of successes in a known number of trials."""

from __future__ import annotations

from neglog.likelihood import Elementwise
from neglog.primitives import (
    digamma,
    digamma_difference,
    log_rising,
    sigmoid,
    softplus,
    trigamma_difference,
    where,
)
from neglog.support import counts, positive


class Binomial(Elementwise):
    """The number of successes in known numbers of trials; the model outputs the log-odds.

    Model: y ~ Binomial(total_count, σ(logit)), without the logarithm of the number of orders in
    which the successes may come, which depends on no output.

    Source: torch.distributions.Binomial; D. R. Cox, The regression analysis of binary sequences,
    JRSS B 20, 1958.
    """

    inputs = ("logit",)
    given = ("total_count",)
    support = counts
    normalised = False  # a target above `total_count` is refused by the loss, not by the formula

    @staticmethod
    def nll(logit, total_count, y):
        failures = total_count - y
        successes = where(y == 0.0, 0.0, y * softplus(-logit))
        return successes + where(failures == 0.0, 0.0, failures * softplus(logit))

    @staticmethod
    def grad(logit, total_count, y):
        return (total_count - y) * sigmoid(logit) - y * sigmoid(-logit)

    @staticmethod
    def curvature(logit, total_count, y):
        return total_count * sigmoid(logit) * sigmoid(-logit)

    @staticmethod
    def grad_target(logit, total_count, y):
        return -logit


class BetaBinomial(Elementwise):
    """The number of successes in known numbers of trials whose probability varies.

    Model: y ~ Binomial(total_count, p), p ~ Beta(concentration1, concentration0), without the
    logarithm of the number of orders in which the successes may come.

    Source: J. G. Skellam, A probability distribution derived from the binomial distribution by
    regarding the probability of success as variable between the sets of trials, JRSS B 10, 1948;
    Pyro's BetaBinomial.
    """

    inputs = ("concentration1", "concentration0")
    given = ("total_count",)
    domains = (positive, positive)
    support = counts
    normalised = False

    @staticmethod
    def nll(concentration1, concentration0, total_count, y):
        chosen = log_rising(concentration1, y) + log_rising(concentration0, total_count - y)
        return log_rising(concentration1 + concentration0, total_count) - chosen

    @staticmethod
    def grad(concentration1, concentration0, total_count, y):
        both = digamma_difference(concentration1 + concentration0, total_count)
        by_one = both - digamma_difference(concentration1, y)
        return by_one, both - digamma_difference(concentration0, total_count - y)

    @staticmethod
    def curvature(concentration1, concentration0, total_count, y):
        both = trigamma_difference(concentration1 + concentration0, total_count)
        by_one = both - trigamma_difference(concentration1, y)
        return by_one, both, both - trigamma_difference(concentration0, total_count - y)

    @staticmethod
    def grad_target(concentration1, concentration0, total_count, y):
        return digamma(concentration0 + (total_count - y)) - digamma(concentration1 + y)
