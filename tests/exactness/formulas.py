"""Textbook formulas of declared losses: the addends of each, whose derivatives follow.

Constants without a model output, which `full` adds, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from exactness import dual
from exactness.dual import Dual, absolute, exp, hinge, log, log_gamma, power, sigmoid, softplus
from exactness.textbook import Truth, bernoulli

LEVEL, MARGIN, DF, DISPERSION, EXPONENT = 0.375, 0.3125, 3.5, 0.75, 1.375
GAMMA, ALPHA, CLIP, SHAPE, BETA, SMOOTHING, EPS = 2.0, 0.25, 0.0625, 2.5, 0.5, 0.125, 1e-6
Z = mp.mpf  # exact, as every setting but the last


def differentiated(formula: Callable[..., list[Any]], inputs: int) -> Callable[..., Truth]:
    """Return the truth of a formula of the prediction, the target and further numbers.

    Args:
        formula: returns the addends of the loss.
        inputs: how many tensors are differentiated: the prediction, and the first further ones.
    """

    def truth(x: Any, y: Any, *further: Any) -> Truth:
        places = iter(range(10**6))
        x, *others = (_seeded(t, places) for t in (x, *further[: inputs - 1]))
        count = next(places)
        addends = formula(x, y, *others, *further[inputs - 1 :])
        slopes = [[dual.slopes_of(a).get(place, 0) for a in addends] for place in range(count)]
        return Truth([dual.value_of(a) for a in addends], slopes)

    return truth


def _seeded(numbers: Any, places: Any) -> Any:
    """Return the numbers of a tensor with the derivative 1 by themselves."""
    if isinstance(numbers, list):
        return [_seeded(each, places) for each in numbers]
    return Dual(numbers, {next(places): mp.mpf(1)})


def square(x, y):
    return [(x - y) * (x - y)]


def expectile(x, y):
    return [Z(1 - LEVEL if dual.value_of(x) > y else LEVEL) * (x - y) * (x - y)]


def log_cosh(x, y):
    return [log(dual.cosh(x - y))]


def student_t(x, y, scale):
    z = (x - y) / scale
    return [log(scale), Z(DF + 1) / 2 * log(1 + z * z / Z(DF))]


def laplace(x, y, scale):
    return [log(scale), absolute(x - y) / scale]


def weighted_normal(x, y, variance):
    weight, error = dual.value_of(variance) ** Z(BETA), x - y
    return [weight / 2 * log(variance), weight / 2 * error * error / variance]


def normal_score(x, y, scale):
    z = (x - y) / scale
    bump = mp.sqrt(2 / mp.pi) * exp(-z * z / 2)
    return [(x - y) * dual.erf(z / mp.sqrt(2)), scale * bump, -scale / mp.sqrt(mp.pi)]


def log_chance(high, low=None):
    """Return ln of the normal probability below a number, or between two; near 0 if it is."""
    if dual.value_of(high) > 0:
        beyond = dual.normal(-high) + (0 if low is None else dual.normal(low))
        return dual.log1p(-beyond)
    return log(dual.normal(high) - (0 if low is None else dual.normal(low)))


def censored(x, y, scale, censoring, upper):
    z, end = (y - x) / scale, (upper - x) / scale
    if censoring == 0:
        return [z * z / 2, log(scale), Z(log(2 * mp.pi) / 2)]
    if censoring == 2:
        turned = dual.value_of(z) + dual.value_of(end) > 0  # far out both are below the mean then
        return [-log_chance(-z, -end) if turned else -log_chance(end, z)]
    return [-log_chance(z if censoring < 0 else -z)]


def exponential(x, y, event):
    return [exp(x) * y, -event * x]


def weibull(log_scale, y, log_shape, event):
    u = exp(log_shape) * (log(y) - log_scale)
    return [exp(u), -event * log_shape, -event * u, event * log(y)]


def log_normal(x, y, scale):
    z = (x - log(y)) / scale
    return [log(scale), z * z / 2]


def inverse_gaussian(x, y):
    return [Z(SHAPE) / 2 * part for part in (y * exp(-2 * x), -2 * exp(-x), 1 / y)]


def tweedie(x, y):
    one, two = Z(EXPONENT - 1), Z(2 - EXPONENT)
    return [y * exp(-one * x) / one / Z(DISPERSION), exp(two * x) / two / Z(DISPERSION)]


def rising(c, n):
    """Return ln(c (c + 1) … (c + n − 1))."""
    return log_gamma(c + n) - log_gamma(c)


def negative_binomial(odds, y, total):
    return [total * log(1 + odds), y * log(1 + 1 / odds), -rising(total, y)]


def negative_binomial_of_mean(x, y, total):
    return negative_binomial(exp(x) / total, y, total)


def negative_binomial_of_logits(x, y, total):
    return negative_binomial(exp(x), y, total)


def zero_inflated(zero_logits, y, log_zero, more):
    """Return the addends of a count with extra zeros, given −ln P(0) and its own addends."""
    if y == 0:
        extra = sigmoid(zero_logits)
        return [-log(extra + (1 - extra) * exp(-log_zero))]
    return [softplus(zero_logits), *more]


def zero_inflated_poisson(x, y, zero_logits):
    return zero_inflated(zero_logits, y, exp(x), [exp(x), -y * x])


def zero_inflated_negative_binomial(x, y, total, zero_logits):
    odds = exp(x) / total
    more = negative_binomial(odds, y, total)
    return zero_inflated(zero_logits, y, total * log(1 + odds), more)


def hurdle(x, y, zero_logits):
    if y == 0:
        return [softplus(-zero_logits)]
    return [softplus(zero_logits), exp(x) + log(1 - exp(-exp(x))), -y * x]


def binomial(x, y, trials):
    return [y * softplus(-x), (trials - y) * softplus(x)]


def beta_binomial(one, y, zero, trials):
    return [rising(one + zero, trials), -rising(one, y), -rising(zero, trials - y)]


def beta(one, y, zero):
    log_beta = log_gamma(one) + log_gamma(zero) - log_gamma(one + zero)
    return [(1 - one) * log(y), (1 - zero) * log(1 - y), log_beta]


def von_mises(x, y, concentration):
    return [log(dual.bessel(concentration)) - concentration * dual.cos(x - y)]


def sigmoid_focal(x, y):
    right = x if y else -x
    return [Z(ALPHA if y else 1 - ALPHA) * power(sigmoid(-right), Z(GAMMA)) * softplus(-right)]


def asymmetric(x, y):
    if y:
        return [sigmoid(-x) * softplus(-x)]
    shifted = hinge(sigmoid(x) - Z(CLIP))
    return [power(shifted, 4) * -log(1 - shifted) if dual.value_of(shifted) else shifted]


def smoothed_bernoulli(x, y):
    return bernoulli(x, (1 - Z(SMOOTHING)) * y + Z(SMOOTHING) / 2)


def interval(low, high):
    """Return −ln(σ(high) − σ(low)), the sigmoids brought to a common denominator."""
    return [-log((exp(high) - exp(low)) / ((1 + exp(low)) * (1 + exp(high))))]


def ordered(x, y, lower, upper):
    return interval(lower - x, upper - x)


def of_thresholds(x, y, thresholds):
    if 0 < y < len(thresholds):
        return interval(thresholds[int(y) - 1] - x, thresholds[int(y)] - x)
    return [softplus(x - thresholds[0]) if y == 0 else softplus(thresholds[-1] - x)]


def hinge_embedding(x, y):
    return [x if y == 1 else hinge(1 - x)]


def margin_ranking(x, y, other):
    return [hinge(Z(MARGIN) - y * (x - other))]


def symmetric(z):
    """Return the addends of ln(1 + eᶻ) = ln(e^(z/2) + e^(−z/2)) + z/2."""
    return [log(2 * dual.cosh(z / 2)), z / 2]


def bradley_terry(x, y, other):
    return symmetric(other - x + Z(MARGIN))


def row_of(weigh: Callable[[Any], list[Any]]) -> Callable[..., Truth]:
    """Return the truth of a row against its label, given the addends by the log-probability."""

    def truth(x: Any, y: Any) -> Truth:
        powers = [mp.exp(z) for z in x]
        shares = [p / mp.fsum(powers) for p in powers]
        rest = 1 - shares[int(y)]
        addends = weigh(Dual(mp.log(shares[int(y)]), {0: mp.mpf(1)}))
        slopes = [dual.slopes_of(a).get(0, 0) for a in addends]
        by_logit = [rest if k == y else -p for k, p in enumerate(shares)]
        return Truth([a.value for a in addends], [[s * by for s in slopes] for by in by_logit])

    return truth


def focal(log_p):
    return [-power(1 - exp(log_p), 2) * log_p]


def poly(log_p):
    return [-log_p, 1 - exp(log_p)]


def generalized(log_p):
    return [(1 - exp(Z(0.7) * log_p)) / Z(0.7)]
