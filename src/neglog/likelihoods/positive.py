"""Likelihoods of a target that is a positive number."""

from __future__ import annotations

from neglog import distributions
from neglog.likelihood import Elementwise
from neglog.primitives.reference import at_least, exp, log, log_gamma
from neglog.support import positive


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
    def curvature(log_mean, shape, y):
        return shape * (y * exp(-log_mean))

    @staticmethod
    def grad_target(log_mean, shape, y):
        return shape * exp(-log_mean)

    @staticmethod
    def constant(shape, y):
        return log_gamma(shape) - shape * log(shape) - (shape - 1.0) * log(y)

    @staticmethod
    def information(log_mean, shape):
        return shape
