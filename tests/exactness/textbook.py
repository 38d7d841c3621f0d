"""The losses as a textbook has them: -log of the likelihood, by mpmath, and its derivatives.

No form here is arranged against cancellation: the digits are there instead. A result is given by
its addends, so that one sees which of them cancel; the derivatives are those of the formula above
them by the chain rule.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mpmath as mp


class Truth(NamedTuple):
    """What one sample adds: the addends of its loss and of each derivative."""

    loss: list[Any]
    gradients: list[list[Any]]
    count: Any = 1  # what the sample adds to the divisor of a mean


def square(x, y):
    return Truth([(x - y) ** 2], [[2 * (x - y)]])


def distance(x, y):
    return Truth([abs(x - y)], [[mp.sign(x - y)]])


def huber(delta, divisor):
    delta, divisor = mp.mpf(delta), mp.mpf(divisor)

    def loss(x, y):
        error = x - y
        if abs(error) <= delta:
            return Truth([error**2 / 2 / divisor], [[error / divisor]])
        beyond = delta * (abs(error) - delta / 2) / divisor
        return Truth([beyond], [[delta * mp.sign(error) / divisor]])

    return loss


def normal(eps):
    def loss(x, y, variance):
        v, error = max(variance, mp.mpf(eps)), x - y
        by_variance = [1 / (2 * v), -(error**2) / (2 * v**2)]
        return Truth([mp.log(v) / 2, error**2 / (2 * v)], [[error / v], by_variance])

    return loss


def poisson(x, y):
    return Truth([mp.exp(x), -y * x], [[mp.exp(x), -y]])


def poisson_rate(eps):
    def loss(x, y):
        rate = x + mp.mpf(eps)
        return Truth([x, -y * mp.log(rate)], [[mp.mpf(1), -y / rate]])

    return loss


def gamma(shape):
    shape = mp.mpf(shape)

    def loss(x, y):
        ratio = shape * y * mp.exp(-x)
        return Truth([shape * x, ratio], [[shape, -ratio]])

    return loss


def negative_binomial(dispersion):
    dispersion = mp.mpf(dispersion)

    def loss(x, y):
        mean = mp.exp(x)
        whole = 1 + dispersion * mean
        beyond = -y * mp.log(dispersion * mean / whole)
        return Truth([mp.log(whole) / dispersion, beyond], [[mean / whole, -y / whole]])

    return loss


def check(level):
    level = mp.mpf(level)

    def loss(x, y):
        slope = level if y > x else level - 1
        return Truth([slope * (y - x)], [[-slope if y != x else mp.mpf(0)]])

    return loss


def interval(lower, y, upper):
    """The sigmoids brought to a common denominator: their difference may need many digits."""
    low, high = mp.exp(min(lower, upper)), mp.exp(max(lower, upper))
    whole = (1 + low) * (1 + high)
    p = (high - low) / whole if y else (1 + 2 * low + low * high) / whole
    sign = -1 if (lower <= upper) == bool(y) else 1
    slopes = [[sign * mp.exp(z) / (1 + mp.exp(z)) ** 2 / p] for z in (upper, lower)]
    return Truth([-mp.log(p)], [[-slopes[1][0]], slopes[0]])


def bernoulli(x, y, positive_weight=1):
    yes, no = 1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))
    loss = [-positive_weight * y * mp.log(yes), -(1 - y) * mp.log(no)]
    return Truth(loss, [[-positive_weight * y * no, (1 - y) * yes]])


def bernoulli_probability(x, y):
    """Torch's clamps are part of the definition: logarithms of at least -100, and the 1e-12."""
    yes, no = (max(mp.log(p), -100) if p else mp.mpf(-100) for p in (x, 1 - x))
    slope = (x - y) / max(x * (1 - x), mp.mpf(1e-12))
    return Truth([-y * yes, -(1 - y) * no], [[slope]])


def signed_bernoulli(x, y):
    likelihood = 1 / (1 + mp.exp(-y * x))
    return Truth([-mp.log(likelihood)], [[-y * (1 - likelihood)]])


def many_bernoulli(x, y):
    """The average over the labels of one sample."""
    each, size = [bernoulli(*pair) for pair in zip(x, y, strict=True)], len(x)
    loss = [addend / size for truth in each for addend in truth.loss]
    return Truth(loss, [[a / size for a in truth.gradients[0]] for truth in each])


def relative_entropy(x, y):
    return Truth([y * mp.log(y), -y * x] if y else [mp.mpf(0)], [[-y]])


def relative_entropy_of_log(x, y):
    return Truth([mp.exp(y) * (y - x)], [[-mp.exp(y)]])


def categorical(x, shares, weights=None):
    """The row's softmax against the share of the target that lies on each class."""
    parts = [t * w for t, w in zip(shares, weights or [1] * len(x), strict=True)]
    powers = [mp.exp(z) for z in x]
    total, all_parts = mp.fsum(powers), mp.fsum(parts)
    likely = [power / total for power in powers]
    loss = [-part * mp.log(p) for part, p in zip(parts, likely, strict=True) if part]
    slopes = [[p * (all_parts - t), -t * (1 - p)] for t, p in zip(parts, likely, strict=True)]
    return Truth(loss, slopes)


def label(smoothing):
    """The categorical loss of a label, some of which is spread over all classes."""
    smoothing = mp.mpf(smoothing)

    def loss(x, y, weights=None):
        shares = [smoothing / len(x)] * len(x)
        shares[int(y)] += 1 - smoothing
        count = weights[int(y)] if weights else 1
        return categorical(x, shares, weights)._replace(count=count)

    return loss


def log_probability_of_label(x, y, weights=None):
    weight, gradients = weights[int(y)] if weights else mp.mpf(1), [[mp.mpf(0)] for _ in x]
    gradients[int(y)] = [-weight]
    return Truth([-weight * x[int(y)]], gradients, weight)
