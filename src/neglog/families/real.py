"""Likelihoods of a target that may be any real number."""

from __future__ import annotations

from torch import distributions

from neglog.likelihood import Elementwise
from neglog.support import reals


class Normal(Elementwise):
    """A real target with normal errors of unit variance: least squares.

    Model: y ~ Normal(mean, 1). `MSELoss` and `SSELoss` are twice this loss, which is the normal
    likelihood of variance ½.

    Source: C. F. Gauss, Theoria motus corporum coelestium, 1809, book II, section 3.
    """

    inputs = ("mean",)
    support = reals

    @staticmethod
    def distribution(mean):
        return distributions.Normal(mean, 1.0)

    @staticmethod
    def nll(mean, y):
        return 0.5 * (mean - y) * (mean - y)

    @staticmethod
    def grad(mean, y):
        return mean - y

    @staticmethod
    def curvature(mean, y):
        return 1.0

    @staticmethod
    def grad_target(mean, y):
        return y - mean

    @staticmethod
    def constant(y):
        return 0.9189385332046727  # ½ ln 2π
