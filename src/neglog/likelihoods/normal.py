"""Losses of a normal prediction: a weighted likelihood, a score, and censored targets."""

from __future__ import annotations

from neglog.likelihood import Elementwise
from neglog.primitives.reference import (
    absolute,
    erf,
    exp,
    expm1,
    gaussian,
    inverse_mills,
    log,
    log1p,
    log_ndtr,
    power,
    where,
)
from neglog.support import Support, anything, positive, real


def _is_censoring(code):
    return (code == 0.0) | (code == 1.0) | (code == -1.0) | (code == 2.0)


_CENSORING = Support(
    "-1, 0, 1 or 2", _is_censoring, members=(-1.0, 0.0, 1.0, 2.0), outsiders=(0.5, 3.0, -2.0)
)


class BetaWeightedNormal(Elementwise):
    """A normal target whose likelihood is weighted by a power of the predicted variance: β-NLL.

    Model: y ~ Normal(mean, √variance), each loss multiplied by variance^β. The weight is a
    constant, `frozen` the same variance without a gradient: at β = 0 this is the normal likelihood,
    at β = 1 the gradient by the mean is that of least squares.

    Source: M. Seitzer, A. Tavakoli, D. Antic, G. Martius, On the pitfalls of heteroscedastic
    uncertainty estimation with probabilistic neural networks, ICLR 2022.
    """

    inputs = ("mean", "variance")
    given = ("frozen",)
    settings = ("beta",)
    domains = (anything, positive)
    support = real
    normalised = False

    @staticmethod
    def nll(mean, variance, frozen, beta, y):
        error = mean - y
        return 0.5 * power(frozen, beta) * (log(variance) + error * (error / variance))

    @staticmethod
    def grad(mean, variance, frozen, beta, y):
        weight, error = power(frozen, beta), mean - y
        by_variance = 0.5 * weight * ((variance - error * error) / variance) / variance
        return weight * (error / variance), by_variance

    @staticmethod
    def curvature(mean, variance, frozen, beta, y):
        weight, error = power(frozen, beta), mean - y
        z = error / variance
        by_variance = weight * (z * (z / variance) - 0.5 / variance / variance)
        return weight / variance, -weight * (z / variance), by_variance

    @staticmethod
    def grad_target(mean, variance, frozen, beta, y):
        return power(frozen, beta) * ((y - mean) / variance)


class NormalScore(Elementwise):
    """A normal forecast of a real target: the continuous ranked probability score (CRPS).

    Model: ∫ (F(t) − [t ≥ y])² dt, with F the distribution function of Normal(mean, scale). It is a
    score in the unit of the target, not a likelihood: for a scale of 0 it is the absolute error.

    Source: T. Gneiting, A. E. Raftery, A. H. Westveld, T. Goldman, Calibrated probabilistic
    forecasting using ensemble model output statistics and minimum CRPS estimation, Monthly Weather
    Review 133, 2005.
    """

    inputs = ("mean", "scale")
    domains = (anything, positive)
    support = real
    normalised = False

    @staticmethod
    def nll(mean, scale, y):
        z = 0.7071067811865475 * (mean - y) / scale
        bump = 0.7978845608028654 * gaussian(z) - 0.5641895835477563  # √(2/π), 1/√π
        return (mean - y) * erf(z) + scale * bump

    @staticmethod
    def grad(mean, scale, y):
        z = 0.7071067811865475 * (mean - y) / scale
        return erf(z), 0.7978845608028654 * gaussian(z) - 0.5641895835477563

    @staticmethod
    def curvature(mean, scale, y):
        u = (mean - y) / scale
        density = 0.7978845608028654 * gaussian(0.7071067811865475 * u) / scale
        bend = where(density == 0.0, 0.0, u * density)  # ∞ · 0 is 0 here
        return density, -bend, where(density == 0.0, 0.0, u * bend)

    @staticmethod
    def grad_target(mean, scale, y):
        return -erf(0.7071067811865475 * (mean - y) / scale)


class CensoredNormal(Elementwise):
    """A normal target that is only known to lie below, above or between bounds: Tobit.

    Model: y* ~ Normal(mean, scale). `censoring` states what is known of it: 0, y* = y; −1, y* ≤ y
    (left); 1, y* ≥ y (right); 2, y ≤ y* ≤ upper (interval). The loss of a censored target is minus
    the logarithm of a probability, that of an observed one includes ½ ln 2π.

    Source: J. Tobin, Estimation of relationships for limited dependent variables, Econometrica 26,
    1958.
    """

    inputs = ("mean", "scale")
    given = ("censoring", "upper")
    given_domains = (_CENSORING, anything)
    domains = (anything, positive)
    support = real
    normalised = False

    @staticmethod
    def nll(mean, scale, censoring, upper, y):
        z, end, width = (y - mean) / scale, (upper - mean) / scale, (upper - y) / scale
        observed = 0.5 * z * z + log(scale) + 0.9189385332046727
        # Of an interval above the mean the mirror image: both tails are then below it.
        turned = z + end > 0.0
        low, high = where(turned, -end, z), where(turned, -z, end)
        between = censoring == 2.0
        side = where(between, high, where(censoring < 0.0, z, -z))
        tail = log_ndtr(side)
        # ln(Φ(low) / Φ(high)); far out it is that of the densities.
        gap = where(high > -1e5, log_ndtr(low) - tail, -0.5 * width * absolute(z + end))
        gap = where(between, gap, -1.0)
        near = log(-expm1(where(gap > -0.5, gap, -0.5)))
        inside = where(between, where(gap > -0.5, near, log1p(-exp(gap))), 0.0)
        # A narrow interval: its width times the density in its middle, and Hermite's series.
        middle, t = 0.5 * (z + end), 0.25 * width * width
        b = middle * middle * t
        cubic = b * (b * (b - 15.0 * t) + 45.0 * t * t) - 15.0 * t * t * t
        series = (b - t) / 6.0 + (b * (b - 6.0 * t) + 3.0 * t * t) / 120.0 + cubic / 5040.0
        is_narrow = between & (t < 0.00025) & (b < 0.001)
        ratio = log(where(is_narrow, width, 1.0)) + log1p(where(is_narrow, series, 0.0))
        narrow = 0.5 * middle * middle + 0.9189385332046727 - ratio
        return where(censoring == 0.0, observed, where(is_narrow, narrow, -tail - inside))

    @staticmethod
    def grad(mean, scale, censoring, upper, y):
        z, end, width = (y - mean) / scale, (upper - mean) / scale, (upper - y) / scale
        turned = z + end > 0.0
        low, high = where(turned, -end, z), where(turned, -z, end)
        between = censoring == 2.0
        side = where(between, high, where(censoring < 0.0, z, -z))
        # The densities at the ends, relative to the probability.
        at_side, drop = inverse_mills(side), -0.5 * width * absolute(z + end)
        steepness = where(between, exp(drop), 0.0)
        above = where(steepness > 0.0, at_side / inverse_mills(low), 1.0)
        share = 1.0 - steepness * above
        difference = where(between, -expm1(drop), 1.0) * at_side
        sign = where(between, where(turned, -1.0, 1.0), where(censoring < 0.0, 1.0, -1.0))
        other = where(steepness > 0.0, low * (at_side * steepness), 0.0)
        by_mean, pull = sign * difference / share, where(at_side == 0.0, 0.0, side * at_side)
        by_scale = (pull - other) / share
        # A narrow interval: see `nll`.
        middle, t = 0.5 * (z + end), 0.25 * width * width
        b = middle * middle * t
        linear, square = (b - t) / 6.0, (b * (b - 6.0 * t) + 3.0 * t * t) / 120.0
        cubic = (b * (b * (b - 15.0 * t) + 45.0 * t * t) - 15.0 * t * t * t) / 5040.0
        whole = 1.0 + linear + square + cubic
        bend = 1.0 / 3.0 + (b - 3.0 * t) / 30.0 + (b * (b - 10.0 * t) + 15.0 * t * t) / 840.0
        slope = middle * (1.0 - t * bend / whole)
        spread = 1.0 + (2.0 * linear + 4.0 * square + 6.0 * cubic) / whole - middle * slope
        is_narrow = between & (t < 0.00025) & (b < 0.001)
        by_mean = where(censoring == 0.0, -z, where(is_narrow, -slope, by_mean))
        by_scale = where(is_narrow, spread, by_scale)
        observed = (1.0 - z) * ((1.0 + z) / scale)  # the square may overflow
        return by_mean / scale, where(censoring == 0.0, observed, by_scale / scale)

    @staticmethod
    def grad_target(mean, scale, censoring, upper, y):
        # As `grad`: the density at y, relative to the probability.
        z, end, width = (y - mean) / scale, (upper - mean) / scale, (upper - y) / scale
        turned = z + end > 0.0
        low, high = where(turned, -end, z), where(turned, -z, end)
        between = censoring == 2.0
        side = where(between, high, where(censoring < 0.0, z, -z))
        at_side, drop = inverse_mills(side), -0.5 * width * absolute(z + end)
        steepness = where(between, exp(drop), 0.0)
        above = where(steepness > 0.0, at_side / inverse_mills(low), 1.0)
        fall = where(turned, 1.0, steepness)
        inside = where(fall == 0.0, 0.0, at_side * fall) / (1.0 - steepness * above)
        # The derivatives of the series of `nll` by b and t, and those by z.
        middle, t = 0.5 * (z + end), 0.25 * width * width
        b = middle * middle * t
        whole = 1.0 + (b - t) / 6.0 + (b * (b - 6.0 * t) + 3.0 * t * t) / 120.0
        whole = whole + (b * (b * (b - 15.0 * t) + 45.0 * t * t) - 15.0 * t * t * t) / 5040.0
        by_b = 1.0 / 6.0 + (b - 3.0 * t) / 60.0 + (b * (b - 10.0 * t) + 15.0 * t * t) / 1680.0
        by_t = 1.0 / 6.0 + (b - t) / 20.0 + (b * (b - 6.0 * t) + 3.0 * t * t) / 336.0
        change = by_b * middle * (t - 0.5 * middle * width) + 0.5 * by_t * width
        narrow = 0.5 * middle + 1.0 / where(between, width, 1.0) - change / whole
        slope = where(between & (t < 0.00025) & (b < 0.001), narrow, inside)
        tail = where(censoring < 0.0, -at_side, at_side)
        return where(censoring == 0.0, z, where(between, slope, tail)) / scale
