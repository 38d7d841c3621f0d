"""Likelihoods of a real target whose errors are heavier-tailed than normal, or asymmetric."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import (
    absolute,
    at_least,
    exp,
    expm1,
    log,
    log1p,
    log_rising,
    sqrt,
    tanh,
    where,
)
from neglog.support import anything, nonnegative, positive, real


class LogCosh(Elementwise):
    """A real target with errors from a hyperbolic secant: smooth, and like |error| far away.

    Model: y ~ HyperbolicSecant(mean), of the density 1 / (π cosh(y − mean)). Unlike the absolute
    error, the loss ln cosh(y − mean) has all derivatives at 0.

    Source: D. R. Cox, D. V. Hinkley, Theoretical statistics, 1974 (the distribution); R. A. Saleh,
    A. K. Md. E. Saleh, Statistical properties of the log-cosh loss function used in machine
    learning, arXiv:2208.04564, 2022.
    """

    inputs = ("mean",)
    support = real
    link = "identity"

    @staticmethod
    def distribution(mean):
        return distributions.HyperbolicSecant(mean)

    @staticmethod
    def nll(mean, y):
        error = absolute(mean - y)
        fall = expm1(-2.0 * error)
        slope = -fall / (2.0 + fall)  # tanh; near 0, cosh is a power of 1 − tanh²
        power = log1p(where(error < 1.0, -slope * slope, 1.0 + fall))
        return where(error < 1.0, -0.5 * power, error - 0.6931471805599453 + power)

    @staticmethod
    def grad(mean, y):
        fall = expm1(-2.0 * absolute(mean - y))
        slope = -fall / (2.0 + fall)
        return where(mean < y, -slope, slope)

    @staticmethod
    def curvature(mean, y):
        power = exp(-2.0 * absolute(mean - y))
        return 4.0 * power / ((1.0 + power) * (1.0 + power))

    @staticmethod
    def grad_target(mean, y):
        return tanh(y - mean)

    @staticmethod
    def constant(y):
        return 1.1447298858494002  # ln π

    @staticmethod
    def information(mean):
        return 0.5


class StudentT(Elementwise):
    """A real target with heavy-tailed errors: y ~ location + scale · t(df).

    Model: y ~ StudentT(df, location, scale). Far targets pull little: the gradient by the location
    falls with their distance. At df = 1 the errors are Cauchy's; for large df they are normal.

    Source: K. L. Lange, R. J. A. Little, J. M. G. Taylor, Robust statistical modeling using the t
    distribution, Journal of the American Statistical Association 84, 1989.
    """

    inputs = ("location", "scale")
    settings = ("df",)
    domains = (anything, positive)
    support = real
    link = "identity"

    @staticmethod
    def distribution(location, scale, df):
        return distributions.StudentT(df, location, scale)

    @staticmethod
    def nll(location, scale, df, y):
        # ½ ln(1 + z² / df), and far out ln(z / √df), which needs no square.
        z, root = (location - y) / scale, 1.0 / sqrt(df)
        ratio, finite = absolute(z) * root, z - z == 0.0
        far, half = ratio > 1e9, absolute(0.5 * location - 0.5 * y) * root
        ratio = where(finite, ratio, half) - 1.0
        power = log1p(where(far, ratio, z * z * (1.0 / df)))
        lost = where(finite, 0.0, 0.6931471805599453 - log(scale))  # what the ratio lacks
        return log(scale) + (df + 1.0) * where(far, power + lost, 0.5 * power)

    @staticmethod
    def grad(location, scale, df, y):
        inverse, ratio = 1.0 / scale, (location - y) / scale
        finite = ratio * ratio - ratio * ratio == 0.0
        z = where(finite, ratio, 1.0)
        each = 1.0 / (df + z * z)
        far = 0.5 / where(finite, 1.0, 0.5 * location - 0.5 * y)
        by_location = (df + 1.0) * where(finite, each * z / scale, far)
        spread = df * ((1.0 - z) * (1.0 + z) * each)
        return by_location, where(finite, spread, -df) * inverse

    @staticmethod
    def curvature(location, scale, df, y):
        ratio = (location - y) / scale
        finite = ratio * ratio - ratio * ratio == 0.0
        z = where(finite, ratio, 1.0)
        each = 1.0 / (df + z * z)
        share, rest = df * each, z * z * each
        far = 0.5 / where(finite, 1.0, 0.5 * location - 0.5 * y)
        near = each / scale / scale * (share - rest)
        by_location = (df + 1.0) * where(finite, near, -far * far)
        mixed = where(finite, share / scale * (z * each / scale), df * (scale * far) * far * far)
        turn = where(finite, rest * (3.0 * share + rest + each) - share * each, 1.0)
        by_scale = df / scale / scale * turn
        return by_location, -2.0 * (df + 1.0) * mixed, by_scale

    @staticmethod
    def grad_target(location, scale, df, y):
        ratio = (location - y) / scale
        finite = ratio * ratio - ratio * ratio == 0.0
        z = where(finite, ratio, 1.0)
        far = 0.5 / where(finite, 1.0, 0.5 * y - 0.5 * location)
        return (df + 1.0) * where(finite, -(z / (df + z * z) / scale), far)

    @staticmethod
    def constant(df, y):
        return 0.5 * log(3.141592653589793 * df) - log_rising(0.5 * df, 0.5 + 0.0 * df)


class ScaledLaplace(Elementwise):
    """A real target with errors from a two-sided exponential, whose scale is predicted too.

    Model: y ~ Laplace(location, scale). The scale is taken to be at least `eps`, and the
    derivatives are those at that floor.

    Source: Z. Zhou, L. Ye, J. Wang, K. Wu, K. Lu, HiVT: Hierarchical vector transformer for
    multi-agent motion prediction, CVPR 2022 (its `LaplaceNLLLoss`).
    """

    inputs = ("location", "scale")
    settings = ("eps",)
    domains = (anything, nonnegative)
    support = real
    smooth = False

    @staticmethod
    def distribution(location, scale, eps):
        return distributions.Laplace(location, scale)

    @staticmethod
    def nll(location, scale, eps, y):
        b = at_least(scale, eps)
        return log(b) + absolute(location - y) * (1.0 / b)

    @staticmethod
    def grad(location, scale, eps, y):
        b, error = at_least(scale, eps), location - y
        side = where(error > 0.0, 1.0, where(error < 0.0, -1.0, 0.0))
        inverse = 1.0 / b
        return side * inverse, (b - absolute(error)) * inverse * inverse

    @staticmethod
    def curvature(location, scale, eps, y):
        b, error = at_least(scale, eps), location - y
        side = where(error > 0.0, 1.0, where(error < 0.0, -1.0, 0.0))
        return 0.0, -side / b / b, (2.0 * absolute(error) - b) / b / b / b

    @staticmethod
    def grad_target(location, scale, eps, y):
        error = location - y
        side = where(error > 0.0, 1.0, where(error < 0.0, -1.0, 0.0))
        return -side / at_least(scale, eps)

    @staticmethod
    def constant(eps, y):
        return 0.6931471805599453  # ln 2


class Expectile(Elementwise):
    """The expectile of a `level` of a real target: asymmetric squared errors.

    Model: y ~ AsymmetricNormal(expectile, level), of a density proportional to
    exp(−|level − [y < expectile]| · (y − expectile)²), where the level lies between 0 and 1. The
    mean is the expectile of level ½, at which the loss is half the squared error.

    Source: W. K. Newey, J. L. Powell, Asymmetric least squares estimation and testing,
    Econometrica 55, 1987.
    """

    inputs = ("expectile",)
    settings = ("level",)
    support = real

    @staticmethod
    def distribution(expectile, level):
        return distributions.AsymmetricNormal(expectile, level)

    @staticmethod
    def nll(expectile, level, y):
        error = expectile - y
        return where(error > 0.0, 1.0 - level, level) * error * error

    @staticmethod
    def grad(expectile, level, y):
        error = expectile - y
        return 2.0 * where(error > 0.0, 1.0 - level, level) * error

    @staticmethod
    def curvature(expectile, level, y):
        return 2.0 * where(expectile > y, 1.0 - level, level)

    @staticmethod
    def grad_target(expectile, level, y):
        error = y - expectile
        return 2.0 * where(error < 0.0, 1.0 - level, level) * error

    @staticmethod
    def constant(level, y):
        return log(0.886226925452758 * (1.0 / sqrt(level) + 1.0 / sqrt(1.0 - level)))  # √π / 2

    @staticmethod
    def information(expectile, level):
        return 2.0 * sqrt(level * (1.0 - level))


class QuantileOfLevel(Elementwise):
    """Quantiles of several levels of a real target: the pinball loss.

    Model: y ~ AsymmetricLaplace(quantile, level), as for `Quantile`, with a level for each element.

    Source: R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978.
    """

    inputs = ("quantile",)
    given = ("level",)
    support = real
    well_conditioned = anything
    smooth = False
    normalised = False

    @staticmethod
    def nll(quantile, level, y):
        error = y - quantile
        return where(error < 0.0, level - 1.0, level) * error

    @staticmethod
    def grad(quantile, level, y):
        return where(y > quantile, -level, where(y < quantile, 1.0 - level, 0.0))

    @staticmethod
    def curvature(quantile, level, y):
        return 0.0

    @staticmethod
    def grad_target(quantile, level, y):
        return where(y > quantile, level, where(y < quantile, level - 1.0, 0.0))
