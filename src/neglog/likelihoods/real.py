"""Likelihoods of a target that may be any real number."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import absolute, at_least, erf, exp, log, where
from neglog.support import anything, nonnegative, real


class Normal(Elementwise):
    """A real target with normal errors of unit variance: least squares.

    Model: y ~ Normal(mean, 1). `MSELoss` and `SSELoss` are twice this loss, which is the normal
    likelihood of variance ½.

    Source: C. F. Gauss, Theoria motus corporum coelestium, 1809, book II, section 3.
    """

    inputs = ("mean",)
    support = real
    well_conditioned = anything
    link = "identity"

    @staticmethod
    def distribution(mean):
        return distributions.Normal(mean, 1.0)

    @staticmethod
    def nll(mean, y):
        return 0.5 * (mean - y) * (mean - y)

    @staticmethod
    def constant(y):
        return 0.9189385332046727  # ½ ln 2π


class HeteroscedasticNormal(Elementwise):
    """A real target with normal errors, whose variance is predicted too: Gaussian NLL.

    Model: y ~ Normal(mean, √variance). As in torch, the variance is taken to be at least
    `eps`, and the derivatives are those at that floor.

    Source: D. A. Nix, A. S. Weigend, Estimating the mean and variance of the target probability
    distribution, ICNN 1994.
    """

    inputs = ("mean", "variance")
    settings = ("eps",)
    domains = (anything, nonnegative)
    support = real

    @staticmethod
    def distribution(mean, variance, eps):
        return distributions.Normal(mean, variance**0.5)

    @staticmethod
    def nll(mean, variance, eps, y):
        v, error = at_least(variance, eps), mean - y
        return 0.5 * log(v) + 0.5 * error * (error * (1.0 / v))  # the square may overflow

    @staticmethod
    def grad(mean, variance, eps, y):
        v, error = at_least(variance, eps), mean - y
        precision, square = 1.0 / v, error * error
        by_mean = error * precision
        near = 0.5 * (v - square) * precision * precision
        far = 0.5 * (precision - by_mean * by_mean)  # where a number is too large to be squared
        size = v + square
        return by_mean, where(size - size == 0.0, near, far)

    @staticmethod
    def curvature(mean, variance, eps, y):
        v = at_least(variance, eps)
        z = (mean - y) / v
        return 1.0 / v, -z / v, z * (z / v) - 0.5 / v / v

    @staticmethod
    def grad_target(mean, variance, eps, y):
        return (y - mean) / at_least(variance, eps)

    @staticmethod
    def constant(eps, y):
        return 0.9189385332046727  # ½ ln 2π


class Laplace(Elementwise):
    """A real target with errors from a two-sided exponential: least absolute errors.

    Model: y ~ Laplace(mean, 1). The best constant prediction is the median.

    Source: P.-S. Laplace, Mémoire sur la probabilité des causes par les évènemens, 1774.
    """

    inputs = ("mean",)
    support = real
    well_conditioned = anything
    link = "identity"
    smooth = False

    @staticmethod
    def distribution(mean):
        return distributions.Laplace(mean, 1.0)

    @staticmethod
    def nll(mean, y):
        return absolute(mean - y)

    @staticmethod
    def constant(y):
        return 0.6931471805599453  # ln 2

    @staticmethod
    def information(mean):
        return 1.0


class Huber(Elementwise):
    """A real target with normal errors up to `delta` and exponential ones beyond: robust.

    Model: y ~ Huber(mean, delta). `SmoothL1Loss` is this loss divided by its delta.

    Source: P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical
    Statistics 35, 1964.
    """

    inputs = ("mean",)
    settings = ("delta",)
    support = real
    well_conditioned = anything
    link = "identity"

    @staticmethod
    def distribution(mean, delta):
        return distributions.Huber(mean, delta)

    @staticmethod
    def nll(mean, delta, y):
        error = absolute(mean - y)
        return where(error < delta, 0.5 * error * error, delta * (error - 0.5 * delta))

    @staticmethod
    def grad(mean, delta, y):
        error = mean - y
        return where(error > delta, delta, where(error < -delta, -delta, error))

    @staticmethod
    def curvature(mean, delta, y):
        return where(absolute(mean - y) < delta, 1.0, 0.0)

    @staticmethod
    def grad_target(mean, delta, y):
        error = y - mean
        return where(error > delta, delta, where(error < -delta, -delta, error))

    @staticmethod
    def constant(delta, y):
        middle = 2.5066282746310002 * erf(0.7071067811865475 * delta)  # √2π, 1/√2
        return log(middle + 2.0 / delta * exp(-0.5 * delta * delta))

    @staticmethod
    def information(mean, delta):
        # That the error is less than delta has this probability.
        middle = 2.5066282746310002 * erf(0.7071067811865475 * delta)
        return middle / (middle + 2.0 / delta * exp(-0.5 * delta * delta))


class Quantile(Elementwise):
    """The quantile of a `level` of a real target: the pinball, or check, loss.

    Model: y ~ AsymmetricLaplace(quantile, level), of the density
    level · (1 − level) · exp(−ρ(y − quantile)), where ρ(e) is level · e above 0 and
    (level − 1) · e below, and the level lies between 0 and 1. The best constant prediction is
    that quantile of the targets. At level ½ it is `Laplace` with twice the scale.

    Source: R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978.
    """

    inputs = ("quantile",)
    settings = ("level",)
    support = real
    well_conditioned = anything
    smooth = False
    link = "identity"

    @staticmethod
    def distribution(quantile, level):
        return distributions.AsymmetricLaplace(quantile, level)

    @staticmethod
    def nll(quantile, level, y):
        error = y - quantile
        return where(error < 0.0, level - 1.0, level) * error

    @staticmethod
    def grad(quantile, level, y):
        return where(y > quantile, -level, where(y < quantile, 1.0 - level, 0.0))

    @staticmethod
    def grad_target(quantile, level, y):
        return where(y > quantile, level, where(y < quantile, level - 1.0, 0.0))

    @staticmethod
    def constant(level, y):
        return -log(level * (1.0 - level))

    @staticmethod
    def information(quantile, level):
        return level * (1.0 - level)
