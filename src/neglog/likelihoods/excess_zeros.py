"""Likelihoods of a count with more zeros, or fewer, than its distribution has."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives import (
    absolute,
    digamma_difference,
    exp,
    expm1,
    log,
    log1p,
    log_gamma,
    log_rising,
    maximum,
    sigmoid,
    softplus,
    where,
)
from neglog.support import anything, counts, positive


class ZeroInflatedPoisson(Elementwise):
    """A count with extra zeros; the model outputs the log rate and the log-odds of an extra zero.

    Model: y is 0 with the probability π = σ(zi_logits), and otherwise Poisson(exp(log_rate)).

    Source: D. Lambert, Zero-inflated Poisson regression, Technometrics 34, 1992.
    """

    inputs = ("log_rate", "zi_logits")
    support = counts

    @staticmethod
    def distribution(log_rate, zi_logits):
        return distributions.ZeroInflated(distributions.Poisson(exp(log_rate)), zi_logits)

    @staticmethod
    def nll(log_rate, zi_logits, y):
        # −ln(π + (1 − π) e^−λ) = ln(1 + (1 − e^−λ) / (odds + e^−λ)); and where the divisor would
        # underflow, minus its logarithm.
        rate = exp(log_rate)
        gap = absolute(zi_logits + rate)
        lowest = maximum(zi_logits, -rate) + log1p(exp(-gap))
        zero = log1p(-expm1(-rate) / (exp(zi_logits) + exp(-rate)))
        zero = where(lowest < -600.0, -lowest, zero)
        slope = where(y == 0.0, 0.0, y * log_rate)
        more = softplus(zi_logits) + where(rate - rate == 0.0, rate - slope, rate)
        return where(y == 0.0, zero, more)

    @staticmethod
    def grad(log_rate, zi_logits, y):
        rate = exp(log_rate)
        counted = sigmoid(-(zi_logits + rate))  # the probability that a zero is the count's own
        pull = where(counted == 0.0, 0.0, rate * counted)
        extra = expm1(-rate) * sigmoid(zi_logits + rate) * sigmoid(-zi_logits)
        zero = y == 0.0
        return where(zero, pull, rate - y), where(zero, extra, sigmoid(zi_logits))

    @staticmethod
    def curvature(log_rate, zi_logits, y):
        rate = exp(log_rate)
        counted, other = sigmoid(-(zi_logits + rate)), sigmoid(zi_logits + rate)
        pull = where(counted == 0.0, 0.0, rate * counted)
        bend = where(counted == 0.0, 0.0, rate * (pull * other))
        share = sigmoid(zi_logits) * sigmoid(-zi_logits)
        zero = y == 0.0
        twice = where(zero, pull - bend, rate)
        return twice, where(zero, -(pull * other), 0.0), where(zero, share - counted * other, share)

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)


class ZeroInflatedNegativeBinomial(Elementwise):
    """An overdispersed count with extra zeros, as in single-cell expression.

    Model: y is 0 with the probability π = σ(zi_logits), and otherwise negative binomial with the
    mean μ = exp(log_mean) and the variance μ + μ² / total_count.

    Source: scvi-tools' ZeroInflatedNegativeBinomial(mu, theta, zi_logits); R. Lopez et al., Deep
    generative modeling for single-cell transcriptomics, Nature Methods 15, 2018.
    """

    inputs = ("log_mean", "total_count", "zi_logits")
    domains = (anything, positive, anything)
    support = counts

    @staticmethod
    def distribution(log_mean, total_count, zi_logits):
        logits = log_mean - log(total_count)
        count = distributions.NegativeBinomial(total_count, logits=logits)
        return distributions.ZeroInflated(count, zi_logits)

    @staticmethod
    def nll(log_mean, total_count, zi_logits, y):
        logits, odds = log_mean - log(total_count), exp(log_mean) / total_count
        tail = softplus(-logits)
        none = total_count * where(odds < 1.0, log1p(odds), logits + tail)  # −ln P(0) of the count
        gap = absolute(zi_logits + none)
        lowest = maximum(zi_logits, -none) + log1p(exp(-gap))
        zero = log1p(-expm1(-none) / (exp(zi_logits) + exp(-none)))
        zero = where(lowest < -600.0, -lowest, zero)
        more = softplus(zi_logits) + ((none + y * tail) - log_rising(total_count, y))
        return where(y == 0.0, zero, more)

    @staticmethod
    def grad(log_mean, total_count, zi_logits, y):
        # As for `NegativeBinomialMean`; `none` is −ln P(0) of the count.
        s = exp(-absolute(log_mean))
        large = log_mean > 0.0
        root = where(large, total_count * s + 1.0, total_count + s)
        mean_part, inverse = where(large, 1.0, s) / root, where(large, s, 1.0) / root
        share = where(large, 1.0 - y * s, s - y) / root
        logits, t = log_mean - log(total_count), exp(log_mean) / total_count
        above = where(t < 1.0, log1p(t), logits + softplus(-logits))
        series = 0.5 - t * (2.0 / 3.0 - t * (0.75 - t * (0.8 - t * (5.0 / 6.0))))
        drop = where(t < 0.003, t * t * series, above - mean_part)
        none = total_count * above
        counted = sigmoid(-(zi_logits + none))  # the probability that a zero is the count's own
        extra = expm1(-none) * sigmoid(zi_logits + none) * sigmoid(-zi_logits)
        pull = where(counted == 0.0, 0.0, counted * drop)
        by_count = (drop + y * inverse) - digamma_difference(total_count, y)
        zero = y == 0.0
        by_mean = total_count * where(zero, counted * mean_part, share)
        return by_mean, where(zero, pull, by_count), where(zero, extra, sigmoid(zi_logits))

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)


class PoissonHurdle(Elementwise):
    """A count whose zeros have a model of their own: log rate, and log-odds of a zero.

    Model: y is 0 with the probability σ(zero_logits), and otherwise a Poisson(exp(log_rate)) count
    given that it is not 0.

    Source: J. Mullahy, Specification and testing of some modified count data models, Journal of
    Econometrics 33, 1986.
    """

    inputs = ("log_rate", "zero_logits")
    support = counts

    @staticmethod
    def distribution(log_rate, zero_logits):
        return distributions.PoissonHurdle(exp(log_rate), zero_logits)

    @staticmethod
    def nll(log_rate, zero_logits, y):
        # ln(e^λ − 1) − y ln λ = λ + ln((1 − e^−λ) / λ) − (y − 1) ln λ
        rate = exp(log_rate)
        ratio = where(rate == 0.0, 1.0, -expm1(-rate) / rate)
        slope = where(y == 1.0, 0.0, (y - 1.0) * log_rate)
        near = (rate + log(ratio)) - slope
        far = where(rate - rate == 0.0, rate - y * log_rate, rate)
        more = softplus(zero_logits) + where(rate < 40.0, near, far)
        return where(y == 0.0, softplus(-zero_logits), more)

    @staticmethod
    def grad(log_rate, zero_logits, y):
        rate = exp(log_rate)
        # λ / (1 − e^−λ) − 1, by its series where the difference would cancel
        square = rate * rate
        tail = 1.0 / 30240.0 - square * (1.0 / 1209600.0 - square / 47900160.0)
        small = rate * (0.5 + rate * (1.0 / 12.0 - square * (1.0 / 720.0 - square * tail)))
        excess = where(rate < 0.2, small, where(rate < 40.0, -rate / expm1(-rate), rate) - 1.0)
        zero, near = y == 0.0, excess - (y - 1.0)
        slope = where(rate < 40.0, near, rate - y)
        return where(zero, 0.0, slope), where(zero, -sigmoid(-zero_logits), sigmoid(zero_logits))

    @staticmethod
    def curvature(log_rate, zero_logits, y):
        rate = exp(log_rate)
        mean = where(rate == 0.0, 1.0, where(rate < 40.0, -rate / expm1(-rate), rate))
        near = rate * (
            0.5 + rate * (1.0 / 6.0 - rate * rate * (1.0 / 180.0 - rate * rate / 5040.0))
        )
        bend = where(rate < 40.0, mean * (1.0 - (mean - rate)), rate)
        bend = where(rate < 0.03, near, bend)
        share = sigmoid(zero_logits) * sigmoid(-zero_logits)
        return where(y == 0.0, 0.0, bend), 0.0, share

    @staticmethod
    def constant(y):
        return log_gamma(y + 1.0)
