"""Elementwise likelihoods written out in mpmath: losses and slopes, also at infinities.

Those with gamma and Bessel functions and with extra zeros are in `exactness.formulas` only.
An infinite argument stands for a number beyond every dtype, so that the results are the limits.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from mpmath import mp

from neglog import likelihoods

INFINITE = mp.mpf(10) ** 4000


def log1p_exp(x):
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def log(x):
    return mp.log(x) if x else -INFINITE


def sign(x):
    return mp.sign(x)


def times(a, b):
    return a * b if a else mp.mpf(0)


# Each takes inputs, given tensors, settings, target; returns the loss and its gradients.


def normal(x, y):
    return (x - y) ** 2 / 2, x - y, y - x


def laplace(x, y):
    return abs(x - y), sign(x - y), sign(y - x)


def huber(x, delta, y):
    e = abs(x - y)
    slope = sign(x - y) * min(e, delta)
    return (e**2 / 2 if e < delta else delta * (e - delta / 2)), slope, -slope


def quantile(x, level, y):
    slope = {1: level, -1: level - 1, 0: mp.mpf(0)}[int(sign(y - x))]
    return slope * (y - x), -slope, slope


def heteroscedastic(x, variance, eps, y):
    v, e = max(variance, eps), x - y
    return (log(v) + e**2 / v) / 2, e / v, (v - e**2) / v**2 / 2, -e / v


def binomial(x, trials, y):
    loss = times(y, log1p_exp(-x)) + times(trials - y, log1p_exp(x))
    return loss, (trials - y) * sigmoid(x) - y * sigmoid(-x), -x


def poisson(x, y):
    return mp.exp(x) - times(y, x), mp.exp(x) - y, -x


def poisson_rate(rate, eps, y):
    return rate - times(y, log(rate + eps)), 1 - times(y, 1 / (rate + eps)), -log(rate + eps)


def negative_binomial(x, dispersion, y):
    odds = x + mp.log(dispersion)
    slope = sigmoid(odds) / dispersion - y * sigmoid(-odds)
    return log1p_exp(odds) / dispersion + times(y, log1p_exp(-odds)), slope, log1p_exp(-odds)


def gamma(x, shape, y):
    power = mp.exp(-x)
    return shape * (x + y * power), shape * (1 - y * power), shape * power


def relative_entropy(x, y):
    return times(y, log(y) - x), -y, log(y) - x + 1


def relative_entropy_of_log(x, y):
    return mp.exp(y) * (y - x), -mp.exp(y), mp.exp(y) * (y - x + 1)


def weighted_bernoulli(x, weight, y):
    loss = times(weight * y, log1p_exp(-x)) + times(1 - y, log1p_exp(x))
    slope = (1 - y) * sigmoid(x) - weight * y * sigmoid(-x)
    return loss, slope, weight * log1p_exp(-x) - log1p_exp(x)


def bernoulli(x, y):
    return (*weighted_bernoulli(x, 1, y)[:2], -x)


def bernoulli_probability(p, y):
    yes, no = max(log(p), mp.mpf(-100)), max(log(1 - p), mp.mpf(-100))
    return -y * yes - (1 - y) * no, (p - y) / max(p * (1 - p), mp.mpf(1e-12)), no - yes


def signed_bernoulli(x, y):
    return log1p_exp(-y * x), -y * sigmoid(-y * x), -x * sigmoid(-y * x)


def smoothed_bernoulli(x, smoothing, y):
    return smoothed_weighted_bernoulli(x, 1, smoothing, y)


def smoothed_weighted_bernoulli(x, weight, smoothing, y):
    target = (1 - smoothing) * y + smoothing / 2
    loss, slope, by_target = weighted_bernoulli(x, weight, target)
    return loss, slope, (1 - smoothing) * by_target


def sigmoid_focal(x, alpha, gamma, y):
    p, q = sigmoid(x), sigmoid(-x)
    rest, entropy = p * (1 - y) + q * y, times(y, log1p_exp(-x)) + times(1 - y, log1p_exp(x))
    share = alpha * y + (1 - alpha) * (1 - y)
    slope = gamma * (1 - 2 * y) * p * q * entropy / rest + p * (1 - y) - q * y
    change = (2 * alpha - 1) * entropy + share * (gamma * (q - p) * entropy / rest - x)
    return [part * rest**gamma for part in (share * entropy, share * slope, change)]


def asymmetric(x, gamma_neg, gamma_pos, clip, y):
    p, q = sigmoid(x), sigmoid(-x)
    positive, inner = q**gamma_pos * log1p_exp(-x), gamma_pos * times(p, log1p_exp(-x))
    shifted = max(p - clip, mp.mpf(0))
    entropy = -mp.log(q + clip) if shifted else mp.mpf(0)
    outer = gamma_neg * entropy / shifted + 1 / (q + clip) if shifted else mp.mpf(0)
    negative = shifted**gamma_neg * entropy
    slopes = (p * q * shifted**gamma_neg * outer, -(q**gamma_pos) * (inner + q))
    return (positive if y else negative), slopes[1 if y else 0], positive - negative


def logistic_interval(lower, upper, y):
    low, high = min(lower, upper), max(lower, upper)
    inside = sigmoid(high) * sigmoid(-low) * -mp.expm1(low - high)  # σ(high) − σ(low)
    outside = sigmoid(low) + sigmoid(-high)
    share = inside if y else -outside
    slopes = (sigmoid(low) * sigmoid(-low) / share, -sigmoid(high) * sigmoid(-high) / share)
    losses = -log(inside), -log(outside)
    slopes = slopes if lower < upper else slopes[::-1]
    return losses[0 if y else 1], *slopes, losses[0] - losses[1]


def ordered_logit(score, lower, upper, y):
    low, high = min(lower, upper) - score, max(lower, upper) - score
    width = abs(upper - lower)
    coupling = 1 / mp.expm1(width) if width else INFINITE
    slopes = sigmoid(low) + coupling, -sigmoid(-high) - coupling
    loss = log1p_exp(-high) + log1p_exp(low) - log(-mp.expm1(-width))
    return loss, sigmoid(-high) - sigmoid(low), *slopes[:: 1 if lower <= upper else -1], mp.mpf(0)


def log_cosh(x, y):
    e = abs(x - y)
    slope = sign(x - y) * (1 - 2 / (mp.exp(2 * e) + 1))
    return e + mp.log1p(mp.exp(-2 * e)) - mp.log(2), slope, -slope


def normal_score(x, scale, y):
    z = (x - y) / scale
    bump = mp.sqrt(2 / mp.pi) * mp.exp(-z * z / 2) - 1 / mp.sqrt(mp.pi)
    slope = mp.erf(z / mp.sqrt(2))
    return (x - y) * slope + scale * bump, slope, bump, -slope


def student_t(x, scale, df, y):
    z = (x - y) / scale
    by_x = (df + 1) * z / (df + z * z) / scale
    loss = mp.log(scale) + (df + 1) / 2 * mp.log1p(z * z / df)
    loss = INFINITE if abs(z) > mp.sqrt(INFINITE) else loss  # it grows like a logarithm
    return loss, by_x, df * (1 - z * z) / (df + z * z) / scale, -by_x


def log_normal(x, scale, y):
    z = (x - mp.log(y)) / scale
    return mp.log(scale) + z * z / 2, z / scale, (1 - z * z) / scale, -z / scale / y


def inverse_gaussian(x, shape, y):
    inverse = mp.exp(-x)
    error = y * inverse - 1
    by_y = shape * (inverse**2 - 1 / y**2) / 2
    return shape * error**2 / (2 * y), -shape * inverse * error, by_y


def scaled_laplace(x, scale, eps, y):
    b, e = max(scale, eps), abs(x - y)
    return log(b) + e / b, sign(x - y) / b, (b - e) / b**2, -sign(x - y) / b


def expectile(x, level, y):
    part = 1 - level if x > y else level
    return part * (x - y) ** 2, 2 * part * (x - y), 2 * part * (y - x)


def exponential(x, event, y):
    return times(y, mp.exp(x)) - event * x, times(y, mp.exp(x)) - event, mp.exp(x)


def tweedie(x, exponent, dispersion, y):
    below, above = exponent - 1, 2 - exponent
    received, rate = times(y, mp.exp(-below * x)), mp.exp(above * x)
    by_y = mp.exp(-below * x) / below / dispersion
    loss = (received / below + rate / above) / dispersion
    return loss, (rate - received) / dispersion, by_y


def weibull(log_scale, log_shape, event, y):
    shape = mp.exp(log_shape)
    u = shape * (mp.log(y) - log_scale)
    if u > 1e6:  # the hazard exceeds every other number
        return INFINITE, -INFINITE, INFINITE, INFINITE
    hazard = mp.exp(u) if u > -1e6 else mp.mpf(0)
    rest = hazard - event
    loss = hazard - event * (log_shape + u - mp.log(y))
    return loss, -shape * rest, u * rest - event, (shape * rest + event) / y


def beta_weighted(x, variance, frozen, beta, y):
    weight, e = frozen**beta, x - y
    by_variance = (variance - e**2) / variance**2 / 2
    loss = (log(variance) + e**2 / variance) / 2
    return [weight * part for part in (loss, e / variance, by_variance, -e / variance)]


def mills(t):
    """Return the probability beyond t of a standard normal number, divided by the density at t."""
    if t < 0:
        return mp.sqrt(2 * mp.pi) * mp.exp(t * t / 2) - mills(-t)
    if t < 100:
        return mp.sqrt(mp.pi / 2) * mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2))
    terms, term = [], 1 / t
    while abs(term) > mp.eps / t and len(terms) < 2000:
        terms.append(term)
        term *= -(2 * len(terms) - 1) / t**2
    return mp.fsum(terms)


def beyond(z):
    """Return -ln of the probability below z of a standard normal number, and its slope."""
    if z > 100:
        return mp.mpf(0), mp.mpf(0)
    ratio = mills(-z)
    return z * z / 2 + mp.log(2 * mp.pi) / 2 - mp.log(ratio), -1 / ratio


def censored(x, scale, censoring, upper, y):
    if censoring == 2:
        with mp.workdps(1500):  # the smallest interval of the largest scale
            return between((y - x) / scale, (upper - x) / scale, (upper - y) / scale, scale)
    z = (y - x) / scale
    if censoring == 0:
        loss = z * z / 2 + mp.log(scale) + mp.log(2 * mp.pi) / 2
        return loss, -z / scale, (1 - z * z) / scale, z / scale
    loss, slope = beyond(z if censoring < 0 else -z)
    slope = -slope if censoring > 0 else slope
    return loss, -slope / scale, -z * slope / scale, slope / scale


def between(z, end, width, scale):
    """Return the loss and the slopes of an interval, whose mirror image has the same loss."""
    turned = z + end > 0
    low, high = (-end, -z) if turned else (z, end)
    fall = -width * abs(z + end) / 2
    steepness = mp.exp(fall) if fall > -1e6 else mp.mpf(0)  # the density at the lower end
    share = mills(-high) - (steepness * mills(-low) if steepness else 0)
    loss = high * high / 2 + mp.log(2 * mp.pi) / 2 - mp.log(share)
    by_low, by_high = steepness / share, -1 / share
    by_z, by_end = (-by_high, -by_low) if turned else (by_low, by_high)
    return loss, -(by_z + by_end) / scale, -(z * by_z + end * by_end) / scale, by_z / scale


def hinge_embedding(x, margin, y):
    near = mp.mpf(-1) if x <= margin else mp.mpf(0)
    return (x, mp.mpf(1), mp.mpf(0)) if y == 1 else (max(margin - x, 0), near, mp.mpf(0))


def margin_ranking(a, b, margin, y):
    term = margin - y * (a - b)
    active = term >= 0
    return max(term, 0), -y * active, y * active, (b - a) * active


EXACT: dict[Any, Any] = {
    likelihoods.Weibull: weibull,
    likelihoods.BetaWeightedNormal: beta_weighted,
    likelihoods.CensoredNormal: censored,
    likelihoods.HingeEmbedding: hinge_embedding,
    likelihoods.MarginRanking: margin_ranking,
    likelihoods.Binomial: binomial,
    likelihoods.Exponential: exponential,
    likelihoods.Tweedie: tweedie,
    likelihoods.QuantileOfLevel: quantile,
    likelihoods.StudentT: student_t,
    likelihoods.LogNormal: log_normal,
    likelihoods.InverseGaussian: inverse_gaussian,
    likelihoods.ScaledLaplace: scaled_laplace,
    likelihoods.Expectile: expectile,
    likelihoods.LogCosh: log_cosh,
    likelihoods.NormalScore: normal_score,
    likelihoods.Normal: normal,
    likelihoods.Laplace: laplace,
    likelihoods.Huber: huber,
    likelihoods.Quantile: quantile,
    likelihoods.HeteroscedasticNormal: heteroscedastic,
    likelihoods.Poisson: poisson,
    likelihoods.PoissonRate: poisson_rate,
    likelihoods.NegativeBinomial: negative_binomial,
    likelihoods.Gamma: gamma,
    likelihoods.RelativeEntropy: relative_entropy,
    likelihoods.RelativeEntropyOfLog: relative_entropy_of_log,
    likelihoods.Bernoulli: bernoulli,
    likelihoods.WeightedBernoulli: weighted_bernoulli,
    likelihoods.SmoothedBernoulli: smoothed_bernoulli,
    likelihoods.SmoothedWeightedBernoulli: smoothed_weighted_bernoulli,
    likelihoods.SigmoidFocal: sigmoid_focal,
    likelihoods.Asymmetric: asymmetric,
    likelihoods.BernoulliProbability: bernoulli_probability,
    likelihoods.SignedBernoulli: signed_bernoulli,
    likelihoods.LogisticInterval: logistic_interval,
    likelihoods.OrderedLogit: ordered_logit,
}

EMPTY: dict[Any, Any] = {  # intervals that hold no number
    likelihoods.LogisticInterval: lambda lower, upper, y: lower == upper,
    likelihoods.OrderedLogit: lambda score, lower, upper, y: lower == upper,
    likelihoods.CensoredNormal: lambda x, scale, censoring, upper, y: censoring == 2 and upper <= y,
}


def exact(likelihood: Any, point: tuple[float, ...]) -> tuple[Any, ...]:
    """Return the loss and its gradients at a point: inputs, given tensors, settings, target."""
    numbers = [mp.sign(v) * INFINITE if math.isinf(v) else mp.mpf(v) for v in point]
    return EXACT[likelihood](*numbers)


def rounded(number: Any, dtype: torch.dtype) -> float:
    """Return a number in a dtype: infinite where it is beyond the dtype's largest."""
    return torch.tensor(float(number), dtype=torch.float64).to(dtype).item()
