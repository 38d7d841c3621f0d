"""Likelihoods of a target that is one of several ordered classes."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import (
    absolute,
    at_least,
    centred_sigmoid,
    difference,
    exp,
    expm1,
    log,
    log1p,
    sigmoid,
    softplus,
    where,
)
from neglog.support import counts, ends_of_unit_interval


class LogisticInterval(Elementwise):
    """Whether a logistic variable falls between two numbers: cumulative logits, ordinal models.

    Model: y ~ Bernoulli(|σ(upper) − σ(lower)|), σ the sigmoid. With ordered classes between
    increasing thresholds, class k of a row with the score z is the interval from
    threshold k − z to threshold k + 1 − z, the outermost thresholds being infinite, and y is 1.
    The two may come in either order. Where they are equal, the loss of a 1 is infinite and the
    derivatives are those of an upper number that is about to grow.

    Source: P. McCullagh, Regression models for ordinal data, JRSS B 42, 1980.
    """

    inputs = ("lower", "upper")
    support = ends_of_unit_interval
    smooth = False

    @staticmethod
    def distribution(lower, upper):
        return distributions.LogisticInterval(lower, upper)

    @staticmethod
    def nll(lower, upper, y):
        low, high = where(lower > upper, upper, lower), where(lower > upper, lower, upper)
        width = where(low == high, 0.0, high - low)  # ∞ − ∞ is 0 here
        power = exp(-width)
        part = 2.0 * centred_sigmoid(width) * (1.0 + power)  # 1 − exp(−width)
        log_part = where(width > 1.0, log1p(-power), log(part))
        # σ(high) − σ(low) = σ(high) · σ(−low) · part, and the rest is σ(low) + σ(−high).
        inside = softplus(-high) + softplus(low) - log_part
        p = sigmoid(high) * sigmoid(-low) * part
        below, above = softplus(-low), softplus(high)
        gap = where(below == above, 0.0, absolute(below - above))
        nearer = where(below > above, above, below)
        outside = where(p < 0.5, -log1p(-p), nearer - log1p(exp(-gap)))
        return where(y == 0.0, outside, inside)

    @staticmethod
    def grad(lower, upper, y):
        low, high = where(lower > upper, upper, lower), where(lower > upper, lower, upper)
        width = where(low == high, 0.0, high - low)
        power = exp(-width)
        coupling = power / (2.0 * centred_sigmoid(width) * (1.0 + power))
        below, above = softplus(-low), softplus(high)
        gap = where(below == above, 0.0, below - above)
        by_low = where(y == 0.0, -sigmoid(-low) * sigmoid(-gap), sigmoid(low) + coupling)
        by_high = where(y == 0.0, sigmoid(high) * sigmoid(gap), -sigmoid(-high) - coupling)
        crossed = lower > upper
        return where(crossed, by_high, by_low), where(crossed, by_low, by_high)

    @staticmethod
    def curvature(lower, upper, y):
        low, high = where(lower > upper, upper, lower), where(lower > upper, lower, upper)
        width = where(low == high, 0.0, high - low)
        power = exp(-width)
        part = 2.0 * centred_sigmoid(width) * (1.0 + power)
        both = power / (part * part)
        below, above = softplus(-low), softplus(high)
        gap = where(below == above, 0.0, below - above)
        by_low, by_high = -sigmoid(-low) * sigmoid(-gap), sigmoid(high) * sigmoid(gap)
        low_out = by_low * (sigmoid(-low) * sigmoid(gap) - sigmoid(low))
        high_out = by_high * (sigmoid(-high) - sigmoid(high) * sigmoid(-gap))
        low_low = where(y == 0.0, low_out, sigmoid(low) * sigmoid(-low) + both)
        high_high = where(y == 0.0, high_out, sigmoid(high) * sigmoid(-high) + both)
        crossed = lower > upper
        mixed = where(y == 0.0, by_low * by_high, -both)
        return where(crossed, high_high, low_low), mixed, where(crossed, low_low, high_high)

    @staticmethod
    def grad_target(lower, upper, y):
        # The loss of a 1 less that of a 0: the log-odds of falling outside.
        low, high = where(lower > upper, upper, lower), where(lower > upper, lower, upper)
        width = where(low == high, 0.0, high - low)
        power = exp(-width)
        part = 2.0 * centred_sigmoid(width) * (1.0 + power)
        log_part = where(width > 1.0, log1p(-power), log(part))
        below, above = softplus(-low), softplus(high)
        gap = where(below == above, 0.0, absolute(below - above))
        nearer = where(below > above, above, below)
        outside = nearer - log1p(exp(-gap))
        return softplus(-high) + softplus(low) - log_part - outside

    @staticmethod
    def constant(y):
        return 0.0


class OrderedLogit(Elementwise):
    """An ordered class, given the thresholds below and above it: proportional odds.

    Model: P(y ≤ k) = σ(threshold k − score), σ the sigmoid. `lower` and `upper` are the thresholds
    on both sides of class y, infinite at the ends, so that P(y) = σ(upper − score) − σ(lower −
    score). The width of the interval does not depend on the score, so that a narrow one is exact at
    an extreme score. The thresholds may come in either order; equal ones have an infinite loss.

    Source: P. McCullagh, Regression models for ordinal data, JRSS B 42, 1980.
    """

    inputs = ("score", "lower", "upper")
    support = counts
    normalised = False  # each class has thresholds of its own
    smooth = False

    @staticmethod
    def nll(score, lower, upper, y):
        crossed, width = lower > upper, absolute(difference(upper, lower))
        low = difference(where(crossed, upper, lower), score)
        high = difference(where(crossed, lower, upper), score)
        below, above = exp(-absolute(low)), exp(-absolute(high))
        # P = σ(high) · σ(−low) · (1 − e^(−width)); each term is positive.
        odds = (below + above + below * above + exp(-width)) / -expm1(-width)
        return at_least(-high, 0.0) + at_least(low, 0.0) + log1p(odds)

    @staticmethod
    def grad(score, lower, upper, y):
        crossed, width = lower > upper, absolute(difference(upper, lower))
        low = difference(where(crossed, upper, lower), score)
        high = difference(where(crossed, lower, upper), score)
        below, above = exp(-absolute(low)), exp(-absolute(high))
        of_low = where(low > 0.0, 1.0, below) / (1.0 + below)  # σ(low)
        of_high = where(high > 0.0, above, 1.0) / (1.0 + above)  # σ(−high)
        coupling = exp(-width) / -expm1(-width)
        by_low, by_high = of_low + coupling, -of_high - coupling
        by_lower, by_upper = where(crossed, by_high, by_low), where(crossed, by_low, by_high)
        return of_high - of_low, by_lower, by_upper

    @staticmethod
    def curvature(score, lower, upper, y):
        width = absolute(difference(upper, lower))
        part, low, high = -expm1(-width), difference(lower, score), difference(upper, score)
        both = exp(-width) / (part * part)
        of_lower, of_upper = sigmoid(low) * sigmoid(-low), sigmoid(high) * sigmoid(-high)
        by_score = of_lower + of_upper
        return by_score, -of_lower, -of_upper, of_lower + both, -both, of_upper + both
