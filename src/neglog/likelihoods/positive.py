"""Likelihoods of a target that is a positive number."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import at_least, exp, log, log_gamma, where
from neglog.support import anything, nonnegative, positive


class Gamma(Elementwise):
    """A positive target whose deviation grows with its mean; the model outputs the log mean.

    Model: y ~ Gamma(shape, rate), the rate being shape / exp(log_mean): the mean is
    exp(log_mean), and 1 / √shape is the deviation's part of it. The shape is above 0; at 1 the
    target is exponential.

    Source: P. McCullagh, J. A. Nelder, Generalized linear models, 2nd edition, 1989, chapter 8.
    """

    inputs = ("log_mean",)
    settings = ("shape",)
    support = positive
    link = "log"

    @staticmethod
    def distribution(log_mean, shape):
        return distributions.Gamma(shape, shape * exp(-log_mean))

    @staticmethod
    def nll(log_mean, shape, y):
        return shape * (at_least(log_mean, -1e30) + y * exp(-log_mean))  # −∞ + ∞ is ∞ here

    @staticmethod
    def grad(log_mean, shape, y):
        return shape * (1.0 - y * exp(-log_mean))

    @staticmethod
    def constant(shape, y):
        return log_gamma(shape) - shape * log(shape) - (shape - 1.0) * log(y)

    @staticmethod
    def information(log_mean, shape):
        return shape


class LogNormal(Elementwise):
    """A positive target whose logarithm is normal, with predicted location and scale.

    Model: ln y ~ Normal(location, scale). The median of the target is exp(location).

    Source: E. L. Crow, K. Shimizu, Lognormal distributions: theory and applications, 1988.
    """

    inputs = ("location", "scale")
    domains = (anything, positive)
    support = positive
    link = "log"

    @staticmethod
    def distribution(location, scale):
        return distributions.LogNormal(location, scale)

    @staticmethod
    def nll(location, scale, y):
        z = (location - log(y)) / scale
        return log(scale) + 0.5 * z * z

    @staticmethod
    def grad(location, scale, y):
        z = (location - log(y)) / scale
        return z / scale, (1.0 - z) * ((1.0 + z) / scale)

    @staticmethod
    def curvature(location, scale, y):
        z, precision = (location - log(y)) / scale, 1.0 / scale / scale
        by_scale = 3.0 * (z / scale) * (z / scale) - precision
        return precision, -2.0 * (z / scale / scale), by_scale

    @staticmethod
    def grad_target(location, scale, y):
        return (log(y) - location) / scale / y / scale

    @staticmethod
    def constant(y):
        return log(y) + 0.9189385332046727  # ½ ln 2π


class InverseGaussian(Elementwise):
    """A positive, strongly skewed target; the model outputs the log mean.

    Model: y ~ InverseGaussian(exp(log_mean), shape). The variance is the cube of the mean divided
    by the shape, which is above 0.

    Source: P. McCullagh, J. A. Nelder, Generalized linear models, 2nd edition, 1989, chapter 2.
    """

    inputs = ("log_mean",)
    settings = ("shape",)
    support = positive
    link = "log"

    @staticmethod
    def distribution(log_mean, shape):
        return distributions.InverseGaussian(exp(log_mean), shape)

    @staticmethod
    def nll(log_mean, shape, y):
        error = y * exp(-log_mean) - 1.0
        return 0.5 * shape * error * (error / y)

    @staticmethod
    def grad(log_mean, shape, y):
        inverse = exp(-log_mean)
        return -shape * inverse * (y * inverse - 1.0)

    @staticmethod
    def curvature(log_mean, shape, y):
        inverse = exp(-log_mean)
        return shape * inverse * (2.0 * y * inverse - 1.0)

    @staticmethod
    def grad_target(log_mean, shape, y):
        inverse = exp(-log_mean)
        return 0.5 * shape * (inverse - 1.0 / y) * (inverse + 1.0 / y)

    @staticmethod
    def constant(shape, y):
        return 0.9189385332046727 + 1.5 * log(y) - 0.5 * log(shape)  # ½ ln 2π

    @staticmethod
    def information(log_mean, shape):
        return shape * exp(-log_mean)


class Tweedie(Elementwise):
    """A target that is 0 or positive, such as the claims of a policy; the model outputs log means.

    Model: y ~ Tweedie(exp(log_mean), dispersion, exponent), a sum of a Poisson number of gamma
    variables, whose variance is dispersion · mean^exponent. The exponent is above 1 (Poisson) and
    below 2 (gamma). The terms of the target alone, an infinite series, are omitted.

    Source: B. Jørgensen, Exponential dispersion models, Journal of the Royal Statistical Society B
    49, 1987.
    """

    inputs = ("log_mean",)
    settings = ("exponent", "dispersion")
    support = nonnegative
    normalised = False

    @staticmethod
    def nll(log_mean, exponent, dispersion, y):
        below, above = exponent - 1.0, 2.0 - exponent
        received = where(y > 0.0, y * exp(-below * log_mean), 0.0)
        return received / (below * dispersion) + exp(above * log_mean) / (above * dispersion)

    @staticmethod
    def grad(log_mean, exponent, dispersion, y):
        below, above = exponent - 1.0, 2.0 - exponent
        received = where(y > 0.0, y * exp(-below * log_mean), 0.0)
        return (exp(above * log_mean) - received) / dispersion

    @staticmethod
    def curvature(log_mean, exponent, dispersion, y):
        below, above = exponent - 1.0, 2.0 - exponent
        received = where(y > 0.0, y * exp(-below * log_mean), 0.0)
        return (above * exp(above * log_mean) + below * received) / dispersion

    @staticmethod
    def grad_target(log_mean, exponent, dispersion, y):
        return exp((1.0 - exponent) * log_mean) / (exponent - 1.0) / dispersion
