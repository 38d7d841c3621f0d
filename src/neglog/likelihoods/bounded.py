"""Likelihoods of a share and of an angle."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives import (
    bessel_ratio,
    bessel_ratio_slope,
    cos,
    digamma_difference,
    i0e,
    log,
    log1p,
    log_beta,
    log_i0,
    sin,
    trigamma,
    trigamma_difference,
    where,
)
from neglog.support import anything, nonnegative, open_unit_interval, positive, real


class Beta(Elementwise):
    """A share between 0 and 1; the model outputs the two concentrations.

    Model: y ~ Beta(concentration1, concentration0), of the mean c₁ / (c₁ + c₀).

    Source: torch.distributions.Beta; S. Ferrari, F. Cribari-Neto, Beta regression for modelling
    rates and proportions, Journal of Applied Statistics 31, 2004.
    """

    inputs = ("concentration1", "concentration0")
    domains = (positive, positive)
    support = open_unit_interval

    @staticmethod
    def distribution(concentration1, concentration0):
        return distributions.Beta(concentration1, concentration0)

    @staticmethod
    def nll(concentration1, concentration0, y):
        exponents = (1.0 - concentration1) * log(y) + (1.0 - concentration0) * log1p(-y)
        return exponents + log_beta(concentration1, concentration0)

    @staticmethod
    def grad(concentration1, concentration0, y):
        by_one = -digamma_difference(concentration1, concentration0) - log(y)
        return by_one, -digamma_difference(concentration0, concentration1) - log1p(-y)

    @staticmethod
    def curvature(concentration1, concentration0, y):
        by_one = -trigamma_difference(concentration1, concentration0)
        by_zero = -trigamma_difference(concentration0, concentration1)
        return by_one, -trigamma(concentration1 + concentration0), by_zero

    @staticmethod
    def grad_target(concentration1, concentration0, y):
        return (1.0 - concentration1) / y - (1.0 - concentration0) / (1.0 - y)


class VonMises(Elementwise):
    """An angle in radians; the model outputs its location and its concentration.

    Model: y ~ VonMises(loc, concentration), a normal distribution around the circle. Angles that
    differ by whole turns are the same.

    Source: torch.distributions.VonMises; K. V. Mardia, P. E. Jupp, Directional statistics, 2000.
    """

    inputs = ("loc", "concentration")
    domains = (anything, nonnegative)
    support = real
    normalised = False  # it integrates to 1 over one turn, not over all numbers

    @staticmethod
    def distribution(loc, concentration):
        return distributions.VonMises(loc, concentration)

    @staticmethod
    def nll(loc, concentration, y):
        # ln I₀(κ) − κ cos d cancels for a large κ: 2 κ sin²(d / 2) + ln(e^−κ I₀(κ)) does not.
        half = sin(0.5 * (y - loc))
        large = 2.0 * concentration * half * half + log(i0e(concentration))
        small = log_i0(concentration) - concentration * cos(y - loc)
        return where(concentration > 1.0, large, small)

    @staticmethod
    def grad(loc, concentration, y):
        # Both the ratio and the cosine are near 1 for a large concentration: their rests are not.
        angle, half = y - loc, sin(0.5 * (y - loc))
        t = 1.0 / concentration
        series = 0.125 + t * (0.125 + t * (0.1953125 + t * (0.40625 + t * 1.0478515625)))
        far = 2.0 * half * half - t * (0.5 + t * series)
        by_concentration = bessel_ratio(concentration) - cos(angle)
        by_concentration = where(concentration > 1000.0, far, by_concentration)
        return -(concentration * sin(angle)), by_concentration

    @staticmethod
    def curvature(loc, concentration, y):
        angle = y - loc
        return concentration * cos(angle), -sin(angle), bessel_ratio_slope(concentration)

    @staticmethod
    def grad_target(loc, concentration, y):
        return concentration * sin(y - loc)

    @staticmethod
    def constant(y):
        return 1.8378770664093453  # ln 2π
