"""Likelihoods that exist nowhere in neglog."""

import torch

from neglog.fitting.likelihoods.registry import Kind
from neglog.likelihood import Elementwise
from neglog.primitives.reference import absolute, exp, log, log1p, sigmoid, softplus
from neglog.support import nonnegative, positive, real


class Geometric(Elementwise):
    """The number of failures before a success; the model outputs the logarithm of its mean."""

    inputs = ("log_mean",)
    support = nonnegative
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
