"""Likelihoods that exist nowhere in neglog."""

import torch

from neglog.fitting.likelihoods.registry import Kind
from neglog.likelihood import Elementwise
from neglog.primitives import (
    absolute,
    exp,
    log,
    log1p,
    log_gamma,
    sigmoid,
    softplus,
    where,
)
from neglog.support import Support, counts, open_unit_interval, positive, real


class Geometric(Elementwise):
    """The number of failures before a success; the model outputs the logarithm of its mean."""

    inputs = ("log_mean",)
    support = counts
    link = "log"

    @staticmethod
    def distribution(log_mean):
        return torch.distributions.Geometric(logits=-log_mean)

    @staticmethod
    def nll(log_mean, y):
        return softplus(log_mean) + y * softplus(-log_mean)

    @staticmethod
    def grad(log_mean, y):
        return sigmoid(log_mean) - y * sigmoid(-log_mean)

    @staticmethod
    def curvature(log_mean, y):
        return (1.0 + y) * sigmoid(log_mean) * sigmoid(-log_mean)

    @staticmethod
    def grad_target(log_mean, y):
        return softplus(-log_mean)

    @staticmethod
    def constant(y):
        return 0.0

    @staticmethod
    def information(log_mean):
        return sigmoid(log_mean)


geometric = Kind(Geometric, counts=True)


class InverseGaussian(Elementwise):
    """A positive target whose variance is the dispersion times its mean cubed."""

    inputs = ("log_mean",)
    settings = ("dispersion",)
    support = positive
    link = "log"

    @staticmethod
    def distribution(log_mean, dispersion):
        return Wald(log_mean.exp(), 1 / dispersion)

    @staticmethod
    def nll(log_mean, dispersion, y):
        error = y * exp(-log_mean) - 1.0
        return 0.5 * error * error / (dispersion * y)

    @staticmethod
    def grad(log_mean, dispersion, y):
        return exp(-log_mean) * (1.0 - y * exp(-log_mean)) / dispersion

    @staticmethod
    def curvature(log_mean, dispersion, y):
        return exp(-log_mean) * (2.0 * y * exp(-log_mean) - 1.0) / dispersion

    @staticmethod
    def grad_target(log_mean, dispersion, y):
        error = y * exp(-log_mean) - 1.0
        return error * (exp(-log_mean) - 0.5 * error / y) / (dispersion * y)

    @staticmethod
    def constant(dispersion, y):
        return 0.9189385332046727 + 0.5 * log(dispersion) + 1.5 * log(y)

    @staticmethod
    def information(log_mean, dispersion):
        return exp(-log_mean) / dispersion


class Wald:
    """The inverse Gaussian distribution, which torch does not have."""

    def __init__(self, mean, shape):
        self.mean, self.shape = mean, shape

    def log_prob(self, y):
        scaled = (y - self.mean) / self.mean
        return 0.5 * torch.log(self.shape / (2 * torch.pi * y**3)) - self.shape * scaled**2 / (
            2 * y
        )

    def cdf(self, y):
        root = (self.shape / y).sqrt()
        above = torch.special.ndtr(root * (y / self.mean - 1))
        rest = torch.special.log_ndtr(-root * (y / self.mean + 1)) + 2 * self.shape / self.mean
        return above + rest.exp()


class AnySign(Geometric):
    """The same, but for a support that the link does not reach."""

    support = real


class Kinked(Geometric):
    """The same, but for a promise that is broken."""

    smooth = False


class Logistic(Elementwise):
    """A real target with logistic errors of an estimated scale."""

    inputs = ("location",)
    settings = ("scale",)
    support = real
    link = "identity"

    @staticmethod
    def distribution(location, scale):
        ends = torch.distributions.Uniform(0.0, 1.0)
        logit = torch.distributions.SigmoidTransform().inv
        scaled = torch.distributions.AffineTransform(location, scale)
        return torch.distributions.TransformedDistribution(ends, [logit, scaled])

    @staticmethod
    def nll(location, scale, y):
        z = absolute((y - location) / scale)
        return z + 2.0 * log1p(exp(-z)) + log(scale)

    @staticmethod
    def grad(location, scale, y):
        z = (location - y) / scale
        return (sigmoid(z) - sigmoid(-z)) / scale

    @staticmethod
    def curvature(location, scale, y):
        z = (y - location) / scale
        return 2.0 * sigmoid(z) * sigmoid(-z) / (scale * scale)

    @staticmethod
    def grad_target(location, scale, y):
        z = (y - location) / scale
        return (sigmoid(z) - sigmoid(-z)) / scale

    @staticmethod
    def constant(scale, y):
        return 0.0

    @staticmethod
    def information(location, scale):
        return 1.0 / (3.0 * scale * scale)


class StudentT(Elementwise):
    """Heavy-tailed errors: y ~ location + scale · t(df)."""

    inputs, settings, support, link = ("location", "log_scale"), ("df",), real, "identity"

    def nll(location, log_scale, df, y):
        z = (y - location) * exp(-log_scale)
        tails = 0.5 * (df + 1.0) * log1p(z * z / df) + 0.5 * log(df)
        return log_scale + tails + log_gamma(0.5 * df) - log_gamma(0.5 * (df + 1.0))

    def constant(df, y):
        return 0.5723649429247001


class Weibull(Elementwise):
    """A positive target of an emitted shape, its quantile at 1 − 1/e by a log link."""

    inputs, domains, support, link = ("log_quantile", "shape"), (real, positive), positive, "log"

    def nll(log_quantile, shape, y):
        z = shape * (log(y) - log_quantile)
        return exp(z) - z - log(shape) + log(y)


class ZeroInflatedPoisson(Elementwise):
    """Counts that are 0 with an extra probability."""

    inputs, domains = ("log_rate", "zeros"), (real, open_unit_interval)
    support, link = counts, "log"

    def nll(log_rate, zeros, y):
        rate = exp(log_rate)
        zero = -log(zeros + (1.0 - zeros) * exp(-rate))
        return where(y == 0.0, zero, rate - y * log_rate + log_gamma(y + 1.0) - log1p(-zeros))


class PerTrial(Elementwise):
    """A count of a given exposure."""

    inputs, given, support, link = ("log_rate",), ("exposure",), counts, "log"

    def nll(log_rate, exposure, y):
        return exposure * exp(log_rate) - y * log_rate


class Above(StudentT):
    """The same, but for a domain that no scale covers."""

    domains = (real, Support("at least 2", lambda x: x >= 2.0, (2.0, 3.0), (0.0,)))
